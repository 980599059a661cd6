"""What a config may have called: a `_target_` is imported and called, with whatever arguments the config gives.

So it must be one of those that the configs in `conf/` name, or one that the user trusts by name.
"""

import importlib
import inspect
import json
import os
import re
from difflib import get_close_matches
from functools import cache
from typing import Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from dlhw.config import CONF
from dlhw.errors import UserError, allowed, in_short, near

TRUST = "DLHW_TRUST_TARGETS"
# Read at import, before any config is: `hydra.job.env_set` in one would set the variable too
TRUSTED = tuple(name.strip().rstrip(".") for name in os.environ.get(TRUST, "").split(",") if name.strip())

# Of other libraries those, and not what conf/ says: a file from somebody that was put there would allow itself all.
# Each in its own section of a config: a logger in the place of a network would write where that says
LIBRARIES = {
    "pytorch_lightning.Trainer": "trainer",
    "pytorch_lightning.callbacks.EarlyStopping": "callbacks",
    "pytorch_lightning.callbacks.ModelCheckpoint": "callbacks",
    "pytorch_lightning.loggers.MLFlowLogger": "logger",
    "pytorch_lightning.loggers.TensorBoardLogger": "logger",
    "pytorch_lightning.loggers.WandbLogger": "logger",
    "torch.optim.Adam": "optimizer",
    "torch.optim.AdamW": "optimizer",
    "torch.optim.SGD": "optimizer",
}
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
        if "_target_" in config and not is_allowed(target, where.partition(".")[0]):
            name = in_short(target)  # one line, whatever it is
            raise UserError(
                f"{where}._target_={name}: refused, as it would be called; must be one that conf/ names there"
                f"{nearest(name)}, or one that you trust: {TRUST}={name} python ...".lstrip(".")
            )
        for key, value in config.items():
            check(value, f"{where}.{key}".lstrip("."))
    elif isinstance(config, list | tuple):
        for number, value in enumerate(config):
            check(value, f"{where}.{number}".lstrip("."))


def nearest(target: str) -> str:
    matches = get_close_matches(target, shipped(), n=1, cutoff=0.8)
    return f" (did you mean {matches[0]}?)" if matches else ""


def is_allowed(target: Any, section: str) -> bool:
    """Whether a target is shipped for a section of the config, or trusted; a trusted package trusts all in it."""
    if not isinstance(target, str):
        return False
    if target in shipped() and LIBRARIES.get(target, section) == section:
        return True
    return any(target == name or target.startswith(f"{name}.") for name in TRUSTED)


def check_arguments(config: Any, where: str = "") -> None:
    """Refuse a section with a key that what it has called does not take, or a value of another type than it asks for.

    Imports what is called.

    Args:
        config: plain values, of which `check` has refused nothing.
        where: the key that it stands at.

    Raises:
        UserError: one line with the key and what it may be instead, or what cannot be imported.
    """
    if isinstance(config, dict):
        if config.get("_target_") is not None:
            check_call(config, where)
        for key, value in config.items():
            check_arguments(value, f"{where}.{key}".lstrip("."))
    elif isinstance(config, list | tuple):
        for number, value in enumerate(config):
            check_arguments(value, f"{where}.{number}".lstrip("."))


def check_call(section: dict[str, Any], where: str) -> None:
    """Hold a section against the signature of what it has called."""
    types = taken_by(imported(section["_target_"], where))
    for name, value in section.items():
        key = f"{where}.{name}".lstrip(".")
        if types is None or re.fullmatch(r"_\w+_", name) or (key == "optimizer.lr" and value is None):
            continue  # Hydra's own, and a rate that is still to be found
        if name not in types:
            raise UserError(f"unknown key {key}{near(name, types, '`--cfg job`')}")
        check_value(value, types[name], key)


def check_value(value: Any, annotation: Any, key: str) -> None:
    """Hold a plain value against an annotation, where pydantic knows what that asks for."""
    if "_target_" in str(value):  # it asks for what is called there
        return
    strict = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)
    try:
        TypeAdapter(annotation, config=strict).validate_json(json.dumps(value, default=str))
    except PydanticUserError:
        return
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        place = ".".join([key, *(str(part) for part in detail["loc"] if isinstance(part, int))])
        raise UserError(f"{place}={in_short(detail['input'])}: {allowed(detail['msg'])}") from error


def imported(target: str, where: str) -> Any:
    module, _, name = target.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"{where}._target_={target}: cannot be imported ({error})".lstrip(".")) from error


def taken_by(called: Any) -> dict[str, Any] | None:
    """All arguments by their names, with their annotations; None where it takes any.

    What a class hands on is taken by those it is made of.
    """
    functions = [called]
    if inspect.isclass(called):
        functions = [vars(kind)["__init__"] for kind in called.__mro__[:-1] if "__init__" in vars(kind)]
    known: dict[str, Any] = {}
    for function in functions:
        parameters = inspect.signature(function).parameters.values()
        named = {
            one.name: one.annotation for one in parameters if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
        }
        known = named | known
        if not any(one.kind is one.VAR_KEYWORD for one in parameters):
            known.pop("self", None)
            return {name: Any if kind is inspect.Parameter.empty else kind for name, kind in known.items()}
    return None if functions else {}


@cache
def shipped() -> frozenset[str]:
    """What the configs in `conf/` have called.

    Searched for in their text: to parse a hundred files as YAML takes as long as all else until a run starts.
    """
    names = {name for file in CONF.rglob("*.yaml") for name in NAMED.findall(file.read_text(encoding="utf-8"))}
    return frozenset(LIBRARIES) | {name for name in names if OWN.fullmatch(name)}
