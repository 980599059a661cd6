"""One sweep's folder -> sweep.csv, sweep.json, figures and report.html."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from dlhw.figures import save_figure
from dlhw.files import write_atomically, write_csv
from dlhw.report import chart
from dlhw.report.aggregate import Sweep, provenance, read_sweep
from dlhw.report.history import history_charts
from dlhw.report.page import picture
from dlhw.report.search import search_charts
from dlhw.report.sweep_page import write_sweep_page
from dlhw.report.text import is_number


@dataclass(frozen=True)
class SweepSummary:
    """`paths` names what was written: "report", "csv", "json" and, for each figure, "figure/acc" or so."""

    num_jobs: int
    num_failed: int
    paths: dict[str, Path]


def sweep_report(folder: Path | str) -> SweepSummary:
    """Collects the jobs below `folder`: a row a job, means over seeds, figures of the swept quantity, a page.

    A job without results counts as failed and is listed with its error. Raises ValueError if there is no job.
    """
    folder = Path(folder)
    sweep = read_sweep(folder)
    paths = {
        "csv": _write_csv(sweep),
        "json": write_atomically(folder / "sweep.json", _json(sweep)),
    }
    pictures = []
    for drawn in search_charts(sweep) if sweep.is_search else [*chart.draw(sweep), *history_charts(sweep)]:
        file = f"figures/sweep_{drawn.quantity}.png"
        paths[f"figure/{drawn.quantity}"] = save_figure(drawn.figure, folder / file)
        shown = picture(folder, file, drawn.title, drawn.caption)
        pictures.append(replace(shown, wide=len(drawn.figure.axes) > 1))
    paths["report"] = write_sweep_page(sweep, pictures)
    return SweepSummary(len(sweep.jobs), len(sweep.failed), paths)


def _write_csv(sweep: Sweep) -> Path:
    """A row a job; a cell is empty where nothing was measured."""
    names = list(dict.fromkeys(name for job in sweep.jobs for name in job.measured))
    rows = []
    for job in sweep.jobs:
        config = [job.overrides.get(key) for key in sweep.swept]
        values = [job.measured.get(name) for name in names]
        status = "ok" if job.error is None else "failed"
        rows.append([job.name, *config, *(v if is_number(v) else None for v in values), status, job.error])
    return write_csv(sweep.folder / "sweep.csv", ["job", *sweep.swept, *names, "status", "error"], rows)


def _json(sweep: Sweep) -> str:
    """The means over seeds, for other programs."""
    record = {
        "num_jobs": len(sweep.jobs),
        "num_failed": len(sweep.failed),
        "swept": sweep.swept,
        "metrics": sweep.metrics,
        "baseline_test_acc": sweep.baseline,
        "rows": [asdict(group) for group in sweep.groups],
        "best_row": sweep.best,
        "retrained": sweep.retrained and {"overrides": sweep.retrained.overrides, **sweep.retrained.measured},
        "provenance": provenance(job.results for job in sweep.done),
        "failed": [{"job": job.name, "overrides": job.overrides, "error": job.error} for job in sweep.failed],
    }
    return json.dumps(record, indent=1, allow_nan=False) + "\n"
