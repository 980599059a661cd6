from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dlhw.figures.log_axis import round_ticks
from dlhw.figures.style import MANY_COLOURS, MARKERS, count_epochs, heading, legend_below, new_figure, plain, styled

Point = tuple[float, float, float | None]  # epoch, mean, standard deviation
MARKED = 25  # points of a line, at most; more would run into one another


@styled
def metric_by_epoch(
    series: Mapping[str, Sequence[Point]], *, ylabel: str, title: str, data_name: str, log: bool = False
) -> Figure:
    """A metric through training: a line for each series, in a band of one standard deviation where there is one.

    Values are in the axis's unit. `log` makes their axis logarithmic; a band that falls towards 0 leaves it at the
    bottom. A series without points is left out; the others keep the colours they have beside it.

    Raises ValueError if there is no point, or a mean is not positive on a logarithmic axis.
    """
    means = [mean for points in series.values() for _, mean, _ in points]
    if not means:
        raise ValueError("nothing to draw: every series is empty")
    if log and min(means) <= 0:
        raise ValueError(f"a logarithmic axis needs values > 0; got {min(means):g}")
    figure = new_figure(7.0, 4.6)
    axes = figure.add_subplot()
    for index, (label, points) in enumerate(series.items()):
        if points:
            _draw_line(axes, index, label, points)
    if log:
        ends = [max(mean - (std or 0), mean / 2) for points in series.values() for _, mean, std in points]
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.9 * min(ends))
        round_ticks(axes.yaxis)
    axes.set(xlabel="epoch", ylabel=plain(ylabel))
    count_epochs(axes)
    heading(axes, title, data_name)
    legend_below(figure, [axes])
    return figure


def _draw_line(axes: Axes, index: int, label: str, points: Sequence[Point]) -> None:
    # seven markers and ten colours: no two of the first seventy lines have both in common
    colour, marker = MANY_COLOURS[index % len(MANY_COLOURS)], MARKERS[index % len(MARKERS)]
    ordered = np.array(sorted(points, key=lambda point: point[0]), dtype=float)  # (point, 3); None becomes NaN
    epochs, mean, std = ordered.T
    axes.fill_between(epochs, mean - std, mean + std, color=colour, alpha=0.18, linewidth=0)
    axes.plot(
        epochs, mean, color=colour, marker=marker, markersize=4.5, markevery=-(-len(epochs) // MARKED),
        label=plain(label),
    )  # fmt: skip
