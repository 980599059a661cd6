"""What the book consists of, as `conf/book.yaml` says: studies to run, figures to compare, tables to write."""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError, model_validator

from dlhw.config import CONF, short_name
from dlhw.errors import UserError
from dlhw.schema import Strict

FILE = CONF / "book.yaml"

Setting = str | int | float | bool | None
Where = dict[str, Setting]


class Study(Strict):
    """One command: an experiment, or a search, with fixed overrides, for each combination of what is swept.

    quick takes the place of what is swept in the quick book, and says what else is different there.
    """

    overrides: list[str]
    sweep: dict[str, list[Setting]] = {}
    quick: list[str] = []
    quick_sweep: dict[str, list[Setting]] | None = None


class Figure(Strict):
    """A measured number: of a study, the metric's mean and deviation over the seeds, in the row that `where` names."""

    study: str
    metric: str
    where: Where = {}
    unit: Annotated[str, Field(pattern="^(%|x1000|dB|)$")] = ""
    digits: int | None = None  # after the point; None: two, or four without a unit


class Bound(Strict):
    """What is asked: a number, or so many times another figure plus so much; that one is of the same row by default."""

    times: float = 1.0
    plus: float = 0.0
    metric: str
    study: str | None = None
    where: Where | None = None


class Asked(Figure):
    """A figure and what it should be, in the metric's own scale."""

    what: str
    elsewhere: str = ""
    atleast: float | Bound | None = None
    atmost: float | Bound | None = None

    @model_validator(mode="after")
    def one_bound(self) -> "Asked":
        if (self.atleast is None) == (self.atmost is None):
            raise ValueError("must have either atleast or atmost")
        return self


class Part(Strict):
    """What a row, a column or the table says of its figures; where several do, the column has the last word."""

    study: str | None = None
    metric: str | None = None
    where: Where = {}


class Column(Part):
    head: str
    unit: str | None = None
    digits: int | None = None


class Row(Part):
    label: str
    key: str | None = None  # what {key} stands for; None: the label


class Table(Part):
    """Rows by columns of figures; {key} in a metric or a where is the row's."""

    head: str
    rows: list[Row]
    columns: list[Column]
    unit: str = ""
    digits: int | None = None

    @property
    def parts(self) -> list[Part]:
        return [self, *self.columns, *self.rows]

    @property
    def studies(self) -> list[str]:
        """The studies that it shows, in the order of their first appearance."""
        return list(dict.fromkeys(part.study for part in self.parts if part.study is not None))


class Plan(Strict):
    studies: dict[str, Study]
    asked: dict[str, list[Asked]] = {}
    tables: dict[str, Table] = {}

    @model_validator(mode="after")
    def studies_exist(self) -> "Plan":
        named = {figure.study for figures in self.asked.values() for figure in figures}
        for table in self.tables.values():
            named |= set(table.studies)
        if unknown := named - self.studies.keys():
            raise ValueError(f"no study is called {', '.join(sorted(unknown))}")
        return self


@dataclass(frozen=True)
class Job:
    """One run of a study; `name` is its folder's."""

    study: str
    name: str
    overrides: list[str]
    is_search: bool = False


def read_plan(path: Path = FILE) -> Plan:
    """Raises UserError where the file does not say what a book is."""
    try:
        return Plan.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        place = ".".join(map(str, detail["loc"]))
        raise UserError(f"{path}: {place}: {detail['msg'].removeprefix('Value error, ')}") from error


def jobs_of(name: str, study: Study, quick: bool = False) -> list[Job]:
    """The runs of a study, those of the first seed first: a book that is interrupted then has something of all."""
    swept = study.sweep
    if quick:
        swept = {key: values[:1] for key, values in swept.items()} if study.quick_sweep is None else study.quick_sweep
    fixed = study.overrides + (study.quick if quick else [])
    seeds = swept.get("seed", [None])
    others = {key: values for key, values in swept.items() if key != "seed"}
    made = []
    for seed, *values in itertools.product(seeds, *others.values()):
        chosen = [f"{key}={spelled(value)}" for key, value in zip(others, values, strict=True)]
        chosen += [] if seed is None else [f"seed={seed}"]
        is_search = any(override.startswith("hparams_search=") for override in fixed)
        made.append(Job(name, short_name(",".join(chosen)) or "run", [*fixed, *chosen], is_search))
    return made


def spelled(value: Any) -> str:
    """A value as the command line has it."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def command(study: Study) -> str:
    """The command line that does the same as one sweep."""
    swept = [f"{key}={','.join(map(spelled, values))}" for key, values in study.sweep.items()]
    search = any(override.startswith("hparams_search=") for override in study.overrides)
    many = ["-m"] if search or any(len(values) > 1 for values in study.sweep.values()) else []
    return " ".join(["python", "train.py", *many, *study.overrides, *swept])
