from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from dlhw.figures.style import heading, new_figure, plain, styled

GAP = 1  # pixels between images


@styled
def image_grid(
    images: ArrayLike,
    row_labels: Sequence[str],
    *,
    title: str,
    data_name: str,
    value_range: tuple[float, float] = (0.0, 1.0),
) -> Figure:
    """Grey images (rows, cols, height, width) in a grid, a label at each row, all on one grey scale.

    `value_range` are the values shown black and white; what lies outside is clipped.
    Raises ValueError if the array has not four axes or the labels are not one a row.
    """
    pixels = np.asarray(images, dtype=float)
    if pixels.ndim != 4 or len(row_labels) != pixels.shape[0]:
        raise ValueError(f"need (rows, cols, h, w) and a label a row; got {pixels.shape} and {len(row_labels)} labels")
    rows, cols, height, width = pixels.shape
    padded = np.pad(pixels, ((0, 0), (0, 0), (0, GAP), (0, GAP)), constant_values=np.nan)
    mosaic = padded.transpose(0, 2, 1, 3).reshape(rows * (height + GAP), cols * (width + GAP))[:-GAP, :-GAP]

    cell = 0.72  # inches
    figure = new_figure(max(5.0, 1.6 + cell * cols), 0.85 + cell * rows * height / width)
    axes = figure.add_subplot()
    axes.imshow(mosaic, cmap="gray", vmin=value_range[0], vmax=value_range[1], interpolation="nearest")
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks([])
    axes.set_yticks(np.arange(rows) * (height + GAP) + height / 2 - 0.5, [plain(label) for label in row_labels])
    heading(axes, title, data_name)
    return figure
