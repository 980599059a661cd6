"""A run as an entry of the index: what tells it from others, as its small records have it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlhw.report.jobs import Job, read_job
from dlhw.report.places import date_by_name, experiments_by_name, kind_of
from dlhw.report.run import dataset_name, headline, shown
from dlhw.report.text import is_number

FINISHED, FAILED, UNFINISHED, UNREADABLE = "finished", "failed", "unfinished", "unreadable"


@dataclass(frozen=True)
class Value:
    """A metric: the number to sort by, and the text to be read."""

    name: str
    number: float
    shown: str


@dataclass(frozen=True)
class Figure:
    """A figure's file, below the entry's folder, and what it shows."""

    file: str
    title: str
    caption: str = ""


@dataclass(frozen=True)
class Entry:
    """A run, a baseline, or a sweep with all its jobs.

    reason: why it failed or cannot be read; of a sweep, why the first of its failed jobs did.
    details: a run's overrides; of a sweep, how many jobs it has and which configuration is the best.
    """

    folder: Path
    kind: str
    status: str
    experiments: Sequence[str]
    started: str  # 2026-11-26 06:46, or empty
    reason: str = ""
    details: Sequence[str] = ()
    data_name: str = ""
    values: Sequence[Value] = ()
    parameters: float | None = None
    seconds: float | None = None
    figure: Figure | None = None


def run_entry(folder: Path) -> Entry:
    """The entry of a run or a baseline. Whatever a damaged record makes of itself is raised."""
    run = read_job(folder, folder.parent)
    results = run.results
    return Entry(
        folder,
        kind_of(folder),
        status_of(run),
        experiments_of([run]) or experiments_by_name(folder),
        date_by_name(folder) or first_date([run]),
        reason="" if status_of(run) == UNFINISHED else reason_of(run),
        details=[settings] if (settings := _settings(run)) else [],
        data_name=dataset_name(results) if results else "",
        values=[
            Value(name, results["metrics"][name], shown(name, results["metrics"][name])) for name in headline(results)
        ],
        parameters=total([run], "parameters/total"),
        seconds=total([run], "wall_seconds"),
        figure=_figure(results),
    )


def unreadable_entry(folder: Path, error: Exception) -> Entry:
    """The entry of a folder whose records are damaged in a way that nobody thought of."""
    reason = " ".join(f"its records cannot be read: {type(error).__name__}: {error}".split())
    return Entry(folder, kind_of(folder), UNREADABLE, experiments_by_name(folder), date_by_name(folder), reason)


def status_of(run: Job) -> str:
    if run.error is None:
        return FINISHED
    if (run.folder / "results.json").exists():
        return UNREADABLE
    return FAILED if (run.folder / "failure.json").is_file() else UNFINISHED


def reason_of(run: Job) -> str:
    """The run's error, without the place of its folder; empty where it has none."""
    return (run.error or "").replace(f"{run.folder}/", "")


def experiments_of(runs: Iterable[Job]) -> list[str]:
    """Each experiment that the runs name, once."""
    named = [run.results.get("experiment") or run.overrides.get("experiment") for run in runs]
    return sorted({str(name) for name in named if name})


def first_date(runs: Iterable[Job]) -> str:
    """When the first of the runs that know it was started; empty where none does."""
    return min(
        (str(run.results["started"])[:16].replace("T", " ") for run in runs if run.results.get("started")), default=""
    )


def total(runs: Iterable[Job], name: str) -> float | None:
    """The sum of what the runs measured under this name; None where none did."""
    measured = [run.measured.get(name) for run in runs]
    numbers = [value for value in measured if is_number(value)]
    return sum(numbers) if numbers else None


def _settings(run: Job) -> str:
    """The overrides, but for the experiment and places, which are said elsewhere."""
    chosen = {key: value for key, value in run.overrides.items() if key not in ("experiment", "resume")}
    return " ".join(f"{key}={value}" for key, value in chosen.items() if not key.startswith("paths."))


def _figure(results: dict[str, Any]) -> Figure | None:
    """The figure that the experiment wants to be seen beside other runs', else the first; animations do not count."""
    stills = {figure["file"]: figure for figure in results.get("figures", []) if figure["file"].endswith(".png")}
    wanted = [f"figures/{name}.png" for name in results.get("sweep", {}).get("pictures", [])]
    for file in [*wanted, *stills]:
        if file in stills:
            return Figure(file, stills[file].get("title", ""), stills[file].get("caption", ""))
    return None
