from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from dlhw.figures.style import heading, new_figure, plain, styled

RANGE = 60  # dB below the loudest bin that are shown
PANEL = 1.35  # inches


@styled
def spectrogram_panels(
    levels: Mapping[str, ArrayLike],
    masks: Mapping[str, ArrayLike],
    *,
    seconds: float,
    kilohertz: float,
    title: str,
    data_name: str,
) -> Figure:
    """Spectrograms and masks of one sound above one another, on one time axis.

    Args:
        levels: by label, (bins, frames) in dB; one colour scale for all, 60 dB down from the loudest bin of them.
        masks: by label, (bins, frames) in 0..1.
        seconds, kilohertz: what the axes span, from 0.

    Raises:
        ValueError: there is nothing to draw, or the arrays are not all of one shape.
    """
    panels = {name: np.asarray(values, dtype=float) for name, values in {**levels, **masks}.items()}
    if len({values.shape for values in panels.values()}) != 1:
        raise ValueError(f"need arrays of one shape; got {[values.shape for values in panels.values()]}")
    figure = new_figure(8.0, 1.1 + PANEL * len(panels))
    rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    extent = (0.0, seconds, 0.0, kilohertz)
    top = max((panels[name].max() for name in levels), default=0.0)
    for axes, (name, values) in zip(rows, panels.items(), strict=True):
        low, high, colours = (top - RANGE, top, "magma") if name in levels else (0.0, 1.0, "viridis")
        image = axes.imshow(
            values, origin="lower", aspect="auto", extent=extent, vmin=low, vmax=high, cmap=colours,
            interpolation="nearest",
        )  # fmt: skip
        axes.grid(False)
        axes.set_ylabel("kHz")
        _name_inside(axes, name)
        bar = figure.colorbar(image, ax=axes, pad=0.015, aspect=9)
        bar.set_label("dB" if name in levels else "share")
        bar.outline.set_visible(False)
    rows[-1].set_xlabel("time (s)")
    heading(rows[0], title, data_name)
    return figure


def _name_inside(axes: Axes, name: str) -> None:
    box = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "boxstyle": "round,pad=0.25"}
    axes.text(0.008, 0.93, plain(name), transform=axes.transAxes, va="top", fontsize=10, bbox=box)
