"""What a config may have called: a `_target_` is imported and called, with whatever arguments the config gives.

So it must be one of those that the configs in `conf/` name, or one that the user trusts by name.
"""

import os
import re
from functools import cache
from typing import Any

from dlhw.config import CONF
from dlhw.errors import UserError

TRUST = "DLHW_TRUST_TARGETS"
# Read at import, before any config is: `hydra.job.env_set` in one would set the variable too
TRUSTED = tuple(name.strip().rstrip(".") for name in os.environ.get(TRUST, "").split(",") if name.strip())

# Of other libraries those, and not what conf/ says: a file from somebody that was put there would allow itself anything
LIBRARIES = frozenset({
    "pytorch_lightning.Trainer",
    "pytorch_lightning.callbacks.EarlyStopping",
    "pytorch_lightning.callbacks.ModelCheckpoint",
    "pytorch_lightning.loggers.MLFlowLogger",
    "pytorch_lightning.loggers.TensorBoardLogger",
    "pytorch_lightning.loggers.WandbLogger",
    "torch.optim.Adam",
    "torch.optim.AdamW",
    "torch.optim.SGD",
})  # fmt: skip
# Of dlhw its building blocks, and nothing that their modules only import: dlhw.files.os.remove would be there too
OWN = re.compile(r"dlhw\.(nets|models|callbacks|data)\.\w+\.[A-Z]\w*|dlhw\.(models\.schedule|\w*start)\.[a-z]\w*")
NAMED = re.compile(r"\b_target_: *[\"']?([\w.]+)")


def check(config: Any, where: str = "") -> None:
    """Refuse a config in which any `_target_`, at any depth, is neither shipped nor trusted.

    Args:
        config: plain values, with nothing left to resolve.
        where: the key that it stands at.

    Raises:
        UserError: one line with the key, the target, and how to trust it.
    """
    if isinstance(config, dict):
        target = config.get("_target_")
        if "_target_" in config and not is_allowed(target):
            name = " ".join(str(target).split())  # one line, whatever it is
            raise UserError(
                f"{where}._target_={name}: refused, as it would be called; must be one that the configs in conf/ name, "
                f"or one that you trust: {TRUST}={name} python ...".lstrip(".")
            )
        for key, value in config.items():
            check(value, f"{where}.{key}".lstrip("."))
    elif isinstance(config, list | tuple):
        for number, value in enumerate(config):
            check(value, f"{where}.{number}".lstrip("."))


def is_allowed(target: Any) -> bool:
    """Whether a target is shipped or trusted; a trusted package trusts all in it."""
    if not isinstance(target, str):
        return False
    return target in shipped() or any(target == name or target.startswith(f"{name}.") for name in TRUSTED)


@cache
def shipped() -> frozenset[str]:
    """What the configs in `conf/` have called.

    Searched for in their text: to parse a hundred files as YAML takes as long as all else until a run starts.
    """
    names = {name for file in CONF.rglob("*.yaml") for name in NAMED.findall(file.read_text(encoding="utf-8"))}
    return LIBRARIES | {name for name in names if OWN.fullmatch(name)}
