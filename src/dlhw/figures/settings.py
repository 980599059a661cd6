import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from dlhw.figures.style import MARKERS, PALETTE, heading, legend_below, new_figure, plain, styled

Value = int | float | str | None
COLUMNS = 3
FEW = 8  # different values, up to which each has a tick and a mean of its own


@styled
def metric_by_setting(
    settings: Mapping[str, Sequence[Value]],
    values: Sequence[float],
    *,
    ylabel: str,
    title: str,
    data_name: str,
    best: int | None = None,
) -> Figure:
    """A metric against each of several settings, a panel a setting, a point a trial; the trial `best` is marked.

    `settings` gives each setting's value in every trial, `values` the metric there, in the axis's unit.
    Raises ValueError if there is no trial, or a setting has not a value for each.
    """
    if not settings or not values or any(len(column) != len(values) for column in settings.values()):
        raise ValueError(f"needs at least one setting and trial, and {len(values)} values of each setting")
    num_rows = math.ceil(len(settings) / COLUMNS)
    num_columns = min(COLUMNS, len(settings))
    figure = new_figure(max(5.0, 3.5 * num_columns), 0.9 + 2.9 * num_rows)
    panels = figure.subplots(num_rows, num_columns, squeeze=False, sharey=True)
    for spare in panels.flat[len(settings) :]:
        spare.set_visible(False)
    used = list(panels.flat[: len(settings)])
    for axes, (name, column) in zip(used, settings.items(), strict=True):
        _draw_panel(axes, column, np.array(values), best)
        axes.set_xlabel(plain(name))
    for axes in panels[:, 0]:
        axes.set_ylabel(plain(ylabel))
    heading(used[0], title, data_name)
    legend_below(figure, used)
    return figure


def _draw_panel(axes: Axes, column: Sequence[Value], values: np.ndarray, best: int | None) -> None:
    numeric = all(isinstance(value, int | float) for value in column)
    different = sorted(set(column)) if numeric else sorted(set(column), key=str)  # type: ignore[type-var]
    place = {value: float(value) if numeric else number for number, value in enumerate(different)}  # type: ignore[arg-type]
    x = np.array([place[value] for value in column])  # (trial,)
    few = len(different) <= FEW and len(different) < len(column)
    axes.plot(x, values, MARKERS[0], color=PALETTE[0], alpha=0.7, label="a setting")
    if few:
        means = [values[x == at].mean() for at in place.values()]
        axes.plot(list(place.values()), means, "_", color=PALETTE[-1], markersize=22, label="mean")
    if best is not None:
        axes.plot(x[best], values[best], "*", color=PALETTE[1], markersize=15, label="the best")
    if numeric and x.min() > 0 and x.max() / x.min() >= 8:
        axes.set_xscale("log")
    if few:
        axes.set_xticks(list(place.values()), [plain(_tick(value)) for value in different])
        axes.xaxis.set_minor_locator(NullLocator())
    axes.margins(x=0.12)


def _tick(value: Value) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)
