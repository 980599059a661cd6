"""What a valid config is: names, types and ranges, checked before anything heavy is imported.

Hydra has refused unknown keys by then; here each value is held against its type and range, and values
that depend on one another (a rank and the layers it is for) against each other.
"""

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from dlhw import targets
from dlhw.errors import UserError, near
from dlhw.schema.checks import CHECKS
from dlhw.schema.data import AUGMENTATIONS, KINDS, SPEECH, has_validation
from dlhw.schema.data_checks import check_data_folder, check_kind, check_monitors, check_own_data, check_speech
from dlhw.schema.fields import ACTIVATIONS, FLIPS, SCHEMES, Strict, one_of
from dlhw.schema.models import KINDS as MODELS
from dlhw.schema.nets import NETS
from dlhw.schema.run import RunConfig, Sweep

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
            raise UserError(
                f"data={cfg.data.dataset}: {cfg.name} tells classes apart, and these have none; choose an experiment "
                "on faces (face_autoencoder, eigenfaces, face_denoising), or data with classes (data=digits)"
            ) from error
        raise UserError(str(error).splitlines()[0]) from error
    try:
        config = RunConfig.model_validate(plain)
    except ValidationError as error:
        raise UserError(first_line(error)) from error
    targets.check(plain)
    for check in CHECKS:
        check(config)
    check_data_folder(config.data)
    check_speech(config.data)
    if config.data.dataset == "npz":
        check_own_data(config.data)
    else:  # whether a file has a validation part of its own is seen when it is read
        splits = {"val": has_validation(config.data), "test": config.data.test_every_epoch}
        check_monitors(config.callbacks, [split for split, measured in splits.items() if measured])


def first_line(error: ValidationError) -> str:
    """The first of pydantic's complaints as `key=value: what is allowed`."""
    detail = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in detail["loc"] if part not in TAGS)  # pydantic tells which of a union
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        return f"unknown key {key}{near(key, RunConfig.model_fields)}"
    if detail["type"] == "missing":
        return f"{key} is missing (see `--cfg job` for the whole config)"
    message = message.replace("Input should be", "must be")
    return f"{key}={detail['input']}: {message} (see `--cfg job` for the whole config)"
