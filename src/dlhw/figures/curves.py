from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dlhw.figures.log_axis import scale_y
from dlhw.figures.style import MARKERS, MUTED, PALETTE, heading, legend_below, new_figure, plain, styled

SPLITS = ("train", "val", "test")
SPLIT_LABELS = {"train": "training", "val": "validation", "test": "test"}
PANELS = {"loss": ("loss (nats)", 1.0), "acc": ("accuracy (%)", 100.0)}


@styled
def curves(
    history: Mapping[str, Sequence[float | None]],
    *,
    title: str,
    data_name: str,
    chosen_epoch: int | None = None,
    loss_label: str = PANELS["loss"][0],
    log_loss: bool = False,
    reference: tuple[str, float] | None = None,
) -> Figure:
    """Loss and accuracy by epoch, in panels side by side.

    `history` maps `train/loss`, `val/acc`, ... to a value an epoch, None where nothing was measured;
    accuracies are fractions. The epochs are `history["epoch"]` where it is given, else 1, 2, ...;
    `chosen_epoch` counts likewise and is marked in every panel. A panel with no measurement is left out.
    `loss_label` names the loss and its unit, `log_loss` makes its axis logarithmic, and `reference` (label, value)
    is a horizontal line in its panel.

    Raises ValueError if there is neither a loss nor an accuracy, or the lists differ in length.
    """
    panels = {kind: _panel_series(history, kind) for kind in PANELS}
    panels = {kind: series for kind, series in panels.items() if series}
    if not panels:
        raise ValueError("history holds neither a loss nor an accuracy: give 'train/loss', 'val/acc' or the like")
    lengths = {len(values) for values in history.values()}
    if len(lengths) > 1:
        raise ValueError(f"the lists in history hold {sorted(lengths)} values; each needs one an epoch")
    num_epochs = lengths.pop()
    epochs = np.array(history.get("epoch", range(1, num_epochs + 1)), dtype=float)  # (epoch,)

    figure = new_figure(5.0 * len(panels) if len(panels) > 1 else 6.4, 4.0)
    all_axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (kind, series) in zip(all_axes, panels.items(), strict=True):
        _draw_panel(axes, kind, epochs, series, chosen_epoch)
        if kind == "loss":
            _dress_loss(axes, loss_label, log_loss, reference)
    heading(all_axes[0], title, data_name)
    legend_below(figure, all_axes)
    return figure


def _panel_series(history: Mapping[str, Sequence[float | None]], kind: str) -> dict[str, np.ndarray]:
    """The splits for which `kind` was measured at least once; None becomes NaN, which leaves a gap."""
    series = {}
    for split in SPLITS:
        values = np.array(history.get(f"{split}/{kind}", []), dtype=float)
        if np.isfinite(values).any():
            series[split] = values
    return series


def _draw_panel(
    axes: Axes, kind: str, epochs: np.ndarray, series: Mapping[str, np.ndarray], chosen_epoch: int | None
) -> None:
    label, scale = PANELS[kind]
    for split, values in series.items():
        style = SPLITS.index(split)
        # few epochs, or values with gaps around them, would be invisible as a bare line
        measured = np.isfinite(values).sum()
        marker = MARKERS[style] if measured <= 25 or measured < len(values) else None
        shown = np.isfinite(values)
        axes.plot(
            epochs[shown], scale * values[shown], color=PALETTE[style], marker=marker, markersize=4.5,
            label=SPLIT_LABELS[split],
        )  # fmt: skip
        if chosen_epoch is not None and chosen_epoch in epochs[shown]:
            at = scale * values[epochs == chosen_epoch][0]
            axes.plot(chosen_epoch, at, "o", markersize=10, markerfacecolor="none", color=PALETTE[style])
    if chosen_epoch is not None:
        axes.axvline(chosen_epoch, color=MUTED, linewidth=1, linestyle=":", label=f"chosen: epoch {chosen_epoch}")
    axes.set(xlabel="epoch", ylabel=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))


def _dress_loss(axes: Axes, label: str, logarithmic: bool, reference: tuple[str, float] | None) -> None:
    if reference is not None:
        axes.axhline(reference[1], color=MUTED, linewidth=1.3, linestyle="--", zorder=1, label=plain(reference[0]))
    axes.set_ylabel(plain(label))
    if logarithmic:
        scale_y(axes)
