"""What may be asked of Lightning's Trainer; the rest of it a run sets itself."""

import re
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, StrictBool, model_validator

from dlhw.errors import UserError
from dlhw.schema.fields import Count, Natural, Positive, Strict, called, name_in, one_of

ACCELERATORS = ("auto", "cpu", "gpu", "cuda", "mps")
STRATEGIES = ("auto", "ddp", "ddp_find_unused_parameters_true")
PRECISIONS = ("64-true", "32-true", "16-true", "bf16-true", "16-mixed", "bf16-mixed", "64", "32", "16", "bf16")
PROFILERS = ("simple", "advanced", "pytorch")
BY_RUN = (
    "callbacks", "default_root_dir", "deterministic", "enable_checkpointing", "enable_model_summary",
    "enable_progress_bar", "logger", "num_sanity_val_steps", "plugins", "use_distributed_sampler",
)  # fmt: skip


def number_of_devices(value: Any) -> int | str | list[int]:
    numbers = value if isinstance(value, list) else []
    if numbers and all(type(number) is int and number >= 0 for number in numbers):
        return value
    if value in ("auto", -1) or (type(value) is int and value >= 1):
        return value
    raise ValueError("must be a number of devices, auto, or a list of their numbers, such as [0,1]")


def known_precision(value: Any) -> str:
    return name_in(PRECISIONS, str(value) if type(value) is int else value)


def batches(value: Any) -> int | float:
    if (type(value) is int and value >= 0) or (type(value) is float and 0 <= value <= 1):
        return value
    raise ValueError("must be a number of batches, such as 10, or the share of them that is taken, from 0.0 to 1.0")


def interval(value: Any) -> int | float:
    if not batches(value) > 0:
        raise ValueError("must be a number of batches, at least 1, or a share of an epoch, above 0.0")
    return value


def duration(value: Any) -> str:
    if isinstance(value, str) and re.fullmatch(r"\d+:\d\d:\d\d:\d\d", value):
        return value
    raise ValueError("must be days:hours:minutes:seconds, such as 00:08:00:00")


def known_profiler(value: Any) -> Any:
    return called(value) if isinstance(value, dict) else name_in(PROFILERS, value)


def few_batches(value: Any) -> bool | int:
    if isinstance(value, bool) or (isinstance(value, int) and value >= 0):
        return value
    raise ValueError("must be true, false or a number of batches")


def or_null(check: Callable[[Any], Any]) -> PlainValidator:
    return PlainValidator(lambda value: None if value is None else check(value))


Batches = Annotated[Any, or_null(batches)]
Interval = Annotated[Any, or_null(interval)]
Duration = Annotated[Any, or_null(duration)]
Profiler = Annotated[Any, or_null(known_profiler)]
Clipping = Annotated[Any, or_null(partial(name_in, ("norm", "value")))]


class Trainer(Strict):
    class_: str = Field(alias="_target_")
    accelerator: Annotated[str, one_of(*ACCELERATORS)] = "auto"
    devices: Annotated[Any, PlainValidator(number_of_devices)] = "auto"
    num_nodes: Count = 1
    strategy: Annotated[str, one_of(*STRATEGIES)] = "auto"
    precision: Annotated[str, PlainValidator(known_precision)] = "32-true"
    max_epochs: Natural
    min_epochs: Natural | None = None
    max_steps: Annotated[int, Field(ge=-1, strict=True)] = -1
    min_steps: Natural | None = None
    max_time: Duration = None
    limit_train_batches: Batches = None
    limit_val_batches: Batches = None
    limit_test_batches: Batches = None
    overfit_batches: Annotated[Any, PlainValidator(batches)] = 0.0
    fast_dev_run: Annotated[Any, PlainValidator(few_batches)] = False
    val_check_interval: Interval = None
    check_val_every_n_epoch: Literal[1] = 1  # the best epoch is chosen among all
    log_every_n_steps: Natural | None = None
    accumulate_grad_batches: Count = 1
    gradient_clip_val: Positive | None
    gradient_clip_algorithm: Clipping = None
    benchmark: StrictBool | None = None
    detect_anomaly: StrictBool = False
    inference_mode: StrictBool = True
    profiler: Profiler = None
    reload_dataloaders_every_n_epochs: Natural = 0

    @model_validator(mode="before")
    @classmethod
    def leave_to_the_run(cls, section: Any) -> Any:
        for key in BY_RUN:
            if isinstance(section, dict) and key in section:
                raise UserError(f"trainer.{key}: is set by the run itself; leave it out")
        return section
