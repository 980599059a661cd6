"""A sweep's jobs taken together: those that differ in nothing but the seed become one group."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlhw.metrics.names import higher_is_better
from dlhw.report.jobs import Job, Value, read_best, read_jobs, swept_keys
from dlhw.report.run import dataset_name
from dlhw.report.text import is_number


@dataclass(frozen=True)
class Stat:
    mean: float
    std: float | None  # of the sample, with count - 1 in the denominator; None for a single value
    count: int


@dataclass(frozen=True)
class Group:
    """The successful jobs of one configuration; `num_seeds` of them."""

    config: dict[str, Value]
    num_seeds: int
    stats: dict[str, Stat]


@dataclass(frozen=True)
class Sweep:
    folder: Path
    jobs: list[Job]
    swept: list[str]  # the overrides that differ between jobs, `seed` among them
    groups: list[Group]
    metrics: list[str]  # what the experiments ask to be shown, the most important first
    x: str | None  # a metric to draw them against, instead of the swept number
    history: list[str]  # metrics to be followed through the epochs
    pictures: list[str]  # names of the jobs' figures to be shown side by side
    baseline: float | None  # mean test accuracy of the networks that the jobs started from
    retrained: Job | None = None  # of a search: the run of its best setting, tested

    @property
    def done(self) -> list[Job]:
        return [job for job in self.jobs if job.error is None]

    @property
    def failed(self) -> list[Job]:
        return [job for job in self.jobs if job.error is not None]

    @property
    def configurations(self) -> list[tuple[dict[str, Value], list[Job]]]:
        return configurations(self.done, [key for key in self.swept if key != "seed"])

    @property
    def is_search(self) -> bool:
        return any("hparams_search" in job.overrides for job in self.jobs)

    @property
    def data_name(self) -> str:
        return ", ".join(sorted({dataset_name(job.results) for job in self.done}))

    @property
    def best(self) -> int | None:
        """The index of the group with the best mean of the first metric, the first of several equal ones."""
        metric = self.metrics[0] if self.metrics else ""
        sign = 1 if higher_is_better(metric) else -1
        measured = [index for index, group in enumerate(self.groups) if metric in group.stats]
        return max(measured, key=lambda index: sign * self.groups[index].stats[metric].mean, default=None)


def read_sweep(folder: Path) -> Sweep:
    """Reads the job folders below `folder`. Raises ValueError if there is none."""
    jobs = read_jobs(folder)
    if not jobs:
        raise ValueError(f"{folder} holds neither a run's results.json nor jobs (folders with overrides.yaml)")
    done = [job for job in jobs if job.error is None]
    swept = swept_keys(jobs)
    specs = [job.results.get("sweep") or {} for job in done]
    measured = {name for job in done for name in job.measured}
    wanted = [y for spec in specs for y in spec.get("y", []) if y in measured]
    wanted = wanted or [job.results["optimized_metric"] for job in done if job.results.get("optimized_metric")]
    axes = {spec.get("x") for spec in specs}
    return Sweep(
        folder=folder,
        jobs=jobs,
        swept=swept,
        groups=aggregate(done, [key for key in swept if key != "seed"]),
        metrics=list(dict.fromkeys(wanted)),
        x=axes.pop() if len(axes) == 1 else None,
        history=_named(specs, "history"),
        pictures=_named(specs, "pictures"),
        baseline=agreed_baseline(done),
        retrained=read_best(folder),
    )


def aggregate(jobs: Iterable[Job], keys: Sequence[str]) -> list[Group]:
    """A group for each configuration, in the jobs' order."""
    return [_group(config, members) for config, members in configurations(jobs, keys)]


def configurations(jobs: Iterable[Job], keys: Sequence[str]) -> list[tuple[dict[str, Value], list[Job]]]:
    """Each set of values of the overrides `keys` with the jobs that have it, in the jobs' order."""
    members: dict[tuple[Value, ...], list[Job]] = {}
    for job in jobs:
        members.setdefault(tuple(job.overrides.get(key) for key in keys), []).append(job)
    return [(dict(zip(keys, values, strict=True)), group) for values, group in members.items()]


def summarise(values: Iterable[Any]) -> Stat | None:
    """Mean and standard deviation of what was measured, None and NaN left out; None if nothing is left."""
    measured = [float(value) for value in values if is_number(value)]
    if not measured:
        return None
    std = statistics.stdev(measured) if len(measured) > 1 else None
    return Stat(statistics.fmean(measured), std, len(measured))


def agreed_baseline(jobs: Iterable[Job]) -> float | None:
    """The baseline's test accuracy, averaged over seeds; None unless all jobs of a seed report the same."""
    by_seed: dict[Any, set[Any]] = {}
    for job in jobs:
        value = job.measured.get("baseline/test_acc")
        by_seed.setdefault(job.results.get("seed"), set()).add(value if is_number(value) else None)
    if not by_seed or any(len(values) > 1 or None in values for values in by_seed.values()):
        return None
    return statistics.fmean(value for values in by_seed.values() for value in values)


def provenance(runs: Iterable[dict[str, Any]]) -> dict[str, list[Any]]:
    """On what data, with which seeds, where, when and by which code the runs with these results were made."""
    found: dict[str, set[Any]] = {"data": set(), "seeds": set(), "machines": set(), "dates": set(), "commits": set()}
    for run in runs:
        found["data"].add(dataset_name(run))
        found["seeds"].add(run.get("seed"))
        found["machines"].add(run.get("machine"))
        found["dates"].add(str(run.get("started") or "")[:10] or None)
        found["commits"].add(run.get("git_commit"))
    return {key: sorted(value for value in values if value is not None) for key, values in found.items()}


def _named(specs: Iterable[dict[str, Any]], key: str) -> list[str]:
    """What any of the experiments lists under `key`, each once; records older than the key lack it."""
    return list(dict.fromkeys(name for spec in specs for name in spec.get(key) or []))


def _group(config: dict[str, Value], jobs: Sequence[Job]) -> Group:
    records = [job.measured for job in jobs]
    names = dict.fromkeys(name for record in records for name in record)
    stats = {name: summarise(record.get(name) for record in records) for name in names}
    return Group(config, len(jobs), {name: stat for name, stat in stats.items() if stat is not None})
