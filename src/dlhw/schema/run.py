"""All that a run's config holds."""

from typing import Annotated

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo

from dlhw.config import compose_config
from dlhw.explain import one_line
from dlhw.schema.data import AnyData
from dlhw.schema.fields import (
    CELLS,
    DISTANCES,
    FLIPS,
    Called,
    Count,
    Depth,
    Name,
    Natural,
    NonNegative,
    Open,
    Override,
    Positive,
    Rank,
    Scheme,
    Seed,
    Share,
    Strict,
    distinct,
    experiment,
    one_of,
)
from dlhw.schema.models import AnyModel
from dlhw.schema.trainer import Trainer


class Optimizer(Open):
    class_: str = Field(alias="_target_")
    lr: Positive | None
    weight_decay: NonNegative


def composable(overrides: list[str], info: ValidationInfo) -> list[str]:
    if overrides and "experiment" in info.data:
        try:
            compose_config([f"experiment={info.data['experiment']}", *overrides])
        except (HydraException, OmegaConfBaseException) as error:
            raise ValueError(one_line(error)) from error
    return overrides


Overrides = Annotated[list[Override], AfterValidator(composable)]


class Baseline(Strict):
    experiment: Annotated[str, PlainValidator(experiment)]
    overrides: Overrides


class Reference(Strict):
    experiment: Annotated[str, PlainValidator(experiment)]
    overrides: Overrides = []
    seed: Seed | None = None  # None: that of the run which asks


class Sweep(Strict):
    x: str | None
    y: Annotated[list[str], Field(min_length=1)]
    history: list[str] = []
    pictures: list[str] = []


class RunConfig(Strict):
    # what only some experiments have; first, as other settings depend on it
    baseline: Baseline | None = None
    start: Called | None = None
    references: Annotated[list[Reference], AfterValidator(distinct)] = []
    drop_epoch: Count | None = None
    rank: Rank | None = None
    ranks: Annotated[list[Rank], Field(min_length=1), AfterValidator(distinct)] | None = None
    compression: Annotated[float, Field(ge=1, allow_inf_nan=False)] | None = None
    inner_bias: bool = False
    ordered_start: bool = False
    noise: Share | None = None
    flip: Annotated[str, one_of(*FLIPS)] = "symmetric"
    remedy: str | None = None
    layers: Count | None = None
    units: Count | None = None
    cell: Annotated[str, one_of(*CELLS)] = "lstm"
    distance: Annotated[str, one_of(*DISTANCES)] = "mse"
    early_stop_on: Annotated[str, one_of("val", "test")] = "val"
    l2: NonNegative | None = None
    inits: Annotated[int, Field(ge=1, le=6)] | None = None
    samples_per_epoch: Count | None = None
    grid_size: Annotated[int, Field(ge=5, le=500)] | None = None
    subset: Count | None = None
    schemes: Annotated[list[Scheme], Field(min_length=1), AfterValidator(distinct)] | None = None
    depths: Annotated[list[Depth], Field(min_length=1), AfterValidator(distinct)] | None = None
    draws: Annotated[int, Field(ge=2)] | None = None
    latent: Annotated[int, Field(ge=1, le=4096)] | None = None
    recipe: str | None = None
    corruption: Annotated[list[Share], Field(min_length=1), AfterValidator(distinct)] | None = None
    steps: Natural | None = None
    truncation: Annotated[str, one_of("plain", "whitened")] = "plain"
    projection: Annotated[str, one_of("subspace", "exact")] = "subspace"
    # what every run has
    name: Name
    seed: Seed
    resume: str | None
    ckpt_path: str | None
    test: bool = True
    optimized_metric: str
    sweep: Sweep
    paths: dict[str, Annotated[str, Field(min_length=1)]]
    data: AnyData
    model: AnyModel
    optimizer: Optimizer
    scheduler: Called
    trainer: Trainer
    callbacks: dict[str, Called | None]
    logger: dict[str, Called]
