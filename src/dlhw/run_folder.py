"""What a run's folder says of itself, read without trusting it: it may come from somebody else.

Imports neither torch nor Lightning.
"""

import io
import logging
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf

from dlhw import targets
from dlhw.command import override, train_command
from dlhw.config import CONF, compose_config
from dlhw.errors import UserError, in_short, printable
from dlhw.files import inside, read_json, read_text, refuse_links

log = logging.getLogger(__name__)

MOST_YAML = 100_000  # bytes; a config has some 5,000
DEEPEST = 30  # of a config's sections
MOST_RESOLVED = 10  # values that a value is made of
OPTION = re.compile(r"-|[+~]*hydra\b")  # of Hydra's own, or a setting of it
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")  # what steers a terminal


def config_of(run: Path, model: str, kind: str, example: str) -> dict[Any, Any]:
    """The config of a run of a model, as plain values with nothing resolved.

    Args:
        model: the `_target_` that its model must have.
        kind: what such a run is of, with its article; `example` trains one.

    Raises:
        UserError: there is none, it cannot be read, it is another model's, or links lead out of the folder.
    """
    file = run / "config.yaml"
    if not file.is_file():
        raise UserError(f"run={run}: no config.yaml there; it must be the folder of a run")
    refuse_links(run)
    config = content_of(file)
    if not isinstance(config, dict) or at(config, "model", "_target_") != model:
        raise UserError(
            f"run={run}: a run of {at(config, 'name') or 'something unknown'}, which is not {kind}; train one first: "
            f"python train.py experiment={example}"
        )
    return config


def content_of(file: Path) -> Any:
    """What a YAML file of a run's folder holds, as plain values with nothing resolved.

    Raises:
        UserError: it cannot be read, or is more than dlhw would have written.
    """
    try:
        text = read_text(file, MOST_YAML)
        refuse_strange(text)
        return OmegaConf.to_container(OmegaConf.load(io.StringIO(text)))
    except Exception as error:  # PyYAML raises whatever its constructors trip over
        reason = " ".join(str(error).split()) if type(error) in (UserError, ValueError) else ""
        raise UserError(
            f"{file} cannot be read{reason and f' ({reason})'}; run the experiment again, or give another folder"
        ) from error


def refuse_strange(text: str) -> None:
    """Refuse what a few lines of YAML can make endless, which is depth, and parts and values that are made of others;
    and what would steer the terminal.
    """
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise UserError(f"the alias *{event.anchor}, which dlhw never writes")
        if isinstance(event, yaml.ScalarEvent) and is_strange(event.value):
            raise UserError(f"{in_short(event.value, 20)!r}, which dlhw never writes")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise UserError("nested too deeply")


def is_strange(value: str) -> bool:
    return value == "<<" or value.count("${") > MOST_RESOLVED or CONTROL.search(value) is not None


def overrides_of(folder: Path) -> list[str]:
    """The settings that a run was started with, as its folder has them; none where it has no such file.

    Options of Hydra are left out: dlhw keeps none there, and others would load configs and plugins from anywhere.

    Raises:
        UserError: they cannot be read.
    """
    for name in ("overrides.yaml", ".hydra/overrides.yaml"):
        if (file := inside(folder, name)) is not None:
            overrides = content_of(file)
            given = map(str, overrides) if isinstance(overrides, list) else ()
            return [override for override in given if not OPTION.match(override)]
    return []


def config_to_resume(run: Path, root: Path, paths: dict[str, str]) -> dict[Any, Any]:
    """The whole config of a run that is to go on, as plain values; whether it is valid is still to be seen.

    What lies outside the run's folder is the user's, whatever the config says: it may have been made on another machine
    or by somebody else.

    Args:
        root: where the user has data looked for.
        paths: where the user keeps runs.

    Raises:
        UserError: it cannot be read, is no mapping, or holds what is not resolved.
    """
    file = run / "config.yaml"
    config = content_of(file)
    if not isinstance(config, dict):
        raise UserError(f"{file} holds no config; run the experiment again, or give another folder")
    refuse_unresolved(config, file, "the config")
    data = config.get("data")
    if isinstance(data, dict) and isinstance(before := data.get("root"), str):
        say_where("data.root", before, root)
        data |= {key: moved(data[key], before, root) for key in ("path", "root") if key in data}
    say_where("paths.outputs", at(config, "paths", "outputs"), Path(paths["outputs"]))
    return config | {"paths": paths}


def loggers_anew(run: Path) -> dict[str, Any]:
    """The loggers of a run as the shipped configs have them: where a run is logged to is not for its folder to say.

    Raises:
        UserError: one has a setting of its own, which its user can give again.
    """
    file = run / "config.yaml"
    saved = at(content_of(file), "logger")
    anew: dict[str, Any] = {}
    for name, section in saved.items() if isinstance(saved, dict) else ():
        is_shipped = (CONF / "logger" / f"{name}.yaml") in (CONF / "logger").iterdir()
        shipped = at(OmegaConf.to_container(compose_config([f"logger={name}"])), "logger", name) if is_shipped else None
        for key, value in section.items() if isinstance(section, dict) else ():
            if at(shipped, key) != value and "${" not in str(at(shipped, key)):
                raise UserError(
                    f"{file}: logger.{name}.{key}={value!r}: where a run is logged to is not taken from its folder; "
                    "choose a logger anew beside resume=, with the settings that you want: logger=... ++logger.*.*=..."
                )
        anew[name] = shipped
    return anew


def say_where(key: str, before: Any, now: Path) -> None:
    if str(before) != str(now):
        log.warning("%s is %s, though the run had %r; to have it elsewhere add %s=FOLDER", key, now, before, key)


def moved(path: Any, before: str, now: Path) -> Any:
    """A path as it is where the folder `before`, which it may lie in, is another one."""
    lies_in_it = isinstance(path, str) and Path(path).is_relative_to(before)
    return str(now / Path(path).relative_to(before)) if lies_in_it else path


def own_network(config: dict[Any, Any], file: Path, *keys: str) -> dict[str, Any]:
    """The section of a config at these keys, which tells how a network is built.

    Raises:
        UserError: there is none, or something else than what is shipped or trusted would be called.
    """
    section = at(config, *keys)
    where = ".".join(keys)
    if not at(section, "_target_"):
        raise UserError(f"{file}: {where} is missing; give the folder of an unchanged run")
    refuse_unresolved(section, file, where)
    try:
        targets.check(section, where)
    except UserError as error:
        raise UserError(f"{file}: {error}") from error
    return section


def refuse_unresolved(node: Any, file: Path, where: str) -> None:
    """Refuse what would become something else after it was looked at."""
    if isinstance(node, dict | list):
        for value in [*node, *node.values()] if isinstance(node, dict) else node:
            refuse_unresolved(value, file, where)
    elif "${" in str(node):
        raise UserError(f"{file}: {in_short(node)!r} in {where} is refused; must be a plain value, as dlhw writes it")


def checkpoint_of(run: Path, chosen: bool = False) -> Path:
    """The run's last checkpoint, or where `chosen` the best one, if it has one.

    Raises:
        UserError: there is none.
    """
    names = ["best.ckpt", "last.ckpt"] if chosen else ["last.ckpt"]
    for name in names:
        if (run / "checkpoints" / name).is_file():
            return run / "checkpoints" / name
    again = train_command(override("resume", run))
    raise UserError(f"run={run}: no checkpoints/{names[-1]} there; go on with {again}, or give another run=")


def name_of_data(run: Path, config: dict[Any, Any]) -> str:
    """What the run says of the data it was trained on; what its config says where it did not finish."""
    file = run / "results.json"
    try:
        results = read_json(file) if file.is_file() else None
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read ({error}); remove it to draw from the run all the same") from error
    return printable(str(at(results, "dataset", "name") or at(config, "data", "dataset")))


def at(node: Any, *keys: str) -> Any:
    """What is found in nested dicts along these keys, or None."""
    for key in keys:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def remove_unused(paths: Iterable[Path]) -> None:
    """Remove what a refused run has left of these: files, Hydra's notes, and folders that are empty by then."""
    for path in paths:
        if path.name == ".hydra":
            shutil.rmtree(path, ignore_errors=True)
        elif not path.is_dir():
            with suppress(OSError):  # it was never made
                path.unlink()
        elif not any(path.iterdir()):
            path.rmdir()
