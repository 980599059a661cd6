"""Writes the tables of RESULTS.md and README.md between `<!-- book: NAME -->` and `<!-- end -->`."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from dlhw.book import heads
from dlhw.book.plan import Plan
from dlhw.book.records import NOT_RECORDED
from dlhw.book.values import Answer, Records, answer, cells
from dlhw.config import experiments
from dlhw.errors import UserError
from dlhw.files import write_atomically

MARKED = re.compile(r"(<!-- book: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
REACHED = {True: "yes", False: "**no**", None: ""}


def written(text: str, plan: Plan, records: Records, bench: Mapping[str, Any]) -> str:
    """The text of RESULTS.md with every table as the records have it. Raises UserError as `replaced`.

    Args:
        bench: what `benchmarks/bench.py` kept of its last run.
    """
    makers = dict.fromkeys(plan.asked, asked_table) | dict.fromkeys(plan.tables, figure_table)
    tables: dict[str, Callable[[], str]] = {name: partial(make, plan, name, records) for name, make in makers.items()}
    return replaced(text, tables | {"speed": partial(speed_table, bench)})


def speed_table(bench: Mapping[str, Any]) -> str:
    rows = [
        [f"**{each['heading']}**", "", ""] if "heading" in each else [each["what"], each["measured"], each["asked"]]
        for each in bench["lines"]
    ]
    facts = f"*{bench['machine']}; torch {bench['torch']}; {bench['started'][:10]}; commit {bench['git_commit']}.*\n"
    return lines(["", "measured", "asked"], rows) + "\n" + facts


def listed_experiments(text: str, plan: Plan) -> str:
    """The text of README.md with the table of all experiments. Raises UserError as `replaced`."""
    return replaced(text, {"experiments": partial(experiment_table, plan)})


def replaced(text: str, makers: Mapping[str, Callable[[], str]]) -> str:
    """The text with a new table at each mark.

    Raises:
        UserError: a mark names no table, or a table has no place.
    """
    marks = [match["name"] for match in MARKED.finditer(text)]
    if unknown := sorted(set(marks) - makers.keys()):
        raise UserError(f"no table is called {', '.join(unknown)}; there are {', '.join(makers)}")
    if unplaced := sorted(makers.keys() - set(marks)):
        raise UserError(f"no mark for {', '.join(unplaced)}; write <!-- book: {unplaced[0]} --> and <!-- end -->")
    return MARKED.sub(lambda match: f"{match[1]}\n{makers[match['name']]()}\n{match[3]}", text)


def rewrite(path: Path, change: Callable[[str], str]) -> bool:
    """Write the file anew; whether that changed it."""
    before = path.read_text(encoding="utf-8")
    after = change(before)
    if after != before:
        write_atomically(path, after)
    return after != before


def experiment_table(plan: Plan) -> str:
    return lines(["experiment", "question", "measured", "command and time", ""], heads.rows(plan, experiments()))


def asked_table(plan: Plan, name: str, records: Records) -> str:
    answers = [answer(asked, records) for asked in plan.asked[name]]
    has_others = any(each.elsewhere for each in answers)
    columns = ["", *(["elsewhere"] if has_others else []), "asked", "measured", "reached"]
    rows = [[each.what, *([each.elsewhere] if has_others else []), *verdict(each)] for each in answers]
    return lines(columns, rows) + "\n" + source([asked.study for asked in plan.asked[name]], records)


def verdict(each: Answer) -> list[str]:
    return [each.asked, each.measured, REACHED[each.reached]]


def figure_table(plan: Plan, name: str, records: Records) -> str:
    table = plan.tables[name]
    columns = [table.head, *(column.head for column in table.columns)]
    return lines(columns, cells(table, records)) + "\n" + source(table.studies, records)


def lines(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    every = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in every)


def source(studies: Sequence[str], records: Records) -> str:
    """Data, seeds, machine, date and commit of all that a table shows."""
    found = [record.provenance for name in dict.fromkeys(studies) if (record := records(name)) is not None]
    parts = {
        key: sorted({str(value) for each in found for value in each.get(key, [])})
        for key in ("data", "seeds", "machines", "dates", "commits")
    }
    dates = parts["dates"]
    said = [
        listed("", parts["data"]),
        listed("seed " if len(parts["seeds"]) == 1 else "seeds ", parts["seeds"]),
        listed("", parts["machines"]),
        " to ".join(dict.fromkeys([dates[0], dates[-1]])) if dates else f"date {NOT_RECORDED}",
        listed("commit " if len(parts["commits"]) == 1 else "commits ", parts["commits"]) or f"commit {NOT_RECORDED}",
    ]
    return f"*{'; '.join(part for part in said if part)}.*\n" if found else ""


def listed(before: str, values: Sequence[str]) -> str:
    return before + ", ".join(values) if values else ""
