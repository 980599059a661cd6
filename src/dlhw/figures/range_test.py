import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from dlhw.figures.log_axis import round_ticks
from dlhw.figures.style import MUTED, PALETTE, heading, legend_below, new_figure, plain, styled


@styled
def range_test(
    rates: ArrayLike,
    losses: ArrayLike,
    smoothed: ArrayLike,
    *,
    chosen: float,
    title: str,
    data_name: str,
    loss_label: str,
) -> Figure:
    """The loss of single steps while the learning rate grows from each to the next, and the rate that was chosen.

    All are (step,), on logarithmic axes; `smoothed` are the losses as the choice was made from them. The part of the
    blow-up at the end that lies above the first smoothed loss is cut off.
    Smith (2017), "Cyclical learning rates for training neural networks" (arXiv:1506.01186), section 3.3.

    Raises ValueError if there is no step, the lists differ in length, or what they hold is not above 0.
    """
    rate, loss, smooth = (np.asarray(values, dtype=float) for values in (rates, losses, smoothed))
    if not rate.size or not rate.shape == loss.shape == smooth.shape:
        raise ValueError(f"needs a loss and a smoothed loss a rate; got {rate.size}, {loss.size} and {smooth.size}")
    if not chosen > 0 or not all((values > 0).all() for values in (rate, loss, smooth)):
        raise ValueError("logarithmic axes need rates and losses above 0")
    figure = new_figure(7.0, 4.4)
    axes = figure.add_subplot()
    axes.plot(rate, loss, color=MUTED, linewidth=0.8, alpha=0.6, label="single steps")
    axes.plot(rate, smooth, color=PALETTE[0], linewidth=2.6, label="smoothed")
    axes.set(xscale="log", yscale="log", xlabel="learning rate", ylabel=plain(loss_label))
    top = max(1.15 * min(smooth[0], loss.max()), 1.3 * smooth.min())
    axes.set_ylim(0.9 * loss.min(), top)
    axes.axvline(chosen, color=PALETTE[1], linestyle=":", linewidth=1.8, label=f"chosen: {chosen:.2g}")
    at = np.exp(np.interp(np.log(chosen), np.log(rate), np.log(smooth)))
    axes.plot(chosen, at, "o", color=PALETTE[1], markersize=8, markeredgecolor="white")
    round_ticks(axes.yaxis)
    heading(axes, title, data_name)
    legend_below(figure, [axes])
    return figure
