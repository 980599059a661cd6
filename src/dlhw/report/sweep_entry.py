"""A sweep as an entry of the index: its jobs counted, the best configuration for all."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dlhw.files import inside, read_json
from dlhw.report import text
from dlhw.report.chart import describe
from dlhw.report.entry import (
    FAILED,
    FINISHED,
    UNFINISHED,
    Entry,
    Figure,
    Value,
    experiments_of,
    first_date,
    reason_of,
    status_of,
    total,
)
from dlhw.report.jobs import BEST, Job, read_job
from dlhw.report.places import SWEEP, below, date_by_name, experiments_by_name, is_run
from dlhw.report.run import dataset_name, shown


def sweep_entry(folder: Path) -> Entry:
    """The entry of a sweep or search; one without sweep.json has not ended. What a damaged record makes is raised."""
    jobs = [read_job(path, folder) for path in below(folder, is_run, links=False) if path != folder / BEST]
    done = [job for job in jobs if job.error is None]
    summary = _summary(folder)
    failed = [job for job in jobs if job.error is not None and (summary or status_of(job) != UNFINISHED)]
    best = summary["rows"][summary["best_row"]] if summary.get("best_row") is not None else None
    return Entry(
        folder,
        SWEEP,
        (FINISHED if done else FAILED) if summary else UNFINISHED,
        experiments_of(jobs) or experiments_by_name(folder),
        date_by_name(folder) or first_date(jobs),
        reason=f"{failed[0].name}: {reason_of(failed[0])}" if failed else "",
        details=_details(jobs, failed, summary, best),
        data_name=", ".join(sorted({dataset_name(job.results) for job in done})),
        values=_values(summary, best),
        parameters=_mean(best, "parameters/total"),
        seconds=total(jobs, "wall_seconds"),
        figure=_figure(folder, summary),
    )


def _summary(folder: Path) -> dict[str, Any]:
    path = inside(folder, "sweep.json")
    return read_json(path) if path is not None else {}


def _details(
    jobs: Sequence[Job], failed: Sequence[Job], summary: dict[str, Any], best: dict[str, Any] | None
) -> list[str]:
    """`54 jobs over rank, seed, 1 failed`, and the configuration whose values are shown."""
    count = f"{len(jobs)} job{'' if len(jobs) == 1 else 's'}"
    over = f" over {', '.join(summary['swept'])}" if summary.get("swept") else "" if summary else " so far"
    outcome = f", {len(failed)} failed" if failed else ", all finished" if summary else ""
    details = [f"{count}{over}{outcome}"]
    if best and describe(best["config"]):
        details.append(f"best: {describe(best['config'])}")
    return details


def _values(summary: dict[str, Any], best: dict[str, Any] | None) -> list[Value]:
    """The best configuration's metrics, and what a search's best setting reached on the test set."""
    values = []
    for name in summary.get("metrics", []):
        mean = _mean(best, name)
        if best and mean is not None:
            spread = text.mean_std(mean, best["stats"][name]["std"], in_percent=text.is_fraction(name))
            values.append(Value(name, mean, spread))
    tested = (summary.get("retrained") or {}).get("test/acc")
    if text.is_number(tested):
        values.append(Value("test/acc", tested, shown("test/acc", tested)))
    return values


def _mean(row: dict[str, Any] | None, name: str) -> float | None:
    mean = row["stats"].get(name, {}).get("mean") if row else None
    return mean if text.is_number(mean) else None


def _figure(folder: Path, summary: dict[str, Any]) -> Figure | None:
    """The figure of the first metric that one was drawn of."""
    for name in summary.get("metrics", []):
        file = f"figures/sweep_{text.quantity(name)}.png"
        if inside(folder, file):
            return Figure(file, f"{text.capitalised(text.metric_label(name))} of the sweep's jobs")
    return None
