from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from dlhw.figures.style import heading, new_figure, plain, styled


@styled
def reconstruction_pairs(
    originals: ArrayLike, reconstructions: ArrayLike, names: Sequence[str], *, title: str, data_name: str
) -> Figure:
    """Grey images (num, height, width) in 0..1, each above its reconstruction and labelled, with the pair's MSE.

    Raises ValueError if the two differ in shape, or there is not a name a pair.
    """
    pairs = np.asarray(originals, dtype=float), np.asarray(reconstructions, dtype=float)
    shape = pairs[0].shape
    if len(shape) != 3 or shape != pairs[1].shape or not 0 < shape[0] == len(names):
        raise ValueError(f"need two times (num, height, width) and num names; got {shape}, {pairs[1].shape}, {names}")
    num, height, width = shape
    figure = new_figure(max(5.0, 2.3 * num + 0.2), 0.6 + 2 * (0.35 + 2.1 * height / width))
    grid = figure.subplots(2, num, squeeze=False)
    labels = (
        [f"original: {name}" for name in names],
        [f"reconstruction, MSE {error:.4f}" for error in np.square(pairs[1] - pairs[0]).mean((1, 2))],
    )
    for panels, images, below in zip(grid, pairs, labels, strict=True):
        for axes, image, label in zip(panels, images, below, strict=True):
            axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.set(xticks=[], yticks=[], xlabel=plain(label))
            axes.spines[:].set_visible(False)
            axes.set_anchor("W")  # below the title's beginning
    heading(grid[0, 0], title, data_name)
    return figure
