"""Many small images on one sheet: weights, eigenfaces."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from dlhw.figures.style import DPI, heading, new_figure, plain, styled, title_lines

MOST = 100  # images; more would be too small to see
NUM_GREYS = 63  # odd, so that one is the middle; more are not seen, and cost a sheet of noise half as many bytes again
# In pixels of the figure:
WIDTH = 1040  # of a row of images, about
GAP = 4
LABEL = 24
BORDER = 24
SCALE = 64  # what the scale takes below the images
HEADING, TITLE_LINE = 72, 34


@styled
def image_sheet(
    images: ArrayLike,
    *,
    title: str,
    data_name: str,
    columns: int | None = None,
    labels: Sequence[str] | None = None,
    symmetric: bool = False,
    each_own_range: bool = False,
    limit: float | None = None,
) -> Figure:
    """1 to 100 grey images (num, height, width), on a sheet as nearly square as they go where `columns` is not given.

    All are on one scale, from the smallest value (black) to the largest (white), which is drawn below them. `labels`
    stand below each. A pixel of an image is a whole number of pixels of the figure, so that none looks larger.

    Args:
        symmetric: the scale goes as far below 0 as above, and 0 is mid-grey.
        each_own_range: each image has a scale of its own, and none is drawn.
        limit: the scale of `symmetric` goes this far and what lies beyond is clipped: one scale for several sheets.

    Raises:
        ValueError: not 1 to 100 images of three axes, values that are not finite, or not a label an image.
    """
    pixels = np.asarray(images, dtype=float)
    if pixels.ndim != 3 or not 1 <= len(pixels) <= MOST or not np.isfinite(pixels).all():
        raise ValueError(f"need 1 to {MOST} images (num, height, width) of finite values; got {pixels.shape}")
    if labels is not None and len(labels) != len(pixels):
        raise ValueError(f"need a label an image; got {len(labels)} for {len(pixels)}")
    num_images, height, width = pixels.shape
    columns = min(num_images, columns or math.ceil(math.sqrt(num_images)))
    enlarged = int(np.clip(round(WIDTH / (columns * width)), 1, 8))
    gap = math.ceil(GAP / enlarged)
    below = gap if labels is None else math.ceil(LABEL / enlarged)
    low, high = _scale(pixels, symmetric, each_own_range, limit)
    mosaic = _mosaic((pixels - low) / (high - low), columns, gap, below)

    figure, axes = _place(mosaic, enlarged, title, 0 if each_own_range else SCALE)
    axes.imshow(mosaic, cmap=colormaps["gray"].resampled(NUM_GREYS), vmin=0, vmax=1, interpolation="nearest")
    for number, label in enumerate(labels or ()):
        row, column = divmod(number, columns)
        middle, bottom = column * (width + gap) + width / 2, row * (height + below) + height
        axes.text(middle - 0.5, bottom, plain(label), fontsize=7.5, ha="center", va="top")
    if not each_own_range:
        _draw_scale(figure, axes, low.item(), high.item())
    heading(axes, title, data_name)
    return figure


def _scale(
    pixels: np.ndarray, symmetric: bool, each_own_range: bool, limit: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """The values shown black and white, (num or 1, 1, 1) each; never equal."""
    axis = (1, 2) if each_own_range else None
    low, high = pixels.min(axis, keepdims=True), pixels.max(axis, keepdims=True)
    if symmetric:
        high = np.maximum(-low, high) if limit is None else np.full_like(high, limit)
        low = -high
    flat = high == low  # an image of one value is mid-grey
    return low - flat, high + flat


def _mosaic(pixels: np.ndarray, columns: int, gap: int, below: int) -> np.ndarray:
    """The images in rows of `columns`, NaN between them and where the last row has none."""
    rows = math.ceil(len(pixels) / columns)
    missing = rows * columns - len(pixels)
    padded = np.pad(pixels, ((0, missing), (0, below), (0, gap)), constant_values=np.nan)
    padded[len(pixels) :] = np.nan
    height, width = padded.shape[1:]
    tiled = padded.reshape(rows, columns, height, width).transpose(0, 2, 1, 3)  # (rows, height, columns, width)
    return tiled.reshape(rows * height, columns * width)[:, :-gap]


def _place(mosaic: np.ndarray, enlarged: int, title: str, below: int) -> tuple[Figure, Axes]:
    """A figure with axes in which each pixel of the mosaic is `enlarged` times as high and wide as one of its own."""
    height, width = enlarged * np.array(mosaic.shape)
    full_width = max(5 * DPI, width + 2 * BORDER)
    num_lines = len(title_lines(title, full_width / DPI))
    full_height = HEADING + num_lines * TITLE_LINE + height + below + BORDER
    figure = new_figure(full_width / DPI, full_height / DPI)
    figure.set_layout_engine("none")
    left, bottom = BORDER / full_width, (below + BORDER) / full_height
    axes = figure.add_axes((left, bottom, width / full_width, height / full_height))
    axes.axis("off")
    return figure, axes


def _draw_scale(figure: Figure, axes: Axes, low: float, high: float) -> None:
    """A small bar of the greys below the images: its ends and its middle."""
    width, height = figure.get_size_inches() * DPI
    place = (40 + BORDER) / width, (BORDER + 20) / height, 260 / width, 16 / height
    greys = ScalarMappable(Normalize(low, high), axes.images[0].cmap)
    bar = figure.colorbar(greys, cax=figure.add_axes(place), orientation="horizontal")
    ticks = [low, (low + high) / 2, high]
    bar.set_ticks(ticks, labels=[f"{tick:.2g}" for tick in ticks])
    bar.ax.tick_params(length=0, labelsize=8, pad=2)
    bar.outline.set_linewidth(0.5)  # or the white end would not be seen on white
