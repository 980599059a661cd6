from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from dlhw.figures.style import PALETTE, heading, new_figure, plain, styled


@styled
def importances(shares: Mapping[str, tuple[float, float]], *, title: str, data_name: str) -> Figure:
    """Bars of what each hyper-parameter contributes (share of 1 and its standard deviation), the largest on top.

    Raises ValueError if there is none.
    """
    if not shares:
        raise ValueError("nothing to draw: no hyper-parameter has an importance")
    ordered = sorted(shares.items(), key=lambda entry: -entry[1][0])
    names = [plain(name) for name, _ in ordered]
    mean, std = (100 * np.array(column) for column in zip(*(share for _, share in ordered), strict=True))
    rows = np.arange(len(names))
    figure = new_figure(7.0, 1.7 + 0.42 * len(names))
    axes = figure.add_subplot()
    axes.barh(rows, mean, height=0.6, color=PALETTE[0])
    axes.errorbar(mean, rows, xerr=std, fmt="none", color=PALETTE[-1], elinewidth=1.4, capsize=3.5)
    axes.set_yticks(rows, names)
    axes.set_ylim(len(names) - 0.5, -0.5)  # the first on top
    axes.set_xlim(left=0)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("importance (% of all)")
    heading(axes, title, data_name)
    return figure
