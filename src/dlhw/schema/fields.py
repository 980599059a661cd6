"""What single values may be: names of a list, whole numbers, shares, decibels."""

from collections.abc import Collection
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, PlainValidator

from dlhw.config import experiments
from dlhw.errors import in_short, near
from dlhw.run_folder import OPTION

FLIPS = ("symmetric", "next", "mnist", "fashion")
SCHEMES = ("he", "he_fan_out", "xavier", "torch")
ACTIVATIONS = ("relu", "leaky_relu", "elu", "prelu", "tanh")
CELLS = ("lstm", "gru")
DISTANCES = ("mse", "bce")
LOSSES = ("bce", "magnitude", "snr")  # of mask estimators


def rank(value: Any) -> int | str:
    if value == "full" or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise ValueError("must be a whole number of at least 1, or full")


def name_in(names: Collection[str], value: Any, lister: str = "") -> str:
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"is not known{near(in_short(value), names, lister)}")
    return value


def one_of(*names: str) -> Any:
    return PlainValidator(partial(name_in, names))


def experiment(value: Any) -> str:
    return name_in(experiments(), value, "`python train.py`")


def distinct(values: list[Any]) -> list[Any]:
    if any(value in values[:number] for number, value in enumerate(values)):
        raise ValueError("names the same thing twice")
    return values


def scheme(value: Any) -> str | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not 1e-6 <= value <= 100:
            raise ValueError("must be from 1e-6 to 100, as a standard deviation")
        return float(value)
    if not isinstance(value, str) or value not in SCHEMES:
        raise ValueError(f"is neither a standard deviation nor a known scheme{near(in_short(value), SCHEMES)}")
    return value


def called(section: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(section.get("_target_"), str):
        raise ValueError("must have a _target_ that names what is called; is the name of the section right?")
    return section


Called = Annotated[dict[str, Any], AfterValidator(called)]


def plain_name(value: str) -> str:
    """What a folder or a file can be called, and a line of a log can show."""
    if not value.isprintable() or value.startswith(".") or {"/", "\\"} & set(value) or not 0 < len(value) <= 100:
        raise ValueError("must be a name: 1 to 100 letters, no control characters, no / or \\, no dot in front")
    return value


def override(value: str) -> str:
    if not value.isprintable() or OPTION.match(value):
        raise ValueError("must be a setting of an experiment, such as trainer.max_epochs=5")
    return value


Name = Annotated[str, AfterValidator(plain_name)]
Override = Annotated[str, AfterValidator(override)]
Rank = Annotated[int | str, PlainValidator(rank)]
Scheme = Annotated[str | float, PlainValidator(scheme)]
Count = Annotated[int, Field(ge=1, lt=2**31)]
Depth = Annotated[int, Field(ge=2)]
Natural = Annotated[int, Field(ge=0, lt=2**31)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]
Decibels = Annotated[float, Field(ge=-60, le=60)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True, strict=True)


class Open(BaseModel):
    """A section whose further keys are checked by the class it configures."""

    model_config = ConfigDict(extra="allow", populate_by_name=True, strict=True)


def class_name(section: Any) -> str:
    """The class that a section's `_target_` names."""
    return str(section.get("_target_") if isinstance(section, dict) else section).rpartition(".")[2]


def known_class(*names: str, default: str) -> Any:
    """Tells which of a union's classes a section is for: the one that its `_target_` names, or else the default."""
    return Discriminator(lambda section: class_name(section) if class_name(section) in names else default)
