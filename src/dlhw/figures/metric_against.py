from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from dlhw.figures.style import MARKERS, MUTED, PALETTE, heading, legend_below, new_figure, plain, styled

X = float | Literal["full"]
Point = tuple[X, float, float | None]  # x, mean, standard deviation


@styled
def metric_against(
    x_values: Sequence[X],
    series: Mapping[str, Sequence[Point]],
    *,
    xlabel: str,
    ylabel: str,
    title: str,
    data_name: str,
    x_log: bool = False,
    baseline: tuple[str, float] | None = None,
    zoom: tuple[float, float] | None = None,
) -> Figure:
    """A metric against rank, parameters, ...: a line for each series, error bars of one standard deviation.

    `x_values` are the ticks. The word 'full' among them is no number: it gets a place of its own at the right
    end, joined by a dotted line. `baseline` (label, value) is a horizontal line. `zoom` (low, high) adds a
    second panel with that part of the y axis, for lines that coincide at the scale of the worst.
    Values are in the axis's unit.

    Raises ValueError if there is no point, or an x is not positive on a logarithmic axis.
    """
    if not any(series.values()):
        raise ValueError("nothing to draw: every series is empty")
    place = _places([*x_values, *(x for points in series.values() for x, _, _ in points)], x_log)

    figure = new_figure(7.0 if zoom is None else 10.5, 4.6)
    panels = figure.subplots(1, 1 if zoom is None else 2, squeeze=False)[0]
    for axes in panels:
        for index, (label, points) in enumerate(series.items()):
            _draw_line(axes, index, label, points, place)
        if baseline is not None:
            axes.axhline(baseline[1], color=MUTED, linestyle="--", linewidth=1.3, zorder=1, label=plain(baseline[0]))
        axes.set_xscale("log" if x_log else "linear")
        _set_ticks(axes, x_values, place, x_log)
        axes.set(xlabel=plain(xlabel), ylabel=plain(ylabel))
    if zoom is not None:
        panels[1].set_ylim(zoom)
        panels[1].set_ylabel(plain(f"{ylabel}, enlarged"))
    heading(panels[0], title, data_name)
    legend_below(figure, panels)
    return figure


def _places(xs: Sequence[X], x_log: bool) -> dict[X, float]:
    """Where each x lies on the axis; 'full' one mean step to the right of the largest number."""
    numbers = sorted({float(x) for x in xs if x != "full"})
    if x_log and numbers and numbers[0] <= 0:
        raise ValueError(f"a logarithmic axis needs x > 0; got {numbers[0]:g}")
    place: dict[X, float] = {x: x for x in numbers}
    if not numbers:
        place["full"] = 1.0
    elif x_log:
        place["full"] = numbers[-1] * (numbers[-1] / numbers[0]) ** (1 / max(len(numbers) - 1, 1))
    else:
        place["full"] = numbers[-1] + (numbers[-1] - numbers[0]) / max(len(numbers) - 1, 1)
    if len(numbers) == 1:
        place["full"] = 2 * numbers[0] if x_log else numbers[0] + 1
    return place


def _draw_line(axes: Axes, index: int, label: str, points: Sequence[Point], place: Mapping[X, float]) -> None:
    colour, marker = PALETTE[index % len(PALETTE)], MARKERS[index % len(MARKERS)]
    ordered = sorted((place[x], mean, np.nan if std is None else std, x == "full") for x, mean, std in points)
    if not ordered:
        return
    x, mean, std, full = (np.array(column) for column in zip(*ordered, strict=True))
    axes.errorbar(
        x,
        mean,
        yerr=std if np.isfinite(std).any() else None,
        fmt="none",
        color=colour,
        elinewidth=1.4,
        capsize=3.5,
    )
    axes.plot(x, mean, marker, color=colour)
    axes.plot(x[~full], mean[~full], marker=marker, color=colour, label=plain(label))
    if full[-1] and len(x) > 1:
        axes.plot(x[-2:], mean[-2:], color=colour, linestyle=":", linewidth=1.4)


def _set_ticks(axes: Axes, x_values: Sequence[X], place: Mapping[X, float], x_log: bool) -> None:
    """A tick at every x, except where its label would touch the one before it."""
    ticks = sorted({(place[x], x) for x in x_values}, key=lambda tick: tick[0])
    scale = np.log10 if x_log else np.asarray
    positions = np.array([float(scale(at)) for at, _ in ticks])
    least_gap = 0.09 * (positions[-1] - positions[0])
    kept: list[int] = []
    for index in reversed(range(len(ticks))):  # from the right, so that 'full' always stays
        if not kept or positions[kept[0]] - positions[index] >= least_gap:
            kept.insert(0, index)
    axes.set_xticks([ticks[index][0] for index in kept], [_tick_label(ticks[index][1]) for index in kept])
    axes.xaxis.set_minor_locator(NullLocator())


def _tick_label(x: X) -> str:
    return x if isinstance(x, str) else f"{x:,.0f}" if abs(x) >= 1 and float(x).is_integer() else f"{x:g}"
