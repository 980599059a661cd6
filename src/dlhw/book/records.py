"""What was measured in a study: the rows of its sweep.json, or of the results.json of its runs."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlhw.report.aggregate import Group, Stat, aggregate, provenance
from dlhw.report.jobs import Job

NOT_RECORDED = "not recorded"


@dataclass(frozen=True)
class Record:
    """A study's measured rows, one a configuration, and where they come from (`report.aggregate.provenance`)."""

    rows: list[Group]
    provenance: dict[str, list[Any]]

    def stat(self, where: dict[str, Any], metric: str) -> Stat | None:
        """The metric of the first row whose configuration has these values; None where there is none."""
        for row in self.rows:
            if all(alike(row.config.get(key), value) for key, value in where.items()) and metric in row.stats:
                return row.stats[metric]
        return None


def alike(recorded: Any, wanted: Any) -> bool:
    """Whether two values are the same on the command line; what was not overridden is null or none there."""
    return word(recorded) == word(wanted)


def word(value: Any) -> str:
    text = str(value).lower()
    return "none" if text in ("", "null") else text


def read_record(folder: Path, study: str) -> Record | None:
    """The record that a folder keeps of a study: `<study>.json`, of a sweep or of one run, or `<study>-seed*.json`.

    None where there is none. Raises ValueError where a file cannot be read.
    """
    path = folder / f"{study}.json"
    files = [path] if path.is_file() else sorted(folder.glob(f"{study}-seed*.json"))
    records = [read(file) for file in files]
    if not records:
        return None
    if "rows" in records[0]:
        return of_sweep(records[0])
    return of_runs(records)


def read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no valid JSON: {error}") from error
    if not isinstance(record, dict) or not {"rows", "metrics"} & record.keys():
        raise ValueError(f"{path} is neither a run's results.json nor a sweep's sweep.json")
    return record


def of_sweep(record: dict[str, Any]) -> Record:
    """Of the content of a sweep.json, to which what a search trained at last is a row of its own (`best: true`)."""
    rows = [
        Group(row["config"], row["num_seeds"], {name: Stat(**stat) for name, stat in row["stats"].items()})
        for row in record["rows"]
    ]
    if best := record.get("retrained"):
        numbers = {name: Stat(value, None, 1) for name, value in best.items() if isinstance(value, int | float)}
        rows.append(Group({"best": True}, 1, numbers))
    return Record(rows, record.get("provenance", {}))


def of_runs(runs: Iterable[dict[str, Any]]) -> Record:
    """Of the contents of several results.json, which differ in nothing but the seed."""
    runs = list(runs)
    jobs = [Job(Path(), f"seed={run.get('seed')}", {"seed": run.get("seed")}, run, None) for run in runs]
    return Record(aggregate(jobs, []), provenance(runs))
