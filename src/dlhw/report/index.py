"""All runs and sweeps of an outputs folder -> index.html, a page to look through them.

`python -m dlhw.report.index [OUTPUTS]`
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from dlhw.errors import UserError
from dlhw.process import printing
from dlhw.report import text
from dlhw.report.entry import Entry, run_entry, unreadable_entry
from dlhw.report.orders import find_orders
from dlhw.report.page import Fact, Picture, write_page
from dlhw.report.places import below, is_run, is_sweep
from dlhw.report.sweep_entry import sweep_entry
from dlhw.report.thumbnail import thumbnail


@dataclass(frozen=True)
class Card:
    """An entry as it is shown. `href` leads to its report, and is None where there is none."""

    entry: Entry
    place: str  # its folder, relative to the page
    href: str | None
    picture: Picture | None
    facts: Sequence[Fact]
    keys: Sequence[str | float | None]  # by each order


def write_index(outputs: Path | str) -> Path:
    """Writes `index.html`, one self-contained file, with an entry for each run, baseline and sweep below `outputs`.

    Raises:
        UserError: there is no such folder, or nothing in it yet.
    """
    outputs = Path(outputs)
    entries = find_entries(outputs) if outputs.is_dir() else []
    if not entries:
        what = "holds no run yet" if outputs.is_dir() else "does not exist"
        raise UserError(f"{outputs} {what}; train something (make run), or name another (make gallery OUTPUTS=FOLDER)")
    orders = find_orders(entries)
    keys = zip(*(order.keys for order in orders), strict=True)
    return write_page(
        outputs / "index.html",
        "index.html",
        title=f"Everything in {outputs.resolve().name}",
        cards=[_card(entry, outputs, entry_keys) for entry, entry_keys in zip(entries, keys, strict=True)],
        experiments=sorted({name for entry in entries for name in entry.experiments}),
        kinds=sorted({entry.kind for entry in entries}),
        orders=orders,
    )


def find_entries(outputs: Path) -> list[Entry]:
    """An entry for each run, baseline and sweep below `outputs`, the newest first. Jobs belong to their sweep."""
    folders = below(outputs, lambda folder: is_sweep(folder) or is_run(folder))
    return sorted(map(_read, folders), key=lambda entry: entry.started, reverse=True)


def _read(folder: Path) -> Entry:
    try:
        return sweep_entry(folder) if is_sweep(folder) else run_entry(folder)
    except Exception as error:  # a record may be damaged in any way, and must not hide the others
        return unreadable_entry(folder, error)


def _card(entry: Entry, outputs: Path, keys: Sequence[str | float | None]) -> Card:
    place = entry.folder.relative_to(outputs)
    has_report = (entry.folder / "report.html").is_file()
    shown = entry.figure and thumbnail(entry.folder, entry.figure.file, entry.figure.title, entry.figure.caption)
    return Card(
        entry,
        place.as_posix(),
        quote(os.fsencode(place / "report.html")) if has_report else None,
        shown if shown and shown.source else None,
        _facts(entry),
        keys,
    )


def _facts(entry: Entry) -> list[Fact]:
    facts = [Fact(value.shown, text.metric_label(value.name)) for value in entry.values]
    if entry.parameters is not None:
        facts.append(Fact(text.number(entry.parameters), "parameters"))
    if entry.seconds is not None:
        facts.append(Fact(text.duration(entry.seconds), "time"))
    return facts


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m dlhw.report.index", description=__doc__)
    parser.add_argument("outputs", type=Path, nargs="?", default=Path("outputs"), help="the folder of all runs")
    try:
        print(write_index(parser.parse_args(arguments).outputs))
    except (OSError, UserError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    with printing():
        sys.exit(main())
