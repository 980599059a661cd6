from collections.abc import Sequence

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike

from dlhw.figures.style import heading, new_figure, styled


@styled
def confusion_matrix(matrix: ArrayLike, class_names: Sequence[str], *, title: str, data_name: str) -> Figure:
    """Counts of predictions, rows the true class, columns the predicted one; the accuracy joins the title.

    `matrix` is (class, class). A cell's colour is its share of its row, on a square-root scale: linearly,
    the few per cent of errors would all look white.
    Raises ValueError if the matrix does not fit the names or is negative.
    """
    counts = np.asarray(matrix)
    num_classes = len(class_names)
    if counts.shape != (num_classes, num_classes) or (counts < 0).any():
        raise ValueError(
            f"a confusion matrix of {num_classes} classes holds {num_classes} x {num_classes} counts >= 0; "
            f"got shape {counts.shape} with minimum {counts.min(initial=0)}"
        )
    totals = counts.sum(axis=1, keepdims=True)  # (class, 1)
    share = counts / np.maximum(totals, 1)  # (class, class)
    accuracy = np.trace(counts) / max(counts.sum(), 1)

    figure = new_figure(7.0, 6.4)
    axes = figure.add_subplot()
    image = axes.imshow(share, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=1))
    for row, column in np.ndindex(counts.shape):
        shade = "white" if share[row, column] > 0.35 else "#b4b9c1" if counts[row, column] == 0 else "#1c2733"
        axes.text(column, row, f"{counts[row, column]:d}", ha="center", va="center", color=shade, fontsize=10)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set_xticks(range(num_classes), class_names)
    axes.set_yticks(range(num_classes), class_names)
    axes.tick_params(length=0)
    axes.set(xlabel="predicted class", ylabel="true class")
    bar = figure.colorbar(image, ax=axes, shrink=0.75, pad=0.02, ticks=[0, 0.01, 0.1, 0.5, 1])
    bar.ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    bar.set_label("share of the true class")
    bar.outline.set_visible(False)
    heading(axes, f"{title}: accuracy {100 * accuracy:.2f} %", data_name)
    return figure
