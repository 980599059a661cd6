"""The page of a sweep."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dlhw.report import text
from dlhw.report.aggregate import Group, Stat, Sweep, summarise
from dlhw.report.chart import describe
from dlhw.report.gallery import galleries
from dlhw.report.jobs import Job
from dlhw.report.page import Cell, Fact, Picture, Table, write_page


def write_sweep_page(sweep: Sweep, pictures: Sequence[Picture]) -> Path:
    """Writes the sweep's `report.html`, with a link to the report of each job that has one."""
    first = sweep.jobs[0].overrides
    return write_page(
        sweep.folder / "report.html",
        "sweep.html",
        title=_title(sweep),
        questions=list(dict.fromkeys(job.results.get("question", "") for job in sweep.done)),
        fixed=[f"{key}={value}" for key, value in first.items() if key not in sweep.swept],
        facts=_facts(sweep),
        pictures=pictures,
        retrained=_retrained_table(sweep),
        summary=_summary_table(sweep),
        galleries=galleries(sweep),
        failed=_failed_table(sweep),
        jobs=_job_table(sweep),
    )


def _title(sweep: Sweep) -> str:
    experiments = list(dict.fromkeys(str(job.results["experiment"]) for job in sweep.done))
    subject = f"{', '.join(experiments)} on {sweep.data_name}" if experiments else "No job finished"
    over = ", ".join(key for key in sweep.swept if key != "experiment")
    return f"{subject}: sweep over {over}" if over else subject


def _facts(sweep: Sweep) -> list[Fact]:
    facts = []
    if sweep.best is not None:
        best, metric = sweep.groups[sweep.best], sweep.metrics[0]
        facts.append(Fact(_shown(best, metric), f"best {text.metric_label(metric)}", describe(best.config)))
    if sweep.retrained is not None:
        tested = sweep.retrained.measured.get("test/acc")
        facts.append(Fact(text.percent(tested), "test accuracy", "the best setting, trained once more, tested once"))
    if sweep.baseline is not None:
        facts.append(Fact(text.percent(sweep.baseline), "baseline test accuracy"))
    failed = f"{len(sweep.failed)} failed" if sweep.failed else "all finished"
    facts.append(Fact(str(len(sweep.jobs)), "jobs", failed))
    seconds = summarise(job.measured.get("wall_seconds") for job in sweep.jobs)
    if seconds is not None:
        facts.append(Fact(text.duration(seconds.mean * seconds.count), "time", "all jobs together"))
    kwh = summarise(job.measured.get("energy_kwh") for job in sweep.jobs)
    if kwh is not None:
        which = "all jobs" if kwh.count == len(sweep.jobs) else f"{kwh.count} of {len(sweep.jobs)} jobs"
        facts.append(Fact(text.energy(kwh.mean * kwh.count), "energy", f"{which} together"))
    return facts


def _summary_table(sweep: Sweep) -> Table:
    """A row a configuration: its values, mean +- std of the metrics, and what a job of it cost."""
    keys = [key for key in sweep.swept if key != "seed"]
    labels = [text.metric_label(metric) for metric in sweep.metrics]
    rows = [
        [
            *(_cell(group.config[key]) for key in keys),
            *(Cell(_shown(group, metric), _mean(group.stats.get(metric))) for metric in sweep.metrics),
            _cell(_mean(group.stats.get("parameters/total"))),
            _cell(_mean(group.stats.get("wall_seconds")), text.duration),
            _cell(_mean(group.stats.get("energy_kwh")), text.energy),
            _cell(group.num_seeds),
        ]
        for group in sweep.groups
    ]
    columns = [*keys, *labels, "parameters", "time a job", "energy a job", "jobs"]
    if not keys and rows:  # one configuration, over seeds: easier to read from top to bottom
        pairs = zip(map(Cell, columns), rows[0], strict=True)
        return Table("Results", ["measured", "result"], [list(pair) for pair in pairs])
    return Table("Results", columns, rows, best=sweep.best)


def _retrained_table(sweep: Sweep) -> Table | None:
    """The run that a search ended with, linked."""
    best = sweep.retrained
    if best is None:
        return None
    names = ["val/acc", "test/acc", "test/loss"]
    row = [
        _link(best),
        *(_cell(best.overrides.get(key)) for key in sweep.swept),
        *(_cell(best.measured.get(name), _formatter(name)) for name in names),
    ]
    columns = ["run", *sweep.swept, *(text.metric_label(name) for name in names)]
    return Table(
        "The best setting, trained once more",
        columns,
        [row],
        "It was chosen on the validation part; the test set was looked at once, by this run.",
    )


def _job_table(sweep: Sweep) -> Table:
    rows = [
        [
            _link(job),
            *(_cell(job.overrides.get(key)) for key in sweep.swept),
            *(_cell(job.measured.get(metric), _formatter(metric)) for metric in sweep.metrics),
            Cell("finished" if job.error is None else "failed"),
        ]
        for job in sweep.jobs
    ]
    labels = [text.metric_label(metric) for metric in sweep.metrics]
    return Table("All jobs", ["job", *sweep.swept, *labels, "status"], rows)


def _failed_table(sweep: Sweep) -> Table | None:
    rows = [[_link(job), Cell(job.error or "")] for job in sweep.failed]
    return Table("Failed jobs", ["job", "error"], rows) if rows else None


def _link(job: Job) -> Cell:
    """The job's name, leading to its report where it has one."""
    has_report = (job.folder / "report.html").is_file()
    return Cell(job.name, href=quote(f"{job.name}/report.html") if has_report else None)


def _shown(group: Group, metric: str) -> str:
    """Mean +- std, and how many seeds it is of where some did not measure it."""
    stat = group.stats.get(metric)
    if stat is None:
        return text.MISSING
    shown = text.mean_std(stat.mean, stat.std, in_percent=text.is_fraction(metric))
    return shown if stat.count == group.num_seeds else f"{shown} ({stat.count} of {group.num_seeds})"


def _mean(stat: Stat | None) -> float | None:
    return None if stat is None else stat.mean


def _formatter(metric: str) -> Any:
    return text.percent if text.is_fraction(metric) else text.number


def _cell(value: Any, show: Any = text.number) -> Cell:
    return Cell(show(value), float(value) if text.is_number(value) else None)
