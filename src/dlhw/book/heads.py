"""What the first lines of an experiment's config say beside its question: command, measured result, time, figure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dlhw.book.plan import Plan
from dlhw.config import CONF

FIELD = re.compile(r"# (Command|Measured|Time|Figure): *(.*)")


@dataclass(frozen=True)
class Head:
    """`figure` is a file below docs/figures; empty where the experiment has none there."""

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
        elif name == "command":
            continue  # a second command: the first one is the usual
        elif name:
            fields[name] += " " + line.lstrip("# ")
    if missing := {"command", "measured", "time"} - fields.keys():
        raise ValueError(f"conf/experiment/{experiment}.yaml: its head lacks {', '.join(sorted(missing))}")
    return Head(**fields)


def rows(plan: Plan, questions: Mapping[str, str]) -> list[list[str]]:
    """A row an experiment, in the book's order: name, question, measured result, command with time, figure."""
    return [row(name, questions[name], read_head(name)) for name in in_order(plan, questions)]


def row(name: str, question: str, head: Head) -> list[str]:
    figure = f"[figure](docs/figures/{head.figure})" if head.figure else ""
    return [f"`{name}`", question, head.measured, f"`{head.command}`<br>{head.time}", figure]


def in_order(plan: Plan, experiments: Iterable[str]) -> list[str]:
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
