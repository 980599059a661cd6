"""What a valid config is: names, types and ranges, checked before anything heavy is imported.

Hydra has refused unknown keys by then; here each value is held against its type and range, and values
that depend on one another (a rank and the layers it is for) against each other.
"""

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError

from dlhw.errors import UserError, near

DATASETS = ("mnist", "fashion_mnist", "digits")
ACTIVATIONS = ("relu", "leaky_relu", "elu", "prelu", "tanh")


def rank(value: Any) -> int | str:
    if value == "full" or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise ValueError("must be a whole number of at least 1, or full")


def one_of(*names: str) -> Any:
    def check(value: Any) -> str:
        if value not in names:
            raise ValueError(f"is not known{near(str(value), names)}")
        return str(value)

    return PlainValidator(check)


Rank = Annotated[int | str, PlainValidator(rank)]
Count = Annotated[int, Field(ge=1, strict=True)]
Natural = Annotated[int, Field(ge=0, strict=True)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Open(BaseModel):
    """A section whose further keys are checked by the class it configures."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)


class Affine(Strict):
    target: str = Field(alias="_target_")
    degrees: Annotated[float, Field(ge=0, le=180)]
    shift: NonNegative
    scale: Share
    shear: Annotated[float, Field(ge=0, lt=90)]


class Data(Open):
    dataset: Annotated[str, one_of(*DATASETS)]
    root: str | None
    num_features: Count
    num_classes: Count
    num_val: Count
    split_seed: Natural
    batch_size: Count
    eval_batch_size: Count
    passes: Count
    augment: Affine | None
    test_every_epoch: bool


class Net(Open):
    target: str = Field(alias="_target_")
    hidden: Annotated[list[Count], Field(min_length=1)]
    activation: Annotated[str, one_of(*ACTIVATIONS)]
    batch_norm: bool
    dropout: Share


class Model(Open):
    label_smoothing: Share
    net: Net


class Optimizer(Open):
    lr: Positive
    weight_decay: NonNegative


class Trainer(Open):
    max_epochs: Natural
    gradient_clip_val: Positive | None
    devices: int | str


class Baseline(Strict):
    experiment: str
    overrides: list[str]


class Sweep(Strict):
    x: str | None
    y: Annotated[list[str], Field(min_length=1)]


class RunConfig(Strict):
    # what only some experiments have; first, as other settings depend on it
    baseline: Baseline | None = None
    start: dict[str, Any] | None = None
    rank: Rank | None = None
    ranks: list[Rank] | None = None
    compression: Annotated[float, Field(ge=1, allow_inf_nan=False)] | None = None
    inner_bias: bool = False
    ordered_start: bool = False
    truncation: Annotated[str, one_of("plain", "whitened")] = "plain"
    projection: Annotated[str, one_of("subspace", "exact")] = "subspace"
    # what every run has
    name: str
    seed: Annotated[int, Field(ge=0, lt=2**32, strict=True)]
    resume: str | None
    ckpt_path: str | None
    optimized_metric: str
    sweep: Sweep
    paths: dict[str, str]
    data: Data
    model: Model
    optimizer: Optimizer
    scheduler: dict[str, Any]
    trainer: Trainer
    callbacks: dict[str, Any]
    logger: dict[str, Any]


def validate(cfg: DictConfig) -> None:
    """Refuse a config that cannot run.

    Raises:
        UserError: one line that names the key, its value, what is allowed, and the file the key comes from.
    """
    try:
        plain = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise UserError(str(error).splitlines()[0]) from error
    try:
        config = RunConfig.model_validate(plain)
    except ValidationError as error:
        raise UserError(first_line(error)) from error
    check_ranks(config)
    check_data_folder(config.data)


def first_line(error: ValidationError) -> str:
    """The first of pydantic's complaints as `key=value: what is allowed`."""
    detail = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in detail["loc"])
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        return f"unknown key {key}{near(key, RunConfig.model_fields)}"
    message = message.replace("Input should be", "must be")
    return f"{key}={detail['input']}: {message} (see `--cfg job` for the whole config)"


def check_ranks(config: RunConfig) -> None:
    """A rank must fit at least one of the layers it is for; each layer caps it at its own full rank."""
    sizes = [config.data.num_features, *config.model.net.hidden]
    largest = max(min(pair) for pair in pairwise(sizes))
    for key, value in [("rank", config.rank), *(("ranks", value) for value in config.ranks or [])]:
        if isinstance(value, int) and value > largest:
            widths = "-".join(str(size) for size in [*sizes, config.data.num_classes])
            raise UserError(f"{key}={value}: larger than every layer of {widths}; must be 1 to {largest}, or full")


def check_data_folder(data: Data) -> None:
    """The data's folder must be there; `data/` itself is made on demand and downloaded into."""
    if data.root is None or data.root == "data":
        return
    root = Path(data.root)
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "does not exist"
        raise UserError(
            f"data.root={root} {what}; make it (the data is downloaded into it), set DLHW_DATA_DIR, "
            "or use data=digits, which needs no files"
        )
