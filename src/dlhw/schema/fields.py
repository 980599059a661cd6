"""What single values may be: names of a list, whole numbers, shares, decibels."""

from collections.abc import Collection
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, PlainValidator

from dlhw.config import experiments
from dlhw.errors import near

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


def name_in(names: Collection[str], value: Any) -> str:
    if value not in names:
        raise ValueError(f"is not known{near(str(value), names)}")
    return str(value)


def one_of(*names: str) -> Any:
    return PlainValidator(partial(name_in, names))


def experiment(value: Any) -> str:
    return name_in(experiments(), value)


def distinct(values: list[Any]) -> list[Any]:
    if any(value in values[:number] for number, value in enumerate(values)):
        raise ValueError("names the same thing twice")
    return values


def scheme(value: Any) -> str | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not 1e-6 <= value <= 100:
            raise ValueError("must be from 1e-6 to 100, as a standard deviation")
        return float(value)
    if value not in SCHEMES:
        raise ValueError(f"is neither a standard deviation nor a known scheme{near(str(value), SCHEMES)}")
    return str(value)


Rank = Annotated[int | str, PlainValidator(rank)]
Scheme = Annotated[str | float, PlainValidator(scheme)]
Count = Annotated[int, Field(ge=1, strict=True)]
Depth = Annotated[int, Field(ge=2, strict=True)]
Natural = Annotated[int, Field(ge=0, strict=True)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]
Decibels = Annotated[float, Field(ge=-60, le=60)]
Seed = Annotated[int, Field(ge=0, lt=2**32, strict=True)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Open(BaseModel):
    """A section whose further keys are checked by the class it configures."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)


def class_name(section: Any) -> str:
    """The class that a section's `_target_` names."""
    return str(section.get("_target_") if isinstance(section, dict) else section).rpartition(".")[2]


def known_class(*names: str, default: str) -> Any:
    """Tells which of a union's classes a section is for: the one that its `_target_` names, or else the default."""
    return Discriminator(lambda section: class_name(section) if class_name(section) in names else default)
