"""The figures of a sweep that follow its metrics through training."""

import re
from collections.abc import Mapping, Sequence

from dlhw.figures import metric_by_epoch
from dlhw.metrics.names import higher_is_better
from dlhw.report import text
from dlhw.report.aggregate import Sweep, summarise
from dlhw.report.chart import Chart, describe, mean_over
from dlhw.report.run import read_epochs

History = dict[float, float]  # a metric at the epochs where it was measured
SPAN = 8  # how many times the smallest value the largest is, from which on the axis is logarithmic


def history_charts(sweep: Sweep) -> list[Chart]:
    """A chart for each of the sweep's `history` metrics that any job measured, with a line for each configuration.

    A point is the mean over the seeds for which the metric was measured in that epoch.
    """
    epochs = {
        describe(config) or "all jobs": [read_epochs(job.folder) for job in jobs]
        for config, jobs in sweep.configurations
    }
    charts = []
    for metric in sweep.history:
        lines = {
            label: [history for rows in jobs if (history := _measured(rows, metric))] for label, jobs in epochs.items()
        }
        if any(lines.values()):
            charts.append(_chart(sweep, metric, lines))
    return charts


def _measured(rows: Sequence[Mapping[str, float | str | None]], metric: str) -> History:
    cells = [(row.get("epoch"), row.get(metric)) for row in rows]
    return {epoch: value for epoch, value in cells if text.is_number(epoch) and text.is_number(value)}


def _chart(sweep: Sweep, metric: str, lines: Mapping[str, Sequence[History]]) -> Chart:
    name, in_percent = text.metric_label(metric), text.is_fraction(metric)
    title = text.capitalised(f"{name} by epoch")
    series = {label: _points(histories, 100.0 if in_percent else 1.0) for label, histories in lines.items()}
    figure = metric_by_epoch(
        series,
        ylabel=f"{name} (%)" if in_percent else name,
        title=title,
        data_name=sweep.data_name,
        log=not higher_is_better(metric) and _spans_much([y for points in series.values() for _, y, _ in points]),
    )
    caption = f"On {sweep.data_name}, {mean_over(map(len, filter(None, lines.values())))}."
    return Chart(f"history_{re.sub('[^A-Za-z0-9]+', '_', metric)}", title, caption, figure)


def _points(histories: Sequence[History], scale: float) -> list[tuple[float, float, float | None]]:
    """Epoch, mean and standard deviation over the seeds."""
    points = []
    for epoch in sorted({epoch for history in histories for epoch in history}):
        stat = summarise(scale * history[epoch] for history in histories if epoch in history)
        if stat is not None:
            points.append((epoch, stat.mean, stat.std))
    return points


def _spans_much(values: Sequence[float]) -> bool:
    return min(values) > 0 and max(values) > SPAN * min(values)
