"""One sweep's folder -> sweep.csv, sweep.json, figures and report.html."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dlhw.figures import save_figure
from dlhw.files import write_atomically
from dlhw.report import chart, text
from dlhw.report.aggregate import Group, Stat, aggregate, best, summarise
from dlhw.report.jobs import Job, read_jobs, swept_keys
from dlhw.report.page import Cell, Fact, Picture, Table, picture, write_page
from dlhw.report.run import dataset_name


@dataclass(frozen=True)
class SweepSummary:
    """`paths` names what was written: "report", "csv", "json", and for each figure "figure/acc" or the like."""

    num_jobs: int
    num_failed: int
    paths: dict[str, Path]


def sweep_report(folder: Path | str) -> SweepSummary:
    """Collects the jobs below `folder`: a row a job, means over seeds, figures of the swept quantity, a page.

    A job without results counts as failed and is listed with its error. Raises ValueError if there is no job.
    """
    folder = Path(folder)
    jobs = read_jobs(folder)
    if not jobs:
        raise ValueError(
            f"{folder} holds neither a run (results.json) nor the jobs of a sweep (overrides.yaml)"
        )
    done = [job for job in jobs if job.error is None]
    swept = swept_keys(jobs)
    groups = aggregate(jobs, [key for key in swept if key != "seed"])
    metrics, x = _what_to_show(done)
    data_name = ", ".join(sorted({dataset_name(job.results) for job in done}))
    baseline = chart.agreed_baseline(done)

    paths = {"csv": write_atomically(folder / "sweep.csv", _csv(jobs, swept))}
    pictures: list[Picture] = []
    for drawn in chart.draw(groups, metrics, x, data_name, baseline):
        file = f"figures/sweep_{drawn.quantity}.png"
        paths[f"figure/{drawn.quantity}"] = save_figure(drawn.figure, folder / file)
        pictures.append(picture(folder, file, drawn.title, drawn.caption))
    winner = best(groups, metrics[0]) if metrics else None
    record = _record(jobs, swept, metrics, groups, winner)
    paths["json"] = write_atomically(
        folder / "sweep.json", json.dumps(record, indent=1, allow_nan=False) + "\n"
    )
    experiments = list(dict.fromkeys(str(job.results["experiment"]) for job in done))
    paths["report"] = write_page(
        folder / "report.html",
        "sweep.html",
        title=_title(experiments, data_name, swept),
        questions=list(dict.fromkeys(job.results.get("question", "") for job in done)),
        fixed=[f"{key}={value}" for key, value in jobs[0].overrides.items() if key not in swept],
        facts=_facts(jobs, groups, metrics, winner, baseline),
        pictures=pictures,
        summary=_summary_table(groups, metrics, winner),
        failed=_failed_table([job for job in jobs if job.error is not None]),
        jobs=_job_table(jobs, swept, metrics),
    )
    return SweepSummary(len(jobs), len(jobs) - len(done), paths)


def _what_to_show(done: Sequence[Job]) -> tuple[list[str], str | None]:
    """The metrics the experiments ask for (results["sweep"]["y"]), and the x axis if all ask for the same."""
    specs = [job.results.get("sweep") or {} for job in done]
    wanted = [*(y for spec in specs for y in spec.get("y", []))]
    if not wanted:
        wanted = [job.results.get("optimized_metric") for job in done]
    axes = {spec.get("x") for spec in specs}
    return list(dict.fromkeys(name for name in wanted if name)), axes.pop() if len(axes) == 1 else None


def _csv(jobs: Sequence[Job], swept: Sequence[str]) -> str:
    """A row a job; empty where nothing was measured."""
    names = list(dict.fromkeys(name for job in jobs for name in job.measured))
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["job", *swept, *names, "status", "error"])
    for job in jobs:
        measured = [job.measured.get(name) for name in names]
        shown = [value if text.is_number(value) else None for value in measured]
        status = "failed" if job.error is not None else "ok"
        writer.writerow([job.name, *(job.overrides.get(key) for key in swept), *shown, status, job.error])
    return file.getvalue()


def _record(
    jobs: Sequence[Job],
    swept: Sequence[str],
    metrics: Sequence[str],
    groups: Sequence[Group],
    winner: int | None,
) -> dict[str, Any]:
    failed = [job for job in jobs if job.error is not None]
    return {
        "num_jobs": len(jobs),
        "num_failed": len(failed),
        "swept": list(swept),
        "metrics": list(metrics),
        "rows": [asdict(group) for group in groups],
        "best_row": winner,
        "failed": [{"job": job.name, "overrides": job.overrides, "error": job.error} for job in failed],
    }


def _title(experiments: Sequence[str], data_name: str, swept: Sequence[str]) -> str:
    over = (
        f" over {', '.join(key for key in swept if key != 'experiment')}"
        if set(swept) - {"experiment"}
        else ""
    )
    subject = f"{', '.join(experiments)} on {data_name}" if experiments else "No job finished"
    return f"{subject}: sweep{over}"


def _facts(
    jobs: Sequence[Job],
    groups: Sequence[Group],
    metrics: Sequence[str],
    winner: int | None,
    baseline: float | None,
) -> list[Fact]:
    facts = []
    if winner is not None:
        where = chart.describe(groups[winner].config)
        facts.append(Fact(_shown(groups[winner], metrics[0]), f"best {text.metric_label(metrics[0])}", where))
    if baseline is not None:
        facts.append(Fact(text.percent(baseline), "baseline test accuracy"))
    num_failed = sum(job.error is not None for job in jobs)
    facts.append(Fact(str(len(jobs)), "jobs", f"{num_failed} failed" if num_failed else "all finished"))
    seconds, kwh = (
        summarise(job.measured.get(name) for job in jobs) for name in ("wall_seconds", "energy_kwh")
    )
    if seconds is not None:
        facts.append(Fact(text.duration(seconds.mean * seconds.count), "in all jobs together"))
    if kwh is not None:
        remark = "" if kwh.count == len(jobs) else f"measured in {kwh.count} of {len(jobs)} jobs"
        facts.append(Fact(text.energy(kwh.mean * kwh.count), "energy", remark))
    return facts


def _summary_table(groups: Sequence[Group], metrics: Sequence[str], winner: int | None) -> Table:
    """A row a configuration: its values, mean +- std of the metrics, and what a job of it cost."""
    keys = list(groups[0].config) if groups else []
    columns = [
        *keys,
        *map(text.metric_label, metrics),
        "parameters",
        "seconds a job",
        "energy a job",
        "seeds",
    ]
    rows = []
    for group in groups:
        stats = group.stats
        rows.append([
            *(_cell(group.config[key]) for key in keys),
            *(Cell(_shown(group, metric), _mean(stats.get(metric))) for metric in metrics),
            _cell(_mean(stats.get("parameters/total"))),
            Cell(text.number(_mean(stats.get("wall_seconds"), 1)), _mean(stats.get("wall_seconds"))),
            Cell(text.energy(_mean(stats.get("energy_kwh"))), _mean(stats.get("energy_kwh"))),
            _cell(group.num_seeds),
        ])  # fmt: skip
    return Table("Results", columns, rows, best=winner)


def _job_table(jobs: Sequence[Job], swept: Sequence[str], metrics: Sequence[str]) -> Table:
    rows = []
    for job in jobs:
        values = [job.measured.get(metric) for metric in metrics]
        shown = [
            text.percent(v) if text.is_fraction(m) else text.number(v)
            for m, v in zip(metrics, values, strict=True)
        ]
        rows.append([
            _link(job),
            *(_cell(job.overrides.get(key)) for key in swept),
            *(Cell(s, v if text.is_number(v) else None) for s, v in zip(shown, values, strict=True)),
            Cell("failed" if job.error is not None else "finished"),
        ])  # fmt: skip
    return Table("All jobs", ["job", *swept, *map(text.metric_label, metrics), "status"], rows)


def _failed_table(failed: Sequence[Job]) -> Table | None:
    rows = [[_link(job), Cell(job.error or "")] for job in failed]
    return Table("Failed jobs", ["job", "error"], rows) if rows else None


def _link(job: Job) -> Cell:
    """The job's name, leading to its report where it has one."""
    has_report = (job.folder / "report.html").is_file()
    return Cell(job.name, href=quote(f"{job.name}/report.html") if has_report else None)


def _shown(group: Group, metric: str) -> str:
    stat = group.stats.get(metric)
    if stat is None:
        return text.MISSING
    shown = text.mean_std(stat.mean, stat.std, in_percent=text.is_fraction(metric))
    return shown if stat.count == group.num_seeds else f"{shown} ({stat.count} of {group.num_seeds})"


def _mean(stat: Stat | None, digits: int | None = None) -> float | None:
    if stat is None:
        return None
    return stat.mean if digits is None else round(stat.mean, digits)


def _cell(value: Any) -> Cell:
    return Cell(text.number(value), float(value) if text.is_number(value) else None)
