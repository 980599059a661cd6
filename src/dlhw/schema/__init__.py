"""What a valid config is: names, types and ranges, checked before anything heavy is imported.

Hydra has refused unknown keys by then; here each value is held against its type and range, and values
that depend on one another (a rank and the layers it is for) against each other.
"""

import re
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from dlhw import targets
from dlhw.errors import UserError, allowed, in_short, near
from dlhw.run_folder import at
from dlhw.schema.checks import CHECKS
from dlhw.schema.data import AUGMENTATIONS, KINDS, SPEECH, has_validation
from dlhw.schema.data_checks import (
    check_data_folder,
    check_kind,
    check_monitors,
    check_own_data,
    check_sizes,
    check_speech,
)
from dlhw.schema.fields import ACTIVATIONS, FLIPS, SCHEMES, Strict, one_of
from dlhw.schema.models import KINDS as MODELS
from dlhw.schema.nets import NETS
from dlhw.schema.run import RunConfig, Sweep
from dlhw.schema.trainer import Trainer

__all__ = [
    "ACTIVATIONS",
    "FLIPS",
    "SCHEMES",
    "SPEECH",
    "RunConfig",
    "Strict",
    "Sweep",
    "check_monitors",
    "one_of",
    "validate",
]

TAGS = (*AUGMENTATIONS, *KINDS, "OwnData", *NETS, *MODELS)  # of the unions, no keys of a config


def validate(cfg: DictConfig) -> None:
    """Refuse a config that cannot run.

    Raises:
        UserError: one line that names the key, its value and what is allowed.
    """
    try:
        check_kind(cfg)
        plain = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        if "data.num_classes" in str(error):
            dataset = OmegaConf.select(cfg, "data.dataset")
            raise UserError(
                f"data={dataset}: {cfg.name} tells classes apart, and these have none; choose an experiment "
                "on faces (face_autoencoder, eigenfaces, face_denoising), or data with classes (data=digits)"
            ) from error
        raise UserError(unresolved(error)) from error
    targets.check(plain)
    try:
        config = RunConfig.model_validate(plain)
    except ValidationError as error:
        raise UserError(first_line(error, plain)) from error
    for check in CHECKS:
        check(config)
    try:
        check_disk(config)
    except OSError as error:  # a name that is too long, a folder that may not be read
        raise UserError(f"data: {in_short(error.filename)} cannot be read ({error.strerror})") from error


def check_disk(config: RunConfig) -> None:
    """Hold the data against what it is known to be and what is on the disk, and what is chosen by it."""
    check_sizes(config.data, config.model.net)
    check_data_folder(config.data)
    check_speech(config.data)
    if config.data.dataset == "npz":
        check_own_data(config.data)
    else:  # whether a file has a validation part of its own is seen when it is read
        splits = {"val": has_validation(config.data), "test": config.data.test_every_epoch}
        check_monitors(config.callbacks, [split for split, measured in splits.items() if measured])


def unresolved(error: OmegaConfBaseException) -> str:
    """What a value lacks that is taken from another one."""
    text = str(error).splitlines()[0]
    if lacking := re.fullmatch(r"Interpolation key '(.+)' not found", text):
        text = f"is taken from {lacking[1]}, which there is none of; choose an option that does without, or give it"
    return f"{error.full_key}: {text}" if error.full_key else text


def first_line(error: ValidationError, plain: Any) -> str:
    """The first of pydantic's complaints as `key=value: what is allowed`."""
    detail = error.errors(include_url=False)[0]
    *section, name = (str(part) for part in detail["loc"] if part not in TAGS)  # pydantic tells which of a union
    key = ".".join([*section, name])
    if detail["type"] == "extra_forbidden":
        models: dict[tuple[str, ...], type[Strict]] = {(): RunConfig, ("trainer",): Trainer}
        present = [other for other in at(plain, *section) if other != name]
        known = models[tuple(section)].model_fields if tuple(section) in models else present
        return f"unknown key {key}{near(name, map(str, known), '`--cfg job`')}"
    if detail["type"] == "missing":
        return f"{key} is missing (see `--cfg job` for the whole config)"
    return f"{key}={in_short(detail['input'])}: {allowed(detail['msg'])}"
