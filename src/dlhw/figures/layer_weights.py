"""The weights of networks, layer by layer, through training."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from dlhw.figures.log_axis import round_ticks, scale_y
from dlhw.figures.style import (
    REFERENCE,
    count_epochs,
    heading,
    legend_below,
    look,
    new_figure,
    plain,
    put_below,
    styled,
)

EARLY, LATE = 0.85, 0.0  # the places in viridis of the first epoch and of the last
RANGE = 1e4  # times the lowest density shown the highest is, at most


@styled
def histogram_by_layer(
    networks: Mapping[str, Mapping[str, Mapping[int, tuple[ArrayLike, float]]]], *, title: str, data_name: str
) -> Figure:
    """The distributions of weights through training: a row a network, a panel a layer, a line an epoch.

    For each network, layer and epoch (0: before training) the density (bins,) of the weights and the limit of its
    bins, which go from -limit to limit. Densities are on a logarithmic axis, over four decades at most.

    Raises ValueError if there is no density, or a limit that is not above 0.
    """
    drawn = [layer for layers in networks.values() for layer in layers.values()]
    epochs = sorted({epoch for layer in drawn for epoch in layer})
    if not epochs:
        raise ValueError("nothing to draw: there is no layer with the density of an epoch")
    if any(not limit > 0 for layer in drawn for _, limit in layer.values()):
        raise ValueError("the bins of a density go from -limit to limit, and limits must be above 0")
    colours = dict(zip(epochs, colormaps["viridis"](np.linspace(EARLY, LATE, len(epochs))), strict=True))
    most = max(len(layers) for layers in networks.values())
    figure = new_figure(max(6.0, 2.7 * most), 1.1 + 2.5 * len(networks))
    places = figure.add_gridspec(len(networks), most)
    top_row = figure.add_subplot(places[0, :])
    top_row.axis("off")
    heading(top_row, title, data_name)  # over the first panel alone a long title would push the others away
    grid = places.subplots(squeeze=False)
    for row, (network, layers) in zip(grid, networks.items(), strict=True):
        for axes, (layer, densities) in zip(row, layers.items(), strict=False):
            _draw_densities(axes, densities, colours)
            axes.set_xlabel(plain(f"{network}\n{layer}"))
        for spare in row[len(layers) :]:
            spare.remove()
        row[0].set_ylabel("density")
    put_below(figure, {_epoch_name(epoch): Line2D([], [], color=colour) for epoch, colour in colours.items()})
    return figure


def _draw_densities(
    axes: Axes, densities: Mapping[int, tuple[ArrayLike, float]], colours: Mapping[int, np.ndarray]
) -> None:
    for epoch, (density, limit) in densities.items():
        values = np.asarray(density, dtype=float)
        edges = np.linspace(-limit, limit, len(values) + 1)
        shown = np.where(values > 0, values, np.nan)
        axes.plot((edges[1:] + edges[:-1]) / 2, shown, color=colours[epoch], linewidth=1.4)
    scale_y(axes)
    low, high = axes.get_ylim()
    axes.set_ylim(bottom=max(low, high / RANGE))
    axes.xaxis.set_major_locator(MaxNLocator(4, symmetric=True))
    axes.tick_params(labelsize=9)


def _epoch_name(epoch: int) -> str:
    return f"epoch {epoch}" if epoch else "before training"


@styled
def norms_by_epoch(
    networks: Mapping[str, Mapping[str, Sequence[tuple[int, float]]]], *, title: str, data_name: str
) -> Figure:
    """The root mean square of each layer's weights by epoch, in multiples of that before training: a panel a network.

    For each network and layer its (epoch, multiple). The axes are logarithmic and the same for all networks; dotted
    lines show no change and, where the weights come near them, a tenth and ten times. What is not above 0 has no place
    on the axes and is left out.

    Raises ValueError if nothing is left to draw.
    """
    lines = [points for layers in networks.values() for points in layers.values()]
    multiples = [multiple for points in lines for _, multiple in points if 0 < multiple < math.inf]
    if not multiples:
        raise ValueError("nothing to draw: there is no multiple above 0")
    names = list(dict.fromkeys(layer for layers in networks.values() for layer in layers))
    figure = new_figure(max(6.4, 5.0 * len(networks)), 4.4)
    all_axes = figure.subplots(1, len(networks), squeeze=False, sharey=True)[0]
    low, high = min(0.5, *multiples) / 1.3, max(2.0, *multiples) * 1.3
    for axes, (network, layers) in zip(all_axes, networks.items(), strict=True):
        for layer, points in layers.items():
            epochs, values = np.array(points, dtype=float).reshape(-1, 2).T
            index = names.index(layer)
            own = look(index) | {"markersize": max(4, 9 - 1.5 * index)}  # lines that coincide are all seen
            axes.plot(epochs, np.where(values > 0, values, np.nan), label=plain(layer), **own)
        for level in (0.1, 1, 10):
            axes.axhline(level, **REFERENCE)
        axes.set(xlabel=plain(f"epoch\n{network}"), ylim=(low, high), yscale="log")
        count_epochs(axes)
        round_ticks(axes.yaxis)
    all_axes[0].set_ylabel("RMS weight (before training = 1)")
    heading(all_axes[0], title, data_name)
    legend_below(figure, all_axes)
    return figure
