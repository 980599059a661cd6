"""Completed images beside their originals, and how wrong a completion is from patch to patch."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from dlhw.figures.style import DPI, PALETTE, heading, legend_below, look, new_figure, plain, styled

KNOWN_BLACK = np.array([0.06, 0.26, 0.48])  # what is black in the known half; its white stays white
FAILURE = PALETTE[1]
GAP, BETWEEN, ENLARGED = 2, 20, 3  # pixels of an image; pixels of the figure to one of an image
LEFT, RIGHT, ABOVE, BELOW = 120, 24, 130, 70  # pixels of the figure


@styled
def completion_sheets(
    completed: ArrayLike,
    originals: ArrayLike,
    readings: Sequence[Sequence[str]],
    row_labels: Sequence[str],
    *,
    num_known: int,
    title: str,
    data_name: str,
) -> Figure:
    """Completed images (rows, columns, height, width) with pixels in 0..1 on the left, their originals on the right.

    The first `num_known` pixel rows of each, which the completion was told, are on blue instead of black. A completed
    image with a reading other than "" is a failure: outlined, with what it was read as in its corner.

    Raises:
        ValueError: not two arrays alike of four axes, or not a label a row and a reading an image.
    """
    left, right = np.asarray(completed, dtype=float), np.asarray(originals, dtype=float)
    if left.ndim != 4 or left.shape != right.shape:
        raise ValueError(f"need two arrays (rows, columns, height, width); got {left.shape} and {right.shape}")
    rows, columns, height, width = left.shape
    if len(row_labels) != rows or [len(row) for row in readings] != [columns] * rows:
        raise ValueError(f"need a label a row and a reading an image, for {rows} rows of {columns}")
    space = np.ones((rows * (height + GAP) - GAP, BETWEEN, 3))
    panels = [_coloured(pixels, num_known) for pixels in (left, right)]
    mosaic = np.concatenate([panels[0], space, panels[1]], axis=1)

    axes = _exact_axes(mosaic)
    axes.imshow(mosaic, interpolation="nearest")
    for row, labels in enumerate(readings):
        axes.text(-6, row * (height + GAP) + height / 2, plain(row_labels[row]), ha="right", va="center", fontsize=10)
        for column, label in enumerate(labels):
            if label:
                _outline(axes, column * (width + GAP), row * (height + GAP), height, width, label)
    second = panels[0].shape[1] + BETWEEN
    for start, text in ((0, "completed from the top half (on blue)"), (second, "originals")):
        axes.text(start - 0.5, mosaic.shape[0] + 3, text, va="top", fontsize=10.5)
    if any(label for labels in readings for label in labels):
        place = -0.5, mosaic.shape[0] + 12
        axes.text(*place, "outlined: read as the class in the corner", va="top", fontsize=10.5, color=FAILURE)
    heading(axes, title, data_name)
    figure = axes.get_figure(root=True)
    assert figure is not None  # only axes that were removed have none
    return figure


def _coloured(pixels: np.ndarray, num_known: int) -> np.ndarray:
    """The images in one array of colours (height, width, 3), white between them."""
    black = np.zeros((pixels.shape[2], 1, 3))
    black[:num_known] = KNOWN_BLACK
    shades = np.clip(pixels, 0, 1)[..., None]
    colours = black + (1 - black) * shades  # (rows, columns, height, width, 3)
    padded = np.pad(colours, ((0, 0), (0, 0), (0, GAP), (0, GAP), (0, 0)), constant_values=1)
    rows, columns, height, width, _ = padded.shape
    return padded.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, 3)[:-GAP, :-GAP]


def _size(mosaic: np.ndarray) -> tuple[int, int]:
    """The figure's width and height, in its own pixels."""
    height, width = (ENLARGED * length for length in mosaic.shape[:2])
    return LEFT + width + RIGHT, ABOVE + height + BELOW


def _exact_axes(mosaic: np.ndarray) -> Axes:
    """Axes in which each pixel of the mosaic is a whole number of pixels of the figure."""
    full_width, full_height = _size(mosaic)
    figure = new_figure(full_width / DPI, full_height / DPI)
    figure.set_layout_engine("none")
    height, width = (ENLARGED * length for length in mosaic.shape[:2])
    axes = figure.add_axes((LEFT / full_width, BELOW / full_height, width / full_width, height / full_height))
    axes.axis("off")
    return axes


def _outline(axes: Axes, x: float, y: float, height: int, width: int, label: str) -> None:
    axes.add_patch(Rectangle((x - 0.5, y - 0.5), width, height, fill=False, edgecolor=FAILURE, linewidth=1.6))
    axes.text(
        x + width - 2, y + height - 2, plain(label), color="white", fontsize=6.5, weight="bold", ha="right",
        va="bottom", bbox={"facecolor": FAILURE, "edgecolor": "none", "pad": 0.8},
    )  # fmt: skip


@styled
def error_by_patch(errors: Mapping[str, Sequence[float]], first_patch: int, *, title: str, data_name: str) -> Figure:
    """Mean squared error per pixel against the place of the patch in the image, a line a label.

    Args:
        first_patch: the number, from 1, of the patch that each line begins with.

    Raises:
        ValueError: there is no line, or lines of different lengths.
    """
    if not errors or len({len(values) for values in errors.values()}) != 1:
        raise ValueError(f"need lines of one length; got {[len(values) for values in errors.values()]}")
    figure = new_figure(8.0, 4.8)
    axes = figure.add_subplot()
    for index, (label, values) in enumerate(errors.items()):
        axes.plot(range(first_patch, first_patch + len(values)), values, label=plain(label), **look(index))
    axes.set(xlabel="patch, row by row", ylabel="mean squared error per pixel")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    heading(axes, title, data_name)
    legend_below(figure, [axes])
    return figure
