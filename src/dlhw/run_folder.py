"""What a run's folder says of its network, read without trusting it: it may come from somebody else.

Imports neither torch nor Lightning.
"""

import json
import re
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from dlhw.errors import UserError

OWN_NETWORK = re.compile(r"dlhw\.nets\.\w+\.\w+")  # not all of dlhw: dlhw.files.os.remove is there


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
    try:
        config = OmegaConf.to_container(OmegaConf.load(file))
    except (OSError, UnicodeDecodeError, YAMLError, OmegaConfBaseException) as error:
        raise UserError(f"{file} cannot be read; run the experiment again, or give another run=") from error
    if not isinstance(config, dict) or at(config, "model", "_target_") != model:
        raise UserError(
            f"run={run}: a run of {at(config, 'name') or 'something unknown'}, which is not {kind}; train one first: "
            f"python train.py experiment={example}"
        )
    return config


def own_network(config: dict[Any, Any], file: Path, *keys: str) -> dict[str, Any]:
    """The section of a config at these keys, which tells how a network is built: one of dlhw's and nothing else.

    What a `_target_` names is called with arguments of whoever wrote the file.
    """
    section = at(config, *keys)
    where = ".".join(keys)
    if not at(section, "_target_"):
        raise UserError(f"{file}: {where} is missing; give the folder of an unchanged run")
    refuse_foreign(section, file, where)
    return section


def refuse_foreign(node: Any, file: Path, where: str) -> None:
    if isinstance(node, dict):
        target = str(node.get("_target_"))
        if "_target_" in node and not OWN_NETWORK.fullmatch(target):
            raise UserError(f"{file}: _target_={target} in {where} is refused; must be one of dlhw.nets")
        for value in node.values():
            refuse_foreign(value, file, where)
    elif isinstance(node, list):
        for value in node:
            refuse_foreign(value, file, where)
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
