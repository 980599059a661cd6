from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dlhw.figures.style import MARKERS, PALETTE, heading, new_figure, plain, styled


@styled
def loss_by_iteration(
    iterations: Sequence[int], losses: Sequence[float], *, title: str, data_name: str, remark: str = ""
) -> Figure:
    """The training loss (nats) of single iterations; `remark` is written into the axes' upper right corner.

    Raises ValueError if there is no iteration, or not a loss for each.
    """
    if not losses or len(iterations) != len(losses):
        raise ValueError(f"needs a loss for each iteration; got {len(losses)} for {len(iterations)}")
    figure = new_figure(6.8, 4.0)
    axes = figure.add_subplot()
    axes.plot(list(iterations), list(losses), color=PALETTE[0], marker=MARKERS[0])
    axes.set(xlabel="iteration (minibatches seen)", ylabel="training loss (nats)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_ylim(0, 1.25 * max(losses) or 1)
    axes.text(0.99, 0.97, plain(remark), transform=axes.transAxes, ha="right", va="top", fontweight="bold")
    heading(axes, title, data_name)
    return figure
