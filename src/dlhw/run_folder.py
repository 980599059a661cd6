"""What a run's folder says of itself, read without trusting it: it may come from somebody else.

Imports neither torch nor Lightning.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from dlhw import targets
from dlhw.errors import UserError

PICKLED = "dlhw.data.faces.FaceData"  # without a path of its own it reads Olivetti's as scikit-learn keeps them


def config_of(run: Path, model: str, kind: str, example: str) -> dict[Any, Any]:
    """The config of a run of a model, as plain values with nothing resolved.

    Args:
        model: the `_target_` that its model must have.
        kind: what such a run is of, with its article; `example` trains one.

    Raises:
        UserError: there is none, it cannot be read, or it is another model's.
    """
    file = run / "config.yaml"
    if not file.is_file():
        raise UserError(f"run={run}: no config.yaml there; it must be the folder of a run")
    config = content_of(file)
    if not isinstance(config, dict) or at(config, "model", "_target_") != model:
        raise UserError(
            f"run={run}: a run of {at(config, 'name') or 'something unknown'}, which is not {kind}; train one first: "
            f"python train.py experiment={example}"
        )
    return config


def content_of(file: Path) -> Any:
    """What a config.yaml holds, as plain values with nothing resolved.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return OmegaConf.to_container(OmegaConf.load(file))
    except (OSError, UnicodeDecodeError, YAMLError, OmegaConfBaseException) as error:
        raise UserError(f"{file} cannot be read; run the experiment again, or give another folder") from error


def config_to_resume(run: Path, root: Path) -> dict[Any, Any]:
    """The whole config of a run that is to go on, as plain values; whether it is valid is still to be seen.

    Args:
        root: where the user has data looked for.

    Raises:
        UserError: it cannot be read, is no mapping, holds what is not resolved, or would have a pickled file loaded
            from a folder that only the config names.
    """
    file = run / "config.yaml"
    config = content_of(file)
    if not isinstance(config, dict):
        raise UserError(f"{file} holds no config; run the experiment again, or give another folder")
    refuse_unresolved(config, file, "the config")
    refuse_pickle(config.get("data"), file, root)
    return config


def refuse_pickle(data: Any, file: Path, root: Path) -> None:
    if at(data, "_target_") != PICKLED or at(data, "path") is not None or at(data, "dataset") == "synthetic_faces":
        return
    named = Path(str(at(data, "root")))
    if named.resolve() != root.resolve():
        raise UserError(
            f"{file}: data.root={named}: the Olivetti faces there are a pickled file, which may run code when it is "
            "loaded; if you trust that folder, set DLHW_DATA_DIR to it"
        )


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
    if isinstance(node, dict | list):
        for value in node.values() if isinstance(node, dict) else node:
            refuse_unresolved(value, file, where)
    elif "${" in str(node):  # would become something else after it was looked at
        raise UserError(f"{file}: {node} in {where} is refused; must be a plain value, as dlhw writes it")


def checkpoint_of(run: Path, chosen: bool = False) -> Path:
    """The run's last checkpoint, or where `chosen` the best one, if it has one.

    Raises:
        UserError: there is none.
    """
    names = ["best.ckpt", "last.ckpt"] if chosen else ["last.ckpt"]
    for name in names:
        if (run / "checkpoints" / name).is_file():
            return run / "checkpoints" / name
    raise UserError(
        f"run={run}: no checkpoints/{names[-1]} there; go on with python train.py resume={run}, or give another run="
    )


def name_of_data(run: Path, config: dict[Any, Any]) -> str:
    """What the run says of the data it was trained on; what its config says where it did not finish."""
    file = run / "results.json"
    results = json.loads(file.read_text()) if file.is_file() else None
    return at(results, "dataset", "name") or str(at(config, "data", "dataset"))


def at(node: Any, *keys: str) -> Any:
    """What is found in nested dicts along these keys, or None."""
    for key in keys:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def remove_unused(folder: Path, num_parents: int = 1) -> bool:
    """Remove a folder that holds no more than Hydra's own notes and a log, and its parents if they are empty then."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    hydras = [path for path in files if path.parent.name == ".hydra" or path.name == "multirun.yaml"]
    if any(path not in hydras and path.suffix != ".log" for path in files):
        return False
    shutil.rmtree(folder, ignore_errors=True)
    for parent in folder.parents[:num_parents]:
        if parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()
    return True
