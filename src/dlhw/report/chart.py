"""The figures of a sweep: its metrics against the swept quantity."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dlhw.figures import metric_against, metric_by_category
from dlhw.report import text
from dlhw.report.aggregate import Group, Stat
from dlhw.report.jobs import Job, Value


@dataclass(frozen=True)
class Chart:
    quantity: str  # "acc": what all its lines measure
    title: str
    caption: str
    figure: Figure


@dataclass(frozen=True)
class Axis:
    """The horizontal axis: a swept key whose values are numbers, drawn as itself or as the metric it sets."""

    key: str | None
    metric: str | None

    @property
    def label(self) -> str:
        if self.metric is not None:
            return "parameters" if self.metric == "parameters/total" else text.metric_label(self.metric)
        return text.metric_label(str(self.key).rpartition(".")[2])

    def place(self, group: Group) -> Any:
        """A number, 'full', or None where the group has no place on the axis."""
        if self.metric is None:
            return group.config[str(self.key)]
        return group.stats[self.metric].mean if self.metric in group.stats else None


def draw(
    groups: Sequence[Group], metrics: Sequence[str], x: str | None, data_name: str, baseline: float | None
) -> list[Chart]:
    """A chart for each quantity (all accuracies share one), a line for each metric and other swept value."""
    axis = find_axis(groups, x)
    by_quantity: dict[str, list[str]] = {}
    for metric in metrics:
        if any(metric in group.stats for group in groups):
            by_quantity.setdefault(text.quantity(metric), []).append(metric)
    return [_chart(groups, names, axis, data_name, baseline) for names in by_quantity.values()]


def find_axis(groups: Sequence[Group], x: str | None) -> Axis | None:
    """The numeric swept key with the most values. None if there is no number to draw against."""
    keys = list(groups[0].config) if groups else []
    values = {key: {group.config[key] for group in groups} for key in keys}
    numeric = [key for key in keys if _is_numeric(values[key])]
    key = max(numeric, key=lambda key: len(values[key]), default=None)
    if x is not None and any(x in group.stats for group in groups):
        return Axis(key, x)
    return Axis(key, None) if key is not None else None


def agreed_baseline(jobs: Sequence[Job]) -> float | None:
    """The baseline's test accuracy, averaged over seeds; None unless all jobs of a seed report the same."""
    by_seed: dict[Any, set[Any]] = {}
    for job in jobs:
        if job.error is None:
            value = job.measured.get("baseline/test_acc")
            by_seed.setdefault(job.results.get("seed"), set()).add(value if text.is_number(value) else None)
    agreed = [next(iter(values)) for values in by_seed.values() if len(values) == 1 and None not in values]
    return float(np.mean(agreed)) if agreed and len(agreed) == len(by_seed) else None


def describe(config: dict[str, Value]) -> str:
    """`svd_ste, lr=0.1`: an experiment's name speaks for itself, other values need their key."""
    parts = [text.number(v) if k == "experiment" else f"{k}={v}" for k, v in config.items() if v is not None]
    return ", ".join(parts)


def _is_numeric(values: set[Value]) -> bool:
    numbers = [value for value in values if text.is_number(value)]
    return len(numbers) > 0 and len(values) > 1 and all(v in numbers or v == "full" for v in values)


def _chart(
    groups: Sequence[Group], metrics: Sequence[str], axis: Axis | None, data_name: str, baseline: float | None
) -> Chart:
    name = text.metric_label(metrics[0] if len(metrics) == 1 else text.quantity(metrics[0]))
    in_percent = text.is_fraction(metrics[0])
    ylabel = f"{name} (%)" if in_percent else name
    scale = 100.0 if in_percent else 1.0
    reference = None
    if in_percent and baseline is not None:
        reference = (f"baseline {text.percent(baseline)}", scale * baseline)
    if axis is None:
        title = f"{name} by configuration".capitalize()
        figure = _by_category(groups, metrics, scale, ylabel, title, data_name, reference)
    else:
        title = f"{name} against {axis.label}".capitalize()
        figure = _against(groups, metrics, axis, scale, ylabel, title, data_name, reference)
    return Chart(text.quantity(metrics[0]), title, _caption(title, groups, data_name), figure)


def _against(
    groups: Sequence[Group], metrics: Sequence[str], axis: Axis, scale: float, ylabel: str, title: str,
    data_name: str, reference: tuple[str, float] | None,
) -> Figure:  # fmt: skip
    series: dict[str, list[tuple[Any, float, float | None]]] = {}
    for metric in metrics:
        for group in groups:
            x = axis.place(group)
            if metric in group.stats and x is not None:
                point = (x, *_scaled(group.stats[metric], scale))
                series.setdefault(_line_label(group, metric, metrics, axis), []).append(point)
    places = sorted({x for points in series.values() for x, _, _ in points if x != "full"})
    ticks = (
        [*places, "full"] if any(x == "full" for points in series.values() for x, _, _ in points) else places
    )
    means = [mean for points in series.values() for _, mean, _ in points]
    return metric_against(
        ticks,
        series,
        xlabel=axis.label,
        ylabel=ylabel,
        title=title,
        data_name=data_name,
        x_log=len(places) > 1 and places[0] > 0 and places[-1] / places[0] >= 8,
        baseline=reference,
        zoom=_zoom(means, reference) if scale == 100 else None,
    )


def _by_category(
    groups: Sequence[Group], metrics: Sequence[str], scale: float, xlabel: str, title: str,
    data_name: str, reference: tuple[str, float] | None,
) -> Figure:  # fmt: skip
    series = {
        text.metric_label(metric): [
            _scaled(group.stats[metric], scale) if metric in group.stats else None for group in groups
        ]
        for metric in metrics
    }
    names = [describe(group.config) or "all jobs" for group in groups]
    return metric_by_category(
        names, series, xlabel=xlabel, title=title, data_name=data_name, baseline=reference
    )


def _line_label(group: Group, metric: str, metrics: Sequence[str], axis: Axis) -> str:
    rest = describe({key: value for key, value in group.config.items() if key != axis.key})
    if len(metrics) == 1:
        return rest or text.metric_label(metric)
    return f"{rest}: {text.metric_label(metric)}" if rest else text.metric_label(metric)


def _scaled(stat: Stat, scale: float) -> tuple[float, float | None]:
    return scale * stat.mean, None if stat.std is None else scale * stat.std


def _zoom(means: Sequence[float], reference: tuple[str, float] | None) -> tuple[float, float] | None:
    """The range of the best four fifths, where a few low points would squeeze them into one line."""
    values = np.array([*means, *([reference[1]] if reference else [])])
    low, top = float(np.quantile(values, 0.2)), float(values.max())
    if len(values) < 6 or top <= low or top - values.min() < 5 * (top - low):
        return None
    margin = 0.25 * (top - low)
    return low - margin, top + margin


def _caption(title: str, groups: Sequence[Group], data_name: str) -> str:
    seeds = {group.num_seeds for group in groups}
    if seeds == {1}:
        return f"{title} on {data_name}, one seed each."
    counts = str(max(seeds)) if len(seeds) == 1 else f"{min(seeds)} to {max(seeds)}"
    return f"{title} on {data_name}: mean and one standard deviation over {counts} seeds."
