"""Jobs that differ in nothing but the seed, taken together."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from dlhw.report.jobs import Job, Value
from dlhw.report.text import higher_is_better, is_number


@dataclass(frozen=True)
class Stat:
    mean: float
    std: float | None  # of the sample, with count - 1 in the denominator; None for a single value
    count: int


@dataclass(frozen=True)
class Group:
    """Successful jobs of one configuration; `num_seeds` of them."""

    config: dict[str, Value]
    num_seeds: int
    stats: dict[str, Stat]


def summarise(values: Iterable[Any]) -> Stat | None:
    """Mean and standard deviation of what was measured, None and NaN left out; None if nothing is left."""
    measured = [float(value) for value in values if is_number(value)]
    if not measured:
        return None
    std = statistics.stdev(measured) if len(measured) > 1 else None
    return Stat(statistics.fmean(measured), std, len(measured))


def aggregate(jobs: Sequence[Job], keys: Sequence[str]) -> list[Group]:
    """The successful jobs grouped by their values of `keys` (what was swept but `seed`), in the jobs' order."""
    groups: dict[tuple[Value, ...], list[Job]] = {}
    for job in jobs:
        if job.error is None:
            groups.setdefault(tuple(job.overrides.get(key) for key in keys), []).append(job)
    return [_group(dict(zip(keys, values, strict=True)), members) for values, members in groups.items()]


def best(groups: Sequence[Group], metric: str) -> int | None:
    """The index of the group with the best mean of `metric`, the first of several equal ones."""
    sign = 1 if higher_is_better(metric) else -1
    measured = [index for index, group in enumerate(groups) if metric in group.stats]
    return max(measured, key=lambda index: sign * groups[index].stats[metric].mean, default=None)


def _group(config: dict[str, Value], jobs: Sequence[Job]) -> Group:
    records = [job.measured for job in jobs]
    names = dict.fromkeys(name for record in records for name in record)
    stats = {name: summarise(record.get(name) for record in records) for name in names}
    return Group(config, len(jobs), {name: stat for name, stat in stats.items() if stat is not None})
