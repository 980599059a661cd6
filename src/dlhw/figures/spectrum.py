from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator
from numpy.typing import ArrayLike

from dlhw.figures.style import MUTED, PALETTE, heading, legend_below, new_figure, plain, styled


@styled
def singular_values(
    layers: Mapping[str, ArrayLike], *, title: str, data_name: str, ranks: Sequence[int] = ()
) -> Figure:
    """The decay of each layer's singular values, and the share of the energy the first k of them hold.

    Energy is the sum of squares, so the right panel is 1 - (relative Eckart-Young error)^2 at rank k.
    `layers` maps a name to singular values (k,) in any order; `ranks` are marked by vertical lines.
    Raises ValueError if a layer has no values, or negative or non-finite ones.
    """
    figure = new_figure(10.0, 4.4)
    decay, energy = figure.subplots(1, 2)
    longest = 1
    for index, (name, values) in enumerate(layers.items()):
        sigma = np.sort(np.asarray(values, dtype=float).ravel())[::-1]  # (k,)
        if sigma.size == 0 or not np.isfinite(sigma).all() or sigma[-1] < 0:
            raise ValueError(f"the singular values of {name!r} must be finite and >= 0, and at least one")
        longest = max(longest, sigma.size)
        k = np.arange(1, sigma.size + 1)
        look = {"color": PALETTE[index % len(PALETTE)], "linestyle": ("-", "--")[index // len(PALETTE) % 2]}
        decay.plot(k, np.where(sigma > 0, sigma, np.nan), label=plain(name), **look)
        total = np.sum(sigma**2)
        energy.plot(k, 100 * np.cumsum(sigma**2) / (total or 1.0), **look)
    ticks = [1, *(rank for rank in ranks if 1 < rank < longest), longest] if ranks else _powers_of_ten(longest)
    for axes in (decay, energy):
        axes.set_xscale("log")
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.grid(axis="x", visible=False)
        for rank in ranks:
            axes.axvline(rank, color=MUTED, linewidth=0.9, linestyle=":", zorder=1)
    decay.set_yscale("log")
    decay.yaxis.set_minor_formatter(NullFormatter())
    decay.set(xlabel="index k", ylabel="singular value")
    energy.set(xlabel="rank k", ylabel="cumulated energy (%)")
    heading(decay, title, data_name)
    legend_below(figure, [decay])
    return figure


def _powers_of_ten(largest: int) -> list[int]:
    return [10**exponent for exponent in range(len(str(largest)))]
