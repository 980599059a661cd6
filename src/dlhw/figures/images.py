import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from dlhw.figures.style import heading, new_figure, plain, styled

GAP = 1  # pixels between images
CELL = 0.72  # inches


@styled
def image_grid(
    images: ArrayLike,
    row_labels: Sequence[str],
    *,
    title: str,
    data_name: str,
    column_labels: Sequence[str] = (),
    value_range: tuple[float, float] = (0.0, 1.0),
) -> Figure:
    """Grey images (rows, cols, height, width) in a grid, a label at each row, all on one grey scale.

    `column_labels` stand below the columns. `value_range` are the values shown black and white; what lies outside is
    clipped. Raises ValueError if the array has not four axes, or there is not a label a row or column.
    """
    pixels = np.asarray(images, dtype=float)
    if pixels.ndim != 4 or len(row_labels) != pixels.shape[0]:
        raise ValueError(f"need (rows, cols, h, w) and a label a row; got {pixels.shape} and {len(row_labels)} labels")
    rows, cols, height, width = pixels.shape
    if len(column_labels) not in (0, cols):
        raise ValueError(f"need a label a column, or none; got {len(column_labels)} for {cols}")
    padded = np.pad(pixels, ((0, 0), (0, 0), (0, GAP), (0, GAP)), constant_values=np.nan)
    mosaic = padded.transpose(0, 2, 1, 3).reshape(rows * (height + GAP), cols * (width + GAP))[:-GAP, :-GAP]
    beside = [textwrap.fill(plain(label), 24) for label in row_labels]
    below = [textwrap.fill(plain(label), 10) for label in column_labels]

    margin = max(1.6, 0.25 + 0.097 * _longest_line(beside))
    space = 0.1 + 0.16 * max(label.count("\n") + 1 for label in below) if below else 0.0
    figure = new_figure(max(5.0, margin + CELL * cols), 0.85 + CELL * rows * height / width + space)
    axes = figure.add_subplot(anchor="W")  # beside its labels, whose room is known
    axes.imshow(mosaic, cmap="gray", vmin=value_range[0], vmax=value_range[1], interpolation="nearest")
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks(np.arange(len(below)) * (width + GAP) + width / 2 - 0.5, below, fontsize=9)
    axes.set_yticks(np.arange(rows) * (height + GAP) + height / 2 - 0.5, beside)
    heading(axes, title, data_name)
    return figure


def _longest_line(labels: Sequence[str]) -> int:
    return max(len(line) for label in labels for line in label.splitlines() or [""])
