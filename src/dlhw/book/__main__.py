"""The command that runs the book: `make reproduce`, `make reproduce-quick`, `make results`.

Imports neither torch nor Lightning: help and every error in the arguments answer in about a second.
"""

import json
import logging
import os
import sys
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Annotated

from dlhw import arguments
from dlhw.arguments import whole_number
from dlhw.book.plan import Plan, jobs_of, read_plan
from dlhw.config import CONF
from dlhw.errors import SweepFailed, UserError, near
from dlhw.schema import Strict
from dlhw.schema.fields import one_of

USAGE = """\
Run every study of conf/book.yaml on real data, and set what was measured beside what was asked:

  python -m dlhw.book book=full

  book=full        full: real data, as RESULTS.md has it (days on a laptop); quick: everything once, small and short;
                   tables: run nothing, write the tables of RESULTS.md from docs/results and the experiments' one in
                   README.md from the heads of their configs;
                   publish: take the full book's records to docs/results first
  only=null        studies, separated by commas; null: all
  jobs=2           at once, each with its share of the cores
  output=outputs   book/ is written below it

What is finished is not run again, and what was interrupted goes on: give the same command again."""

ROOT = CONF.parent
RESULTS, TABLES, README = ROOT / "docs" / "results", ROOT / "RESULTS.md", ROOT / "README.md"


class Settings(Strict):
    book: Annotated[str, one_of("full", "quick", "tables", "publish")]
    only: str | None = None
    jobs: Annotated[int, whole_number(1, 256)] = min(2, os.cpu_count() or 1)
    output: str = "outputs"


def main(args: Sequence[str]) -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    required = {"book": "full, quick, tables or publish"}
    arguments.main(args, USAGE, lambda: act(arguments.parsed(args, Settings, required)))


def act(settings: Settings) -> None:
    """Do what the command line says.

    Raises:
        UserError: an unknown study, or RESULTS.md lacks a table's place.
        SweepFailed: jobs failed; the others' results stand.
    """
    plan = read_plan()
    if settings.book in ("full", "quick"):
        run(plan, settings, quick=settings.book == "quick")
        return
    if settings.book == "publish":
        publish(plan, Path(settings.output) / "book")
    write_tables(plan)


def run(plan: Plan, settings: Settings, quick: bool) -> None:
    from dlhw.book import execute, page, records

    folder = (Path(settings.output) / ("book-quick" if quick else "book")).resolve()
    chosen = list(plan.studies) if settings.only is None else settings.only.split(",")
    for name in chosen:
        if name not in plan.studies:
            raise UserError(f"only={settings.only}: unknown study '{name}'{near(name, plan.studies, 'conf/book.yaml')}")
    jobs = [job for name in chosen for job in jobs_of(name, plan.studies[name], quick)]
    failed = execute.run_jobs(jobs, folder, settings.jobs)
    reports = {name: execute.summarise(folder, name) for name in plan.studies}
    read = cache(partial(records.read_record, folder))
    index = page.write_book(folder, plan, read, reports, failed, quick)
    print(f"book: {index}")
    if failed:
        raise SweepFailed(f"{len(failed)} of {len(jobs)} jobs failed; {index} lists them with their errors")


def publish(plan: Plan, book: Path) -> None:
    """Take the records of a book to docs/results."""
    from dlhw.files import write_atomically

    for name in plan.studies:
        if (book / f"{name}.json").is_file():
            write_atomically(RESULTS / f"{name}.json", (book / f"{name}.json").read_bytes())


def write_tables(plan: Plan) -> None:
    """The tables of RESULTS.md from docs/results, and of README.md from the configs' heads."""
    from dlhw.book import markdown, records

    read = cache(partial(records.read_record, RESULTS))
    bench = json.loads((RESULTS / "bench.json").read_text(encoding="utf-8"))
    changes = {
        TABLES: lambda text: markdown.written(text, plan, read, bench),
        README: lambda text: markdown.listed_experiments(text, plan),
    }
    for path, change in changes.items():
        print(f"{path.name}: {'written' if markdown.rewrite(path, change) else 'is as it should be'}")


if __name__ == "__main__":
    main(sys.argv[1:])
