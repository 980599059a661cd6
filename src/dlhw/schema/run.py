"""All that a run's config holds."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator

from dlhw.schema.data import AnyData
from dlhw.schema.fields import (
    CELLS,
    DISTANCES,
    FLIPS,
    Count,
    Depth,
    Natural,
    NonNegative,
    Open,
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


class Optimizer(Open):
    lr: Positive | None
    weight_decay: NonNegative


class Trainer(Open):
    max_epochs: Natural
    gradient_clip_val: Positive | None
    devices: int | str
    strategy: str = "auto"


class Baseline(Strict):
    experiment: str
    overrides: list[str]


class Reference(Strict):
    experiment: Annotated[str, PlainValidator(experiment)]
    overrides: list[str] = []
    seed: Seed | None = None  # None: that of the run which asks


class Sweep(Strict):
    x: str | None
    y: Annotated[list[str], Field(min_length=1)]
    history: list[str] = []
    pictures: list[str] = []


class RunConfig(Strict):
    # what only some experiments have; first, as other settings depend on it
    baseline: Baseline | None = None
    start: dict[str, Any] | None = None
    references: Annotated[list[Reference], AfterValidator(distinct)] = []
    drop_epoch: Count | None = None
    rank: Rank | None = None
    ranks: list[Rank] | None = None
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
    inits: Annotated[int, Field(ge=1, le=6, strict=True)] | None = None
    samples_per_epoch: Count | None = None
    grid_size: Annotated[int, Field(ge=5, le=500, strict=True)] | None = None
    subset: Count | None = None
    schemes: Annotated[list[Scheme], Field(min_length=1), AfterValidator(distinct)] | None = None
    depths: Annotated[list[Depth], Field(min_length=1), AfterValidator(distinct)] | None = None
    draws: Annotated[int, Field(ge=2, strict=True)] | None = None
    latent: Annotated[int, Field(ge=1, le=4096, strict=True)] | None = None
    recipe: str | None = None
    corruption: Annotated[list[Share], Field(min_length=1), AfterValidator(distinct)] | None = None
    steps: Natural | None = None
    truncation: Annotated[str, one_of("plain", "whitened")] = "plain"
    projection: Annotated[str, one_of("subspace", "exact")] = "subspace"
    # what every run has
    name: str
    seed: Seed
    resume: str | None
    ckpt_path: str | None
    test: bool = True
    optimized_metric: str
    sweep: Sweep
    paths: dict[str, str]
    data: AnyData
    model: AnyModel
    optimizer: Optimizer
    scheduler: dict[str, Any]
    trainer: Trainer
    callbacks: dict[str, Any]
    logger: dict[str, Any]
