"""How near two linear spans lie to each other."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, MultipleLocator, NullLocator
from numpy.typing import ArrayLike

from dlhw.figures.log_axis import scale_y
from dlhw.figures.style import MARKERS, PALETTE, heading, legend_below, new_figure, plain, styled


@styled
def principal_angles(degrees: Mapping[str, ArrayLike], *, title: str, data_name: str) -> Figure:
    """The principal angles (num,) in degrees, in order, a line for each pair of spans.

    Raises ValueError if there is no angle, or one outside 0..90.
    """
    angles = {label: np.sort(np.asarray(values, dtype=float).ravel()) for label, values in degrees.items()}
    for label, values in angles.items():
        if not ((values >= 0) & (values <= 90.001)).all():
            raise ValueError(f"principal angles are 0 to 90 degrees; {label!r} has others")
    if not any(values.size for values in angles.values()):
        raise ValueError("nothing to draw: there is no principal angle")
    figure = new_figure(7.0, 4.6)
    axes = figure.add_subplot()
    for index, (label, values) in enumerate(angles.items()):
        axes.plot(np.arange(1, len(values) + 1), values, label=plain(label), clip_on=False, **_look(index))
    axes.set(xlabel="index of the angle", ylabel="principal angle (degrees)", ylim=(0, 90))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.yaxis.set_major_locator(MultipleLocator(15))
    heading(axes, title, data_name)
    legend_below(figure, [axes])
    return figure


@styled
def convergence(
    epochs: Sequence[float],
    degrees: Mapping[str, ArrayLike],
    excess: ArrayLike,
    *,
    title: str,
    data_name: str,
) -> Figure:
    """A linear autoencoder's way to the principal components, by epoch, on logarithmic axes.

    Left: principal angles in degrees, each label's (epoch,), between the span of its weights and the components'.
    Right: the training error above that of PCA, (epoch,), as a fraction of that; no linear code is below it.
    What is not above 0 is left out; epoch 0 has a place left of epoch 1.

    Raises ValueError if the lists differ in length, or there is no epoch.
    """
    lengths = {len(epochs), np.size(excess), *(np.size(values) for values in degrees.values())}
    if len(lengths) > 1 or lengths == {0}:
        raise ValueError(f"angles and excess need one value an epoch, and at least one; got {sorted(lengths)}")
    figure = new_figure(10.5, 4.6)
    angle, error = figure.subplots(1, 2)
    for index, (label, values) in enumerate(degrees.items()):
        _draw_positive(angle, epochs, values, label=plain(label), **_look(index))
    _draw_positive(error, epochs, 100 * np.asarray(excess, dtype=float), **_look(6))
    angle.set_ylabel("principal angle (degrees)")
    error.set_ylabel("training error above PCA's (%)")
    for axes in (angle, error):
        scale_y(axes)
        _scale_epochs(axes, epochs)
    heading(angle, title, data_name)
    legend_below(figure, [angle])
    return figure


def _scale_epochs(axes: Axes, epochs: Sequence[float]) -> None:
    if min(epochs) > 0:
        axes.set_xscale("log")
    else:
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xlim(-0.2, 1.25 * max(epochs))
    digits = (1, 2, 5) if max(epochs) <= 200 else (1,)
    ticks = [0, *(digit * 10**power for power in range(10) for digit in digits)]
    axes.xaxis.set_major_locator(FixedLocator([at for at in ticks if min(epochs) <= at <= max(epochs)]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("epoch")


def _draw_positive(axes: Axes, epochs: Sequence[float], values: ArrayLike, **look: Any) -> None:
    """A line through what a logarithmic axis can show."""
    numbers = np.asarray(values, dtype=float)
    shown = np.isfinite(numbers) & (numbers > 0)
    axes.plot(np.asarray(epochs)[shown], numbers[shown], **look)


def _look(index: int) -> dict[str, Any]:
    return {
        "color": PALETTE[index % len(PALETTE)],
        "marker": MARKERS[index % len(MARKERS)],
        "markersize": 5,
        "markevery": 0.06,
    }
