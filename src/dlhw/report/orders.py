"""What the entries of the index can be sorted by."""

from collections.abc import Sequence
from dataclasses import dataclass

from dlhw.metrics.names import higher_is_better
from dlhw.report import text
from dlhw.report.entry import Entry


@dataclass(frozen=True)
class Order:
    """A key for each entry, None where it has none and comes last, whichever way the others go.

    The order is called `first`, such as "newest first", and goes down if `descending`; its reverse is called `last`.
    """

    label: str
    first: str
    last: str
    descending: bool
    keys: Sequence[str | float | None]


def find_orders(entries: Sequence[Entry]) -> list[Order]:
    """By date, experiment, size and time, then by each metric that any entry shows."""
    measured = [{value.name: value.number for value in entry.values} for entry in entries]
    names = sorted({name for values in measured for name in values}, key=text.metric_label)
    return [
        Order("Date", "newest first", "oldest first", True, [entry.started or None for entry in entries]),
        Order("Experiment", "A to Z", "Z to A", False, [", ".join(entry.experiments) for entry in entries]),
        Order("Parameters", "fewest first", "most first", False, [entry.parameters for entry in entries]),
        Order("Time", "shortest first", "longest first", False, [entry.seconds for entry in entries]),
        *(_order(name, [values.get(name) for values in measured]) for name in names),
    ]


def _order(metric: str, keys: Sequence[float | None]) -> Order:
    """The best first."""
    label = text.capitalised(text.metric_label(metric))
    if higher_is_better(metric):
        return Order(label, "highest first", "lowest first", True, keys)
    return Order(label, "lowest first", "highest first", False, keys)
