"""What the first lines of an experiment's config say: its question, command, measured result, time and figure."""

import re
from dataclasses import dataclass

from dlhw.book.plan import Plan
from dlhw.config import CONF

FIELD = re.compile(r"# (Command|Measured|Time|Figure): *(.*)")


@dataclass(frozen=True)
class Head:
    """`figure` is a file below docs/figures; empty where the experiment has none there."""

    question: str
    command: str
    measured: str
    time: str
    figure: str = ""


def read_head(experiment: str) -> Head:
    """Raises ValueError where the head lacks a field."""
    lines = (CONF / "experiment" / f"{experiment}.yaml").read_text(encoding="utf-8").splitlines()
    fields: dict[str, str] = {}
    name = ""
    for line in lines:
        if not line.startswith("#"):
            break
        if match := FIELD.fullmatch(line):
            name = match[1].lower()
            fields[name] = match[2]
        elif name == "command" and name in fields:
            continue  # a second command: the first one is the usual
        elif name:
            fields[name] += " " + line.lstrip("# ")
        elif "@package" not in line:
            fields["question"] = f"{fields.get('question', '')} {line.lstrip('# ')}".strip()
    if missing := {"question", "command", "measured", "time"} - fields.keys():
        raise ValueError(f"conf/experiment/{experiment}.yaml: its head lacks {', '.join(sorted(missing))}")
    return Head(**fields)


def table(plan: Plan, experiments: list[str]) -> str:
    """A row an experiment, in the book's order."""
    rows = [row(name, read_head(name)) for name in in_order(plan, experiments)]
    return "| experiment | question | measured | command and time | |\n|---|---|---|---|---|\n" + "".join(rows)


def row(name: str, head: Head) -> str:
    figure = f"[figure](docs/figures/{head.figure})" if head.figure else ""
    return f"| `{name}` | {head.question} | {head.measured} | `{head.command}`<br>{head.time} | {figure} |\n"


def in_order(plan: Plan, experiments: list[str]) -> list[str]:
    """The experiments as the book's studies come to them."""
    said = [
        str(value)
        for study in plan.studies.values()
        for value in [
            *(override.removeprefix("experiment=") for override in study.overrides),
            *study.sweep.get("experiment", []),
        ]
    ]
    return sorted(experiments, key=lambda name: said.index(name) if name in said else len(said))
