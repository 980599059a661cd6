from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from dlhw.figures.log_axis import round_ticks
from dlhw.figures.style import MARKERS, PALETTE, heading, legend_below, new_figure, plain, styled

SPAN = 1e3  # times the lowest error shown the largest is; training images' own components reproduce them to rounding


@styled
def error_against_components(
    lines: Mapping[str, tuple[ArrayLike, ArrayLike]],
    points: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    title: str,
    data_name: str,
    ylabel: str = "mean squared error per pixel",
) -> Figure:
    """Reconstruction errors against the size of the code, on logarithmic axes.

    `lines` maps a label to numbers of components and their errors, both (num,); `points` a network's label to its
    code's size and error, or to several of each. What is not above 0 has no place on the axes, and errors below a
    thousandth of the largest are cut off.

    Raises ValueError if a series has not an error a number, or nothing is above 0.
    """
    series = {label: _drawable(label, *pair) for label, pair in [*lines.items(), *points.items()]}
    largest = max((errors.max() for _, errors in series.values() if errors.size), default=0.0)
    if not largest:
        raise ValueError("nothing to draw: there is no error above 0 of one or more components")
    figure = new_figure(7.4, 4.6)
    axes = figure.add_subplot()
    for index, (label, (numbers, errors)) in enumerate(series.items()):
        look: dict[str, Any] = {"color": PALETTE[index % len(PALETTE)], "label": plain(label)}
        marker = MARKERS[index % len(MARKERS)]
        if label in points:
            axes.plot(numbers, errors, marker, markersize=10, markeredgecolor="white", markeredgewidth=0.8, **look)
        else:
            axes.plot(numbers, errors, marker=marker, markersize=4.5, markevery=0.08, **look)
    axes.set(xscale="log", yscale="log", xlabel="number of components, size of the code", ylabel=plain(ylabel))
    axes.set_ylim(bottom=max(axes.get_ylim()[0], largest / SPAN))
    for axis in (axes.xaxis, axes.yaxis):
        round_ticks(axis)
    heading(axes, title, data_name)
    legend_below(figure, [axes])
    return figure


def _drawable(label: str, numbers: ArrayLike, errors: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Those that logarithmic axes can show."""
    number, error = np.atleast_1d(numbers).astype(float), np.atleast_1d(errors).astype(float)
    if number.shape != error.shape:
        raise ValueError(f"{label!r} needs an error a number of components; got {error.size} for {number.size}")
    shown = (number > 0) & (error > 0)
    return number[shown], error[shown]
