"""How good made images are: their distance from real ones by epoch, their classes, and the images nearest to them."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from dlhw.figures.log_axis import scale_y
from dlhw.figures.sheet import image_sheet
from dlhw.figures.style import (
    MUTED,
    PALETTE,
    REFERENCE,
    count_epochs,
    heading,
    legend_below,
    look,
    new_figure,
    plain,
    styled,
)

LEADER = {"arrowstyle": "-", "color": MUTED, "linewidth": 0.7, "shrinkA": 1, "shrinkB": 0, "relpos": (0, 0.5)}
LABEL = 0.055  # the height of a label beside the axes, as a share of theirs
PAIRS_A_ROW, MOST_PAIRS = 8, 16


@styled
def quality_by_epoch(
    epochs_by_label: Mapping[str, Sequence[tuple[int, float]]],
    *,
    anchors: Mapping[str, float],
    ylabel: str,
    title: str,
    data_name: str,
) -> Figure:
    """A distance against the epoch on a logarithmic axis: a line a label, through its (epoch, distance).

    `anchors` are distances that do not depend on the epoch: dotted horizontal lines, named at their right ends; names
    that would cover each other are moved apart. What is not above 0 has no place on the axis and is left out.

    Raises ValueError if nothing is left to draw.
    """
    lines = {label: [point for point in points if point[1] > 0] for label, points in epochs_by_label.items()}
    levels = {label: level for label, level in anchors.items() if level > 0}
    if not any(lines.values()):
        raise ValueError("nothing to draw: there is no distance above 0 after any epoch")
    figure = new_figure(9.0 if levels else 7.0, 4.8)
    axes = figure.add_subplot()
    for index, (label, points) in enumerate(lines.items()):
        epochs, distances = zip(*points, strict=True) if points else ((), ())
        axes.plot(epochs, distances, label=plain(label), **look(index))
    for level in levels.values():
        axes.axhline(level, **REFERENCE)
    scale_y(axes)
    axes.set(xlabel="epoch", ylabel=plain(ylabel))
    count_epochs(axes)
    _name_levels(axes, levels)
    heading(axes, title, data_name)
    legend_below(figure, [axes])
    return figure


def _name_levels(axes: Axes, levels: Mapping[str, float]) -> None:
    """Names right of the axes, each joined to the end of its line."""
    low, high = np.log(axes.get_ylim())
    axes.set_ylim(np.exp(low), np.exp(high))  # the scale is settled: names are placed by it
    ends = [(math.log(level) - low) / (high - low) for level in levels.values()]
    for label, end, height in zip(levels, ends, _apart(ends, LABEL), strict=True):
        axes.annotate(
            plain(label), xy=(1, end), xytext=(1.04, height), xycoords="axes fraction", color=MUTED, fontsize=9.5,
            va="center", arrowprops=LEADER,
        )  # fmt: skip


def _apart(places: Sequence[float], gap: float) -> np.ndarray:
    """Places (num,), moved as little as it takes to lie `gap` from each other: those too near share their mean."""
    order = np.argsort(places, kind="stable")
    blocks: list[list[float]] = []  # of places that touch, each less the gaps before it
    for number, place in enumerate(np.asarray(places)[order]):
        blocks.append([place - number * gap])
        while len(blocks) > 1 and np.mean(blocks[-2]) > np.mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    means = np.concatenate([np.full(len(block), np.mean(block)) for block in blocks] or [np.array([])])
    moved = np.empty(len(order))
    moved[order] = means + gap * np.arange(len(order))
    return moved


@styled
def share_bars(
    shares: Mapping[str, Sequence[float]], class_names: Sequence[str], *, title: str, data_name: str
) -> Figure:
    """The share of each class in several sets of images, in per cent: a group of bars a class, a colour a set.

    Each set gives its share (0..1) of each class.

    Raises ValueError if there is no set, one has not a share for each class, or a share is outside 0..1.
    """
    if not shares:
        raise ValueError("nothing to draw: there is no set of images")
    for label, values in shares.items():
        if len(values) != len(class_names) or not all(0 <= share <= 1 for share in values):
            raise ValueError(f"{label!r} needs a share in 0..1 for each of {len(class_names)} classes; got {values}")
    rows = np.arange(len(class_names))
    thickness = 0.8 / len(shares)
    figure = new_figure(7.4, 1.7 + (0.16 + 0.16 * len(shares)) * len(class_names))
    axes = figure.add_subplot()
    for index, (label, values) in enumerate(shares.items()):
        places = rows + thickness * (index - (len(shares) - 1) / 2)
        axes.barh(
            places, 100 * np.array(values), thickness, color=PALETTE[index % len(PALETTE)], edgecolor="white",
            linewidth=0.6, label=plain(label),
        )  # fmt: skip
    axes.set_yticks(rows, [plain(name) for name in class_names])
    axes.set_ylim(len(class_names) - 0.5, -0.5)  # the first class on top
    axes.grid(axis="y", visible=False)
    axes.set(xlabel="share of images (%)", xlim=(0, None))
    heading(axes, title, data_name)
    legend_below(figure, [axes])
    return figure


def pairs_sheet(samples: ArrayLike, nearest: ArrayLike, labels: Sequence[str], *, title: str, data_name: str) -> Figure:
    """1 to 16 samples (num, height, width), each above an image (height, width) and with a label below both.

    All are on one scale from the smallest value (black) to the largest (white), drawn below them.

    Raises ValueError if the two differ in shape, there are not 1 to 16 pairs of finite values, or not a label a pair.
    """
    upper, lower = np.asarray(samples, dtype=float), np.asarray(nearest, dtype=float)
    if upper.ndim != 3 or upper.shape != lower.shape or not 1 <= len(upper) <= MOST_PAIRS:
        raise ValueError(
            f"need two times 1 to {MOST_PAIRS} images (num, height, width); got {upper.shape}, {lower.shape}"
        )
    white = np.full((len(upper), 1, upper.shape[2]), max(upper.max(), lower.max()))  # a line between the two
    pairs = np.concatenate([upper, white, lower], axis=1)
    return image_sheet(pairs, title=title, data_name=data_name, columns=PAIRS_A_ROW, labels=labels)
