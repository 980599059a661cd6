"""A generator against its discriminator: their losses, and what the discriminator makes of their images."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dlhw.figures.style import MARKERS, MUTED, PALETTE, REFERENCE, count_epochs, heading, new_figure, put_below, styled

PARTS: dict[str, tuple[str, Literal["-", "--"]]] = {"train": ("training", "-"), "val": ("validation", "--")}
QUANTITIES = {
    "discriminator_loss": "discriminator's loss",
    "generator_loss": "generator's loss",
    "real_score": "score of real images",
    "fake_score": "score of fakes",
}
COLOURS = dict(zip(QUANTITIES, PALETTE, strict=False))
# What each panel shows, and its value where the discriminator gives every image a probability of one half
PANELS = {
    "loss (nats)": (("discriminator_loss", "generator_loss"), math.log(2)),
    "probability of being real": (("real_score", "fake_score"), 0.5),
}
FEW = 25  # epochs, up to which each has a marker


@styled
def adversarial_curves(history: Mapping[str, Sequence[float | None]], *, title: str, data_name: str) -> Figure:
    """Both networks' losses by epoch, beside the probabilities of being real that real images and fakes are given.

    `history` maps `train/discriminator_loss`, `val/discriminator_loss`, `train/generator_loss` (nats), and
    `real_score` and `fake_score` of both parts (0..1), to a value an epoch, None where nothing was measured; what is
    not there is not drawn. The epochs are `history["epoch"]` where it is given, else 1, 2, ... Dotted lines show where
    a discriminator is that cannot tell fakes from real images: at a loss of ln 2 and a probability of 0.5.

    Raises ValueError if none of these was measured, or the lists differ in length.
    """
    lengths = {len(values) for values in history.values()}
    if len(lengths) > 1:
        raise ValueError(f"the lists in history hold {sorted(lengths)} values; each needs one an epoch")
    measured = {name: np.array(values, dtype=float) for name, values in history.items()}
    measured = {name: values for name, values in measured.items() if np.isfinite(values).any()}
    if not any(f"{part}/{quantity}" in measured for part in PARTS for quantity in QUANTITIES):
        raise ValueError("history holds neither a loss nor a score: give 'train/discriminator_loss' or the like")
    epochs = measured.get("epoch", np.arange(1, max(lengths) + 1))

    figure = new_figure(11.0, 4.6)
    loss, score = figure.subplots(1, 2)
    for axes, (ylabel, (quantities, chance)) in zip((loss, score), PANELS.items(), strict=True):
        for quantity in quantities:
            _draw_parts(axes, epochs, measured, quantity)
        axes.axhline(chance, **REFERENCE)
        axes.set(xlabel="epoch", ylabel=ylabel)
        count_epochs(axes)
    loss.set_ylim(bottom=0)
    score.set_ylim(0, 1)
    heading(loss, title, data_name)
    put_below(figure, _entries(measured))
    return figure


def _draw_parts(axes: Axes, epochs: np.ndarray, measured: Mapping[str, np.ndarray], quantity: str) -> None:
    for part, (_, dash) in PARTS.items():
        values = measured.get(f"{part}/{quantity}")
        if values is not None:
            shown = np.isfinite(values)
            marker = MARKERS[0] if shown.sum() <= FEW else None
            axes.plot(
                epochs[shown], values[shown], dash, color=COLOURS[quantity], marker=marker, markersize=3.5,
                linewidth=1.8 if dash == "-" else 1.4, clip_on=False,
            )  # fmt: skip


def _entries(measured: Mapping[str, np.ndarray]) -> dict[str, Line2D]:
    """The quantities by their colours, the parts by their dashes, as far as they were measured."""
    entries = {
        label: Line2D([], [], color=COLOURS[quantity])
        for quantity, label in QUANTITIES.items()
        if any(f"{part}/{quantity}" in measured for part in PARTS)
    }
    for part, (label, dash) in PARTS.items():
        if any(f"{part}/{quantity}" in measured for quantity in QUANTITIES):
            entries[label] = Line2D([], [], color=MUTED, linestyle=dash)
    return entries | {"discriminator at chance": Line2D([], [], **REFERENCE)}
