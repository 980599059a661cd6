from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from dlhw.figures.style import MUTED, PALETTE, heading, legend_below, new_figure, plain, styled

SHARES = {
    "right/acc": "right labels predicted",
    "wrong/memorised": "wrong labels repeated",
    "wrong/seen_through": "wrong labels seen through",
}


@styled
def memorisation_curves(history: Mapping[str, Sequence[float | None]], *, title: str, data_name: str) -> Figure:
    """Test accuracy by epoch with its peak, beside what is learned of right and wrong labels where that is known."""
    shares = {name: label for name, label in SHARES.items() if name in history}
    figure = new_figure(10.0 if shares else 6.4, 4.0)
    panels = figure.subplots(1, 2 if shares else 1, squeeze=False)[0]
    accuracy = 100 * np.array(history["test/acc"], dtype=float)  # (epoch,)
    epochs = np.arange(1, len(accuracy) + 1)
    peak = int(np.nanargmax(accuracy))
    panels[0].plot(epochs, accuracy, color=PALETTE[2], marker="o" if len(epochs) <= 25 else None, label="test")
    panels[0].plot(epochs[peak], accuracy[peak], "o", markersize=10, markerfacecolor="none", color=PALETTE[2])
    label = f"peak: {accuracy[peak]:.2f} % after epoch {epochs[peak]}"
    panels[0].axvline(epochs[peak], color=MUTED, linewidth=1, linestyle=":", label=label)
    panels[0].set(xlabel="epoch", ylabel="test accuracy (%)")
    for number, (name, label) in enumerate(shares.items()):
        colour, style = PALETTE[(0, 1, 4)[number]], ("-", "-", "-.")[number]
        panels[1].plot(epochs, 100 * np.array(history[name], dtype=float), style, color=colour, label=label)
    if shares:
        panels[1].set(xlabel="epoch", ylabel="share of training labels (%)", ylim=(-3, 103))
    heading(panels[0], title, data_name)
    legend_below(figure, panels)
    return figure


@styled
def loss_histograms(losses: Mapping[str, ArrayLike], *, title: str, data_name: str) -> Figure:
    """One histogram for each named list of losses (nats), on common bins and a logarithmic count."""
    values = {name: np.asarray(part, dtype=float) for name, part in losses.items()}
    largest = max(np.quantile(part, 0.999) for part in values.values())
    bins = np.linspace(0, max(largest, 1e-3), 50).tolist()
    figure = new_figure(6.8, 4.0)
    axes = figure.add_subplot()
    for number, (name, part) in enumerate(values.items()):
        shown = np.minimum(part, bins[-1])
        label = f"{name} ({len(part):,})"
        axes.hist(shown, bins, histtype="stepfilled", alpha=0.35, color=PALETTE[number], label=label)
        axes.hist(shown, bins, histtype="step", linewidth=1.6, color=PALETTE[number])
    axes.set(xlabel="cross entropy of the given label (nats)", ylabel="number of images", yscale="log")
    heading(axes, title, data_name)
    legend_below(figure, [axes])
    return figure


@styled
def precision_recall(recall: ArrayLike, precision: ArrayLike, *, chance: float, title: str, data_name: str) -> Figure:
    """Precision against recall down a ranking; `chance` is the precision of a random order."""
    figure = new_figure(6.0, 4.2)
    axes = figure.add_subplot()
    axes.plot(100 * np.asarray(recall), 100 * np.asarray(precision), color=PALETTE[0], label="ranked by mean loss")
    axes.axhline(100 * chance, color=MUTED, linestyle="--", linewidth=1.2, label="at random")
    axes.set(xlabel="recall: share of the wrong labels found (%)", ylabel="precision (%)", xlim=(0, 100), ylim=(0, 103))
    heading(axes, title, data_name)
    legend_below(figure, [axes])
    return figure


@styled
def image_cards(
    images: ArrayLike,
    labels: Sequence[str],
    *,
    title: str,
    data_name: str,
    marked: Sequence[bool] | None = None,
    num_cols: int = 10,
) -> Figure:
    """Grey images (num, height, width) in 0..1, each under its own label; the marked ones in orange and a frame."""
    pixels = np.asarray(images, dtype=float)
    rows = -(-len(pixels) // num_cols)
    figure = new_figure(1.02 * num_cols, 0.9 + 1.25 * rows)
    panels = figure.subplots(rows, num_cols, squeeze=False)
    for axes in panels.flat:
        axes.axis("off")
    for number, (axes, image, label) in enumerate(zip(panels.flat, pixels, labels, strict=False)):
        colour = PALETTE[1] if marked is not None and marked[number] else "#2b2f36"
        axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(
            plain(label).replace(" → ", "\n→ "), fontsize=8, fontweight="normal", color=colour, loc="center", pad=3
        )
    figure.suptitle(f"{plain(title)}\n", x=0.01, ha="left", fontsize=12.5, fontweight="bold")
    figure.text(0.012, 0.985 - 0.28 / figure.get_figheight(), plain(data_name), color=MUTED, fontsize=10.5, va="top")
    return figure
