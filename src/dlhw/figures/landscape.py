"""A loss on a plane of parameter space, trajectories over it, and how much the plane leaves out of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import ArrayLike

from dlhw.figures.style import PALETTE, heading, legend_below, new_figure, plain, styled

COLOURS = "viridis"
PATHS = (PALETTE[1], PALETTE[3], PALETTE[5], PALETTE[4], PALETTE[6], PALETTE[2])  # seen on all of viridis
LEAST = 1e-8  # nats; single precision knows no cross entropy between this and zero
LOG_FROM = 30  # times the lowest loss: a surface that high hides its own valley on a linear scale


@styled
def loss_surface(
    x: ArrayLike,
    y: ArrayLike,
    losses: ArrayLike,
    paths: Mapping[str, ArrayLike],
    *,
    axis_labels: tuple[str, str],
    title: str,
    data_name: str,
) -> Figure:
    """The loss (nats) over a plane as a surface, with trajectories on it.

    `losses` are (len(y), len(x)); a path holds (num_points, 3): x, y and the surface's loss there. The loss is on a
    logarithmic scale where its largest value is more than 30 times its smallest.

    Raises ValueError if the losses are negative, not finite, or not one for each point of the grid.
    """
    z = grid_losses(x, y, losses)
    logarithmic = bool(z.max() > LOG_FROM * z.min())
    height = np.log10 if logarithmic else np.asarray
    figure = new_figure(8.2, 6.2)
    axes: Any = figure.add_subplot(projection="3d", computed_zorder=False)  # or the surface would cover the paths
    grid = np.meshgrid(np.asarray(x), np.asarray(y))
    low, high = float(height(z).min()), float(height(z).max())
    floor = low - 0.25 * (high - low)
    axes.plot_surface(
        *grid, height(z), cmap=COLOURS, rcount=len(z), ccount=len(z[0]), linewidth=0.2, edgecolor="#ffffff60",
        antialiased=True, zorder=2,
    )  # fmt: skip
    axes.contour(*grid, height(z), levels=14, zdir="z", offset=floor, cmap=COLOURS, linewidths=0.9, zorder=1)
    for index, (label, path) in enumerate(paths.items()):
        points = np.asarray(path, dtype=float)
        lifted = height(np.maximum(points[:, 2], LEAST)) + 0.015 * (high - low)  # just above the surface
        _draw_path(axes, index, label, points[:, 0], points[:, 1], lifted)
    axes.set_xlabel(plain(axis_labels[0]), labelpad=8)
    axes.set_ylabel(plain(axis_labels[1]), labelpad=8)
    axes.set_zlabel("training loss (nats)", labelpad=6)
    axes.set_zlim(floor, high)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    ticks = _ticks(z, logarithmic)
    axes.set_zticks(height(ticks), [f"{tick:g}" for tick in ticks])
    axes.view_init(elev=42, azim=-72 if z[0].mean() < z[-1].mean() else 108)  # from where the surface is low
    axes.set_box_aspect((1.25, 1, 0.68), zoom=1.0)
    heading(axes, title, data_name)
    legend_below(figure, [axes])
    return figure


@styled
def loss_contours(
    x: ArrayLike,
    y: ArrayLike,
    losses: ArrayLike,
    paths: Mapping[str, ArrayLike],
    *,
    axis_labels: tuple[str, str],
    title: str,
    data_name: str,
) -> Figure:
    """The same from above, both directions on one scale: contours of the loss and the paths (num_points, 2 or more)."""
    z = grid_losses(x, y, losses)
    logarithmic = bool(z.max() > LOG_FROM * z.min())
    levels = np.geomspace(z.min(), z.max(), 25) if logarithmic else np.linspace(z.min(), z.max(), 25)
    norm = (LogNorm if logarithmic else Normalize)(z.min(), z.max())
    width, depth = np.ptp(np.asarray(x)), np.ptp(np.asarray(y))
    figure = new_figure(8.2, float(np.clip(1.7 + 6.4 * depth / width, 3.6, 8.0)))
    axes = figure.add_subplot(aspect="equal")
    filled = axes.contourf(x, y, z, levels=levels, norm=norm, cmap=COLOURS)
    axes.contour(x, y, z, levels=levels, norm=norm, colors="white", linewidths=0.4, alpha=0.6)
    ticks = _ticks(z, logarithmic)
    bar = figure.colorbar(filled, cax=axes.inset_axes((1.03, 0, 0.03, 1)), label="training loss (nats)")
    bar.ax.minorticks_off()
    bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    for index, (label, path) in enumerate(paths.items()):
        points = np.asarray(path, dtype=float)
        _draw_path(axes, index, label, points[:, 0], points[:, 1])
    axes.set(xlabel=plain(axis_labels[0]), ylabel=plain(axis_labels[1]))
    axes.grid(False)
    heading(axes, title, data_name)
    legend_below(figure, [axes])
    return figure


@styled
def plane_against_truth(
    epochs: Sequence[float],
    paths: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]],
    *,
    title: str,
    data_name: str,
) -> Figure:
    """What the projection hides: by epoch, the true loss beside the plane's, and the distance from the plane.

    A path is (true losses, the plane's losses, distances), each (num_points,).
    """
    figure = new_figure(10.5, 4.4)
    loss, distance = figure.subplots(1, 2)
    for index, (label, (true, shown, away)) in enumerate(paths.items()):
        colour = PALETTE[index % len(PALETTE)]
        loss.plot(epochs, np.asarray(true), color=colour, label=f"{plain(label)}: true loss")
        loss.plot(epochs, np.asarray(shown), color=colour, linestyle="--", label=f"{plain(label)}: on the plane")
        distance.plot(epochs, np.asarray(away), color=colour)
    loss.set_yscale("log")
    loss.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    loss.yaxis.set_minor_locator(NullLocator())
    loss.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    loss.set(xlabel="epoch", ylabel="training loss (nats)")
    distance.set(xlabel="epoch", ylabel="distance from the plane", ylim=(0, None))
    for axes in (loss, distance):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        axes.set_xlim(0, epochs[-1])
    heading(loss, title, data_name)
    legend_below(figure, [loss])
    return figure


def grid_losses(x: ArrayLike, y: ArrayLike, losses: ArrayLike) -> np.ndarray:
    """The losses as (len(y), len(x)), those that are zero to rounding raised to where a logarithm can show them."""
    z = np.asarray(losses, dtype=float)
    if z.shape != (np.size(y), np.size(x)) or not np.isfinite(z).all() or z.min() < 0:
        raise ValueError(f"needs {np.size(y)} x {np.size(x)} finite losses of at least 0; got an array of {z.shape}")
    return np.maximum(z, LEAST)


def _ticks(z: np.ndarray, logarithmic: bool) -> list[float]:
    """Round losses within the range of `z`."""
    locator = LogLocator(subs=(1, 2, 5) if z.max() < 1e3 * z.min() else (1,)) if logarithmic else MaxNLocator(6)
    return [tick for tick in locator.tick_values(z.min(), z.max()) if z.min() <= tick <= z.max()]


def _draw_path(axes: Axes, index: int, label: str, *points: np.ndarray) -> None:
    """A line with a dot a sample; an open circle where it starts, a star where it ends."""
    colour = PATHS[index % len(PATHS)]
    axes.plot(*points, color="white", linewidth=4.4, zorder=4)  # or the path would sink into a surface of its colour
    axes.plot(*points, marker="o", markersize=3.2, linewidth=1.4, color=colour, label=plain(label), zorder=5)
    first, last = [values[:1] for values in points], [values[-1:] for values in points]
    axes.plot(*first, "o", markersize=8, markeredgewidth=2, markeredgecolor=colour, color="white", zorder=6)
    axes.plot(*last, "*", markersize=16, markeredgewidth=1, markeredgecolor="white", color=colour, zorder=6)
