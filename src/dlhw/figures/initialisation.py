"""Signals and gradients of deep networks at their start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from numpy.typing import ArrayLike

from dlhw.figures.style import MARKERS, MUTED, PALETTE, heading, legend_below, new_figure, plain, styled

LARGEST = 1e200  # matplotlib's margins around a logarithmic axis need room below the largest float


@dataclass(frozen=True)
class LayerLine:
    """A variance in each layer: `draws` (draws, layers), and what theory says of it (layers,)."""

    draws: ArrayLike
    theory: ArrayLike


@styled
def variance_by_layer(panels: Mapping[str, Mapping[str, LayerLine]], *, title: str, data_name: str) -> Figure:
    """Variances on a logarithmic axis: a panel for each quantity, in it a line for each initialisation.

    Lines are means over the draws of the weights, bands reach from the smallest draw to the largest, and dots are what
    theory says. What is 0, not finite or beyond 1e±200 is left out. Raises ValueError if there is no panel.
    """
    if not panels:
        raise ValueError("nothing to draw: there is no panel")
    figure = new_figure(5.4 * len(panels), 4.8)
    all_axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (ylabel, lines) in zip(all_axes, panels.items(), strict=True):
        for index, (label, line) in enumerate(lines.items()):
            _draw_variance(axes, index, label, line)
        axes.plot([], [], ":", color="black", label="theory")
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=8))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set(xlabel="hidden layer", ylabel=plain(ylabel))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    heading(all_axes[0], title, data_name)
    legend_below(figure, all_axes)
    return figure


def _draw_variance(axes: Axes, index: int, label: str, line: LayerLine) -> None:
    draws, theory = _drawable(line.draws), _drawable(line.theory)
    layers = np.arange(1, draws.shape[1] + 1)
    axes.fill_between(layers, draws.min(0), draws.max(0), color=PALETTE[index % len(PALETTE)], alpha=0.25, linewidth=0)
    axes.plot(layers, draws.mean(0), label=plain(label), **_look(index, len(layers)))
    axes.plot(layers, theory, ":", color="black", linewidth=1.2)


def _look(index: int, num_points: int) -> dict[str, Any]:
    """A line's colour, and markers at places of its own: lines that coincide are told apart by them."""
    every = max(1, num_points // 8)
    return {
        "color": PALETTE[index % len(PALETTE)],
        "marker": MARKERS[index % len(MARKERS)],
        "markersize": 5,
        "markevery": (index * every // len(PALETTE), every),
    }


def _drawable(variances: ArrayLike) -> np.ndarray:
    """NaN, which leaves a gap, in the place of what a logarithmic axis cannot show."""
    values = np.asarray(variances, dtype=float)
    return np.where((values > 1 / LARGEST) & (values < LARGEST), values, np.nan)


@styled
def ratios_by_layer(
    panels: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]], *, names: tuple[str, str], title: str, data_name: str
) -> Figure:
    """The two sides of equations as their ratio, layer by layer: a panel for each equation, which says 1.

    A panel holds the mean and its standard error of one initialisation, both (layers,), drawn with bars of two standard
    errors, and the means of others (others, layers), drawn as dots. `names` are what the legend calls the two.
    Raises ValueError if there is no panel.
    """
    if not panels:
        raise ValueError("nothing to draw: there is no panel")
    num_rows = -(-len(panels) // 2)
    figure = new_figure(10.4, 3.0 * num_rows + 0.9)
    grid = figure.subplots(num_rows, 2, squeeze=False, sharey=True)
    for axes, (equation, (mean, error, others)) in zip(grid.flat, panels.items(), strict=False):
        mean, error = np.asarray(mean, dtype=float), np.asarray(error, dtype=float)
        layers = np.arange(1, len(mean) + 1)
        for index, other in enumerate(np.asarray(others, dtype=float)):
            label = plain(names[1]) if index == 0 else None
            axes.plot(layers, other, ".", color=PALETTE[4], markersize=3.5, alpha=0.7, label=label)
        axes.errorbar(
            layers, mean, yerr=2 * error, fmt="o", color=PALETTE[0], markersize=3.5, elinewidth=1, label=plain(names[0])
        )
        axes.axhline(1, color=MUTED, linestyle="--", linewidth=1.2, zorder=1)
        axes.set(xlabel="hidden layer", ylabel=plain(equation))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    for axes in list(grid.flat)[len(panels) :]:
        axes.remove()
    heading(grid[0, 0], title, data_name)
    legend_below(figure, [grid[0, 0]])
    return figure


@styled
def draws_by_layer(draws: ArrayLike, *, ylabel: str, title: str, data_name: str) -> Figure:
    """A positive quantity in each layer, on a logarithmic axis: one thin line a draw, their mean and their median.

    `draws` is (draws, layers). Raises ValueError if it has not these two axes.
    """
    values = _drawable(draws)
    if values.ndim != 2:
        raise ValueError(f"needs (draws, layers); got an array of shape {values.shape}")
    figure = new_figure(7.0, 4.4)
    axes = figure.add_subplot()
    layers = np.arange(1, values.shape[1] + 1)
    for index, draw in enumerate(values):
        axes.plot(layers, draw, color=PALETTE[5], linewidth=0.9, label=None if index else "one draw")
    axes.plot(layers, values.mean(0), color=PALETTE[0], linewidth=2.6, label="mean of the draws")
    axes.plot(layers, np.median(values, axis=0), color=PALETTE[1], linewidth=2.6, linestyle="-.", label="median")
    axes.axhline(1, color=MUTED, linestyle="--", linewidth=1.2, label="expectation")
    axes.set_yscale("log", base=2)
    axes.set(xlabel="hidden layer", ylabel=plain(ylabel))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter("{x:g}")
    heading(axes, title, data_name)
    legend_below(figure, [axes])
    return figure


@styled
def mirrored_histograms(samples: Mapping[str, ArrayLike], *, title: str, data_name: str, xlabel: str) -> Figure:
    """Each sample's density and that of its mirror image, in panels side by side, with the normal density.

    Samples are in units of their root mean square; what lies beyond 5 is counted into the outermost bins.
    Raises ValueError if a sample is empty or not finite.
    """
    figure = new_figure(3.3 * max(2, len(samples)), 3.9)
    all_axes = figure.subplots(1, len(samples), squeeze=False, sharey=True)[0]
    edges = np.linspace(-5, 5, 51)
    x = np.linspace(-5, 5, 201)
    for axes, (label, sample) in zip(all_axes, samples.items(), strict=True):
        values = np.asarray(sample, dtype=float).ravel()
        if not values.size or not np.isfinite(values).all():
            raise ValueError(f"the sample {label!r} must hold finite numbers, and at least one")
        values = values.clip(-5, 5)
        axes.hist(values, edges, density=True, color=PALETTE[5], alpha=0.6, label="z")
        axes.hist(-values, edges, density=True, histtype="step", color=PALETTE[1], linewidth=1.4, label="-z")
        axes.plot(x, np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi), ":", color="black", linewidth=1.3, label="normal")
        axes.set_xlabel(f"{plain(xlabel)}\n{plain(label)}")
    all_axes[0].set_ylabel("density")
    heading(all_axes[0], title, data_name)
    legend_below(figure, all_axes)
    return figure


@styled
def loss_by_step(
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    num_steps: int,
    window: int,
    title: str,
    data_name: str,
    ceiling: float = 20.0,
) -> Figure:
    """The training loss (nats) of the first steps, smoothed over `window` of them: a panel for each network.

    Losses above `ceiling` are drawn at it. A series that stops before `num_steps` ends in a cross: there the loss was
    no finite number any more. Raises ValueError if there is no panel.
    """
    if not panels:
        raise ValueError("nothing to draw: there is no panel")
    figure = new_figure(3.1 * max(2, len(panels)), 4.2)
    all_axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axes, (label, series) in zip(all_axes, panels.items(), strict=True):
        for index, (name, losses) in enumerate(series.items()):
            shown = np.minimum(_running_mean(losses, window), ceiling)
            look = _look(index, num_steps)
            axes.plot(np.arange(1, len(shown) + 1), shown, label=plain(name), clip_on=False, **look)
            if 0 < len(shown) < num_steps:
                axes.plot(len(shown), ceiling, "X", color=look["color"], markersize=9, clip_on=False)
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set(xlabel=f"step\n{plain(label)}", xlim=(0, num_steps), ylim=(None, ceiling))
    all_axes[0].set_ylabel("training loss (nats)")
    heading(all_axes[0], title, data_name)
    legend_below(figure, all_axes)
    return figure


def _running_mean(values: Sequence[float], window: int) -> np.ndarray:
    """The mean of each value and the `window` - 1 before it, or of as many as there are."""
    totals = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - window)
    return (totals[ends] - totals[starts]) / (ends - starts)
