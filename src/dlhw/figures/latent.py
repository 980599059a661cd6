from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike

from dlhw.figures.style import MANY_COLOURS, MANY_MARKERS, heading, new_figure, plain, styled

NUM_TURNS = 20
NAME = (0.021, 0.055)  # a letter's width and a name's height, of a panel's

Panel = tuple[str, ArrayLike, str, str]  # name, points (num, 2), xlabel, ylabel


@styled
def latent_scatter(
    panels: Sequence[Panel], labels: ArrayLike, class_names: Sequence[str], *, title: str, data_name: str
) -> Figure:
    """Points of the plane by class, in panels side by side; each class's name stands at its median.

    `labels` (num,) count the `class_names` from 0; colours and shapes begin anew after ten of them. Names that would
    cover each other are moved apart.

    Raises ValueError if there is no panel, its points are not (num, 2) with a label each, or a label has no name.
    """
    classes = np.asarray(labels)
    if not panels:
        raise ValueError("nothing to draw: there is no panel")
    if not classes.size or classes.min() < 0 or classes.max() >= len(class_names):
        raise ValueError(f"needs labels, each 0 to {len(class_names) - 1}")
    figure = new_figure(max(6.4, 5.4 * len(panels)), 5.4)
    all_axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (name, places, xlabel, ylabel) in zip(all_axes, panels, strict=True):
        points = np.asarray(places, dtype=float)
        if points.shape != (len(classes), 2):
            raise ValueError(f"needs a point (x, y) for each of {len(classes)} labels; got {points.shape}")
        _draw_points(axes, points, classes)
        _name_classes(axes, points, classes, class_names)
        axes.set(xlabel=plain(f"{xlabel}\n{name}"), ylabel=plain(ylabel))
    heading(all_axes[0], title, data_name)
    _legend(figure, {plain(class_names[label]): _look(label) for label in np.unique(classes)})
    return figure


def _draw_points(axes: Axes, points: np.ndarray, classes: np.ndarray) -> None:
    """In turns, a share of each class a turn, so that no class hides the others."""
    turns = np.arange(len(points)) % NUM_TURNS
    for turn in range(NUM_TURNS):
        for label in np.unique(classes):
            x, y = points[(turns == turn) & (classes == label)].T
            axes.plot(x, y, alpha=0.65, **_look(label) | {"markersize": 4})


def _name_classes(axes: Axes, points: np.ndarray, classes: np.ndarray, class_names: Sequence[str]) -> None:
    present = np.unique(classes)
    medians = np.array([np.median(points[classes == label], axis=0) for label in present])  # (class, 2)
    low, high = np.array([axes.get_xlim(), axes.get_ylim()]).T
    lengths = np.array([len(class_names[label]) for label in present])
    places = _spread((medians - low) / (high - low), lengths)
    for label, (x, y) in zip(present, places, strict=True):
        axes.text(
            x, y, plain(class_names[label]), transform=axes.transAxes, color=_look(label)["color"], fontweight="bold",
            ha="center", va="center", path_effects=[withStroke(linewidth=3, foreground="white")], zorder=3,
        )  # fmt: skip


def _spread(places: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Places (num, 2) of names of so many letters, as shares of the panel, moved up and down until none overlap."""
    moved = places.copy()
    letter, height = NAME
    for _ in range(100):
        for one, other in combinations(range(len(moved)), 2):
            apart = moved[other] - moved[one]
            missing = height - abs(apart[1])
            if missing > 0 and abs(apart[0]) < letter * (lengths[one] + lengths[other]) / 2:
                push = missing / 2 if apart[1] >= 0 else -missing / 2
                moved[one, 1] -= push
                moved[other, 1] += push
    return moved


def _legend(figure: Figure, looks: dict[str, dict[str, Any]]) -> None:
    """The classes in rows below the panels, as many in a row as there is room for."""
    width = 0.65 + 0.085 * max(map(len, looks))  # inches of an entry
    rows = -(-len(looks) // max(1, int(figure.get_figwidth() / width)))
    handles = [Line2D([], [], **look) for look in looks.values()]
    figure.legend(handles, list(looks), loc="outside lower center", ncols=-(-len(looks) // rows), handlelength=1)


def _look(label: int) -> dict[str, Any]:
    return {
        "color": MANY_COLOURS[label % len(MANY_COLOURS)],
        "marker": MANY_MARKERS[label % len(MANY_MARKERS)],
        "markersize": 8,
        "markeredgewidth": 0,
        "linestyle": "",
    }
