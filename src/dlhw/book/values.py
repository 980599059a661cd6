"""Figures of the book as a reader sees them, and whether they are what was asked."""

from collections.abc import Callable
from dataclasses import dataclass

from dlhw.book.plan import Asked, Bound, Column, Figure, Part, Row, Table, Where
from dlhw.book.records import Record
from dlhw.report.aggregate import Stat
from dlhw.report.text import MISSING

Records = Callable[[str], Record | None]  # by the study's name

SCALES = {"%": 100.0, "x1000": 1000.0}
SUFFIXES = {"%": " %", "dB": " dB"}  # in the table of what was asked; others name their unit in a head
DIGITS, DIGITS_PLAIN = 2, 4  # after the point, of numbers with a unit and with none


@dataclass(frozen=True)
class Answer:
    """A row of the table of what was asked: all in words, and whether it is reached (None: not measured)."""

    what: str
    elsewhere: str
    asked: str
    measured: str
    reached: bool | None


def shown(stat: Stat | None, unit: str, digits: int | None) -> str:
    """`98.63 ± 0.04`, in the unit; a dash where nothing was measured."""
    if stat is None:
        return MISSING
    if digits is None and not unit and float(stat.mean).is_integer() and not stat.std:
        return f"{int(stat.mean):,}"
    scale = SCALES.get(unit, 1.0)
    digits = digits if digits is not None else DIGITS if unit else DIGITS_PLAIN
    mean = f"{round(scale * stat.mean, digits) + 0.0:,.{digits}f}"  # + 0.0: no negative zero
    return mean if stat.std is None or stat.count < 2 else f"{mean} ± {scale * stat.std:,.{digits}f}"


def stat_of(figure: Figure, records: Records) -> Stat | None:
    record = records(figure.study)
    return None if record is None else record.stat(figure.where, figure.metric)


def answer(asked: Asked, records: Records) -> Answer:
    """What was asked, beside what was measured."""
    measured = stat_of(asked, records)
    bound = asked.atleast if asked.atleast is not None else asked.atmost
    sign = "≥" if asked.atleast is not None else "≤"
    limit = bound if isinstance(bound, float) else limit_of(bound, asked, records)  # type: ignore[arg-type]
    reached = None
    if measured is not None and limit is not None:
        reached = measured.mean >= limit if asked.atleast is not None else measured.mean <= limit
    bounding = None if limit is None else Stat(limit, None, 1)
    values = [shown(stat, asked.unit, asked.digits) for stat in (bounding, measured)]
    wanted, found = [value + SUFFIXES.get(asked.unit, "") * (value != MISSING) for value in values]
    return Answer(asked.what, asked.elsewhere, f"{sign} {wanted}", found, reached)


def limit_of(bound: Bound, asked: Asked, records: Records) -> float | None:
    """A bound that depends on another figure."""
    where = asked.where if bound.where is None else bound.where
    other = stat_of(Figure(study=bound.study or asked.study, metric=bound.metric, where=where), records)
    return None if other is None else bound.times * other.mean + bound.plus


def cells(table: Table, records: Records) -> list[list[str]]:
    """The table's rows, each with its label first."""
    return [[row.label, *(cell(table, row, column, records) for column in table.columns)] for row in table.rows]


def cell(table: Table, row: Row, column: Column, records: Records) -> str:
    study, metric = column.study or row.study or table.study, column.metric or row.metric or table.metric
    if study is None or metric is None:
        return ""
    key = row.label if row.key is None else row.key
    where = {name: key if value == "{key}" else value for name, value in merged(table, row, column).items()}
    figure = Figure(study=study, metric=metric.replace("{key}", key), where=where)
    unit = table.unit if column.unit is None else column.unit
    digits = table.digits if column.digits is None else column.digits
    return shown(stat_of(figure, records), unit, digits)


def merged(*parts: Part) -> Where:
    """What the parts say of the configuration; the last one has the last word."""
    return {name: value for part in parts for name, value in part.where.items()}
