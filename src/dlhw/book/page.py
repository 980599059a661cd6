"""The book's own page: measured against asked, and a link to every study's report."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from dlhw.book.execute import Failed
from dlhw.book.plan import Plan, command, jobs_of
from dlhw.book.values import Answer, Records, answer, cells
from dlhw.report.page import Cell, Fact, Table, write_page

WORDS = {True: "yes", False: "no", None: "–"}


def write_book(
    folder: Path, plan: Plan, records: Records, reports: dict[str, Path | None], failed: Sequence[Failed], quick: bool
) -> Path:
    """Writes `index.html`.

    Args:
        reports: of each study that belongs to this book, its report, or None where nothing of it has run yet.
    """
    answers = {
        title: [answer(asked, records) for asked in several if asked.study in reports]
        for title, several in plan.asked.items()
    }
    judged = [each for several in answers.values() for each in several if each.reached is not None]
    reached = sum(bool(each.reached) for each in judged)
    facts = [
        Fact(f"{sum(report is not None for report in reports.values())} of {len(reports)}", "studies with results"),
        Fact(f"{reached} of {len(judged)}", "figures reached that were asked for"),
        Fact(str(len(failed)), "jobs failed"),
    ]
    return write_page(
        folder / "index.html",
        "book.html",
        title="The quick book: everything once, on small data" if quick else "The book: everything, on real data",
        note="Small or embedded data and short training: the figures show that everything runs, not how good it is."
        if quick
        else "",
        facts=facts,
        studies=study_table(folder, plan, reports, quick),
        failed=failed_table(failed) if failed else None,
        asked=[asked_table(name, several) for name, several in answers.items() if several],
        tables=[
            figure_table(name, plan, records)
            for name, table in plan.tables.items()
            if any(reports.get(study) for study in table.studies)
        ],
    )


def asked_table(name: str, answers: Sequence[Answer]) -> Table:
    rows = [
        [Cell(plain(each.what)), Cell(each.asked), Cell(each.measured), Cell(WORDS[each.reached])] for each in answers
    ]
    return Table(f"Asked and measured: {name}", ["figure", "asked", "measured", "reached"], rows)


def figure_table(name: str, plan: Plan, records: Records) -> Table:
    table = plan.tables[name]
    columns = [table.head, *(column.head for column in table.columns)]
    rows = [[Cell(plain(text)) for text in row] for row in cells(table, records)]
    return Table(name.replace("-", " "), list(map(plain, columns)), rows)


def plain(text: str) -> str:
    """Without the marks of Markdown, which the book's plan has for RESULTS.md."""
    return text.replace("`", "").replace("**", "")


def study_table(folder: Path, plan: Plan, reports: dict[str, Path | None], quick: bool) -> Table:
    rows = []
    for name, report in reports.items():
        link = None if report is None else quote(report.relative_to(folder).as_posix())
        num_jobs = len(jobs_of(name, plan.studies[name], quick))
        rows.append([Cell(name, href=link), Cell(str(num_jobs), num_jobs), Cell(command(plan.studies[name]))])
    return Table("Studies", ["study", "jobs", "command"], rows)


def failed_table(failed: Sequence[Failed]) -> Table:
    rows = [[Cell(f"{each.job.study}: {each.job.name}"), Cell(each.reason)] for each in failed]
    return Table("Failed jobs", ["job", "error"], rows)
