"""The figures of a sweep: its metrics against the swept quantity."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from dlhw.figures import metric_against, metric_by_category
from dlhw.report import text
from dlhw.report.aggregate import Group, Stat, Sweep
from dlhw.report.jobs import Value


@dataclass(frozen=True)
class Chart:
    quantity: str  # "acc": what all its lines measure; names its file
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
        if self.metric is None:
            return str(self.key).rpartition(".")[2].replace("_", " ")
        return "parameters" if self.metric == "parameters/total" else text.metric_label(self.metric)

    def place(self, group: Group) -> Any:
        """A number, 'full', or None where the group has no place on the axis."""
        if self.metric is None:
            return group.config[str(self.key)]
        return group.stats[self.metric].mean if self.metric in group.stats else None


def draw(sweep: Sweep) -> list[Chart]:
    """A chart for each quantity (all accuracies share one), a line for each metric and other swept value."""
    axis = find_axis(sweep.groups, sweep.x)
    by_quantity: dict[str, list[str]] = {}
    for metric in sweep.metrics:
        if any(metric in group.stats for group in sweep.groups):
            by_quantity.setdefault(text.quantity(metric), []).append(metric)
    return [_chart(sweep, metrics, axis) for metrics in by_quantity.values()]


def find_axis(groups: Sequence[Group], x: str | None) -> Axis | None:
    """The numeric swept key with the most values; None if there is no number to draw against."""
    keys = list(groups[0].config) if groups else []
    values = {key: {group.config[key] for group in groups} for key in keys}
    numeric = [key for key in keys if _is_numeric(values[key])]
    key = max(numeric, key=lambda key: len(values[key]), default=None)
    if x is not None and any(x in group.stats for group in groups):
        return Axis(key, x)
    return Axis(key, None) if key is not None else None


def describe(config: dict[str, Value]) -> str:
    """`svd_ste, lr=0.1`: an experiment's name speaks for itself, other values need their key."""
    shown = {key: value for key, value in config.items() if value is not None}
    return ", ".join(str(value) if key == "experiment" else f"{key}={value}" for key, value in shown.items())


def mean_over(num_seeds: Iterable[int]) -> str:
    """`mean and standard deviation over 2 to 3 seeds`, from the number of seeds of each configuration."""
    counts = sorted(set(num_seeds))
    if counts == [1]:
        return "one seed"
    seeds = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"mean and standard deviation over {seeds} seeds"


def _is_numeric(values: set[Value]) -> bool:
    """At least two values, numbers but for the word 'full'."""
    words = {value for value in values if not text.is_number(value)}
    return len(values) > 1 and words <= {"full"}


def _chart(sweep: Sweep, metrics: Sequence[str], axis: Axis | None) -> Chart:
    name = text.metric_label(metrics[0] if len(metrics) == 1 else text.quantity(metrics[0]))
    in_percent = text.is_fraction(metrics[0])
    scale = 100.0 if in_percent else 1.0
    reference = None
    if text.quantity(metrics[0]) == "acc" and sweep.baseline is not None:
        reference = (f"baseline {text.percent(sweep.baseline)}", scale * sweep.baseline)
    label = f"{name} (%)" if in_percent else name
    title = text.capitalised(f"{name} by configuration" if axis is None else f"{name} against {axis.label}")
    if axis is None:
        figure = metric_by_category(
            [describe(group.config) or "all jobs" for group in sweep.groups],
            {text.metric_label(metric): _column(sweep.groups, metric, scale) for metric in metrics},
            xlabel=label,
            title=title,
            data_name=sweep.data_name,
            baseline=reference,
        )
    else:
        series = _lines(sweep.groups, metrics, axis, scale)
        places = {x for points in series.values() for x, _, _ in points}
        numbers = sorted(places - {"full"})
        zoom = _zoom(series) if in_percent else None
        figure = metric_against(
            [*numbers, "full"] if "full" in places else numbers,
            series,
            xlabel=axis.label,
            ylabel=label,
            title=title,
            data_name=sweep.data_name,
            x_log=len(numbers) > 1 and numbers[0] > 0 and numbers[-1] / numbers[0] >= 8,
            baseline=reference,
            zoom=zoom,
        )
    caption = f"On {sweep.data_name}, {mean_over(group.num_seeds for group in sweep.groups)}."
    return Chart(text.quantity(metrics[0]), title, caption, figure)


def _lines(
    groups: Sequence[Group], metrics: Sequence[str], axis: Axis, scale: float
) -> dict[str, list[tuple[Any, float, float | None]]]:
    """The points (x, mean, std) of each line."""
    lines: dict[str, list[tuple[Any, float, float | None]]] = {}
    for metric in metrics:
        for group in groups:
            x = axis.place(group)
            if metric in group.stats and x is not None:
                rest = describe({key: value for key, value in group.config.items() if key != axis.key})
                name = text.metric_label(metric)
                label = rest if rest and len(metrics) == 1 else f"{rest}: {name}" if rest else name
                lines.setdefault(label, []).append((x, *_scaled(group.stats[metric], scale)))
    return lines


def _column(groups: Sequence[Group], metric: str, scale: float) -> list[tuple[float, float | None] | None]:
    return [_scaled(group.stats[metric], scale) if metric in group.stats else None for group in groups]


def _scaled(stat: Stat, scale: float) -> tuple[float, float | None]:
    return scale * stat.mean, None if stat.std is None else scale * stat.std


def _zoom(lines: dict[str, list[tuple[Any, float, float | None]]]) -> tuple[float, float] | None:
    """The top twentieth of the range, if most points crowd there and a few poor ones stretch the axis."""
    means = np.array([mean for points in lines.values() for _, mean, _ in points])
    near = means[means >= means.max() - np.ptp(means) / 20]
    if len(means) < 6 or len(near) <= len(means) / 2 or np.ptp(near) == 0:
        return None
    margin = 0.25 * float(np.ptp(near))
    return float(near.min()) - margin, float(near.max()) + margin
