from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dlhw.figures.style import MARKERS, PALETTE, heading, legend_below, new_figure, plain, styled


@styled
def energy_by_epoch(
    energies: Mapping[str, Sequence[float | None]],
    accuracies: Mapping[str, Sequence[float | None]],
    *,
    title: str,
    data_name: str,
) -> Figure:
    """What each epoch used, and what accuracy the energy bought: several runs in two panels, a colour a run.

    `energies` (watt-hours, of each epoch) and `accuracies` (validation, fractions) map a run's label to a value an
    epoch, None where nothing was measured.

    Raises ValueError if no epoch's energy was measured.
    """
    measured = {label: np.array(values, dtype=float) for label, values in energies.items()}  # (epoch,)
    measured = {label: values for label, values in measured.items() if np.isfinite(values).any()}
    if not measured:
        raise ValueError("no epoch's energy was measured")
    figure = new_figure(10.8, 4.6)
    by_epoch, bought = figure.subplots(1, 2)
    for number, (label, energy) in enumerate(measured.items()):
        look = {"color": PALETTE[number % len(PALETTE)], "marker": MARKERS[number % len(MARKERS)], "markersize": 3.5}
        by_epoch.plot(np.arange(1, len(energy) + 1), energy, label=plain(label), **look)
        accuracy = 100 * np.array(accuracies.get(label, [None] * len(energy)), dtype=float)
        bought.plot(np.nancumsum(energy), accuracy, label=plain(label), **look)
    by_epoch.set(xlabel="epoch", ylabel="energy of the epoch (Wh)", ylim=(0, None))
    by_epoch.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    bought.set(xlabel="energy used so far (Wh)", ylabel="validation accuracy (%)", xlim=(0, None))
    heading(by_epoch, title, data_name)
    legend_below(figure, [by_epoch])
    return figure
