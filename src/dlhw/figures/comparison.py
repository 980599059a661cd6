from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from dlhw.figures.curves import PANELS
from dlhw.figures.style import MARKERS, MUTED, PALETTE, heading, new_figure, plain, put_below, styled

History = Mapping[str, Sequence[float | None]]
DASHES: dict[str, Literal["--", "-"]] = {"train": "--", "val": "-"}
DROP: Literal[":"] = ":"


@styled
def compare_curves(
    histories: Mapping[str, History],
    *,
    title: str,
    data_name: str,
    drops: Mapping[str, Sequence[int]] | None = None,
) -> Figure:
    """Several runs' loss and accuracy by epoch, in panels side by side: a colour a run, the training part dashed.

    `histories` maps a run's label to its `train/loss`, `val/acc`, ... with a value an epoch, None where nothing was
    measured; accuracies are fractions. `drops` names the epochs after which a run's learning rate fell; each is a
    dotted vertical line in the run's colour. Where one run is many times as long as another the epochs' axis is
    logarithmic; the first epochs' values, far off the rest, may lie outside the panels.

    Raises ValueError if no run has a loss or an accuracy.
    """
    panels = [kind for kind in PANELS if any(_series(history, kind) for history in histories.values())]
    if not panels:
        raise ValueError("no run has a loss or an accuracy: give 'train/loss', 'val/acc' or the like")
    drops = drops or {}
    figure = new_figure(5.4 * len(panels), 4.6)
    all_axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, kind in zip(all_axes, panels, strict=True):
        for number, (label, history) in enumerate(histories.items()):
            colour = PALETTE[number % len(PALETTE)]
            _draw(axes, kind, history, colour)
            for epoch in drops.get(label, ()):
                axes.axvline(epoch, color=colour, linestyle=DROP, linewidth=1.4)
        axes.set(xlabel="epoch", ylabel=PANELS[kind][0])
        _limit(axes, kind, list(histories.values()))
    heading(all_axes[0], title, data_name)
    _legend(figure, list(histories), has_drops=any(drops.values()))
    return figure


def _series(history: History, kind: str) -> dict[str, np.ndarray]:
    """The parts for which `kind` was measured at least once; None becomes NaN."""
    values = {split: np.array(history.get(f"{split}/{kind}", []), dtype=float) for split in DASHES}
    return {split: series for split, series in values.items() if np.isfinite(series).any()}


def _draw(axes: Axes, kind: str, history: History, colour: str) -> None:
    for split, values in _series(history, kind).items():
        axes.plot(
            np.arange(1, len(values) + 1), PANELS[kind][1] * values, color=colour, linestyle=DASHES[split],
            linewidth=1.3 if split == "train" else 1.8, marker=MARKERS[0] if len(values) < 3 else None,
        )  # fmt: skip


def _limit(axes: Axes, kind: str, histories: Sequence[History]) -> None:
    """Scales fit to what the runs have in common: their later epochs, and both a short and a long run."""
    series = [PANELS[kind][1] * values for history in histories for values in _series(history, kind).values()]
    later = np.concatenate([values[2:] for values in series if len(values) > 10] or [np.array([])])
    if np.isfinite(later).any():
        margin = 0.05 * float(np.nanmax(later) - np.nanmin(later)) or 0.01
        axes.set_ylim(float(np.nanmin(later)) - margin, float(np.nanmax(later)) + margin)
    lengths = [len(values) for values in series]
    if max(lengths) > 4 * min(lengths):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))


def _legend(figure: Figure, labels: Sequence[str], *, has_drops: bool) -> None:
    """The runs by their colours, the parts by their dashes."""
    entries = {plain(label): Line2D([], [], color=PALETTE[n % len(PALETTE)]) for n, label in enumerate(labels)}
    entries["training"] = Line2D([], [], color=MUTED, linestyle=DASHES["train"], linewidth=1.3)
    entries["validation"] = Line2D([], [], color=MUTED, linestyle=DASHES["val"])
    if has_drops:
        entries["learning rate reduced"] = Line2D([], [], color=MUTED, linestyle=DROP, linewidth=1.4)
    put_below(figure, entries)
