import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from dlhw.figures.style import MARKERS, MUTED, PALETTE, heading, legend_below, new_figure, plain, styled


@styled
def metric_by_category(
    categories: Sequence[str],
    series: Mapping[str, Sequence[tuple[float, float | None] | None]],
    *,
    xlabel: str,
    title: str,
    data_name: str,
    baseline: tuple[str, float] | None = None,
) -> Figure:
    """A metric for things that have no order, as points with error bars: a row a category, a colour a series.

    Each series gives (mean, standard deviation or None) for each category, None where nothing was measured.
    Points, not bars: a bar must begin at zero, where accuracies of 98 and 99 % look alike.
    """
    rows = np.arange(len(categories), dtype=float)
    figure = new_figure(7.0, 1.9 + 0.42 * len(categories))
    axes = figure.add_subplot()
    for index, (label, values) in enumerate(series.items()):
        if len(values) != len(categories):
            raise ValueError(f"series {label!r} has {len(values)} values for {len(categories)} categories")
        shift = 0.16 * (index - (len(series) - 1) / 2)
        drawn = [(row + shift, *value) for row, value in zip(rows, values, strict=True) if value is not None]
        if not drawn:
            continue
        y, mean, std = zip(*drawn, strict=True)
        spread = None if all(s is None for s in std) else [np.nan if s is None else s for s in std]
        axes.errorbar(
            mean, y, xerr=spread, fmt=MARKERS[index % len(MARKERS)], color=PALETTE[index % len(PALETTE)],
            markersize=7, elinewidth=1.4, capsize=3.5, label=plain(label),
        )  # fmt: skip
    if baseline is not None:
        axes.axvline(baseline[1], color=MUTED, linestyle="--", linewidth=1.3, zorder=1, label=plain(baseline[0]))
    axes.set_yticks(rows, [plain(textwrap.shorten(name, 44, placeholder="…")) for name in categories])
    axes.set_ylim(len(categories) - 0.5, -0.5)  # the first category on top
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(plain(xlabel))
    axes.margins(x=0.08)
    heading(axes, title, data_name)
    legend_below(figure, [axes])
    return figure
