"""The jobs of a sweep, as their folders tell."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlhw.errors import UserError
from dlhw.report.run import failure, read_results
from dlhw.report.text import is_number
from dlhw.run_folder import overrides_of

Value = int | float | str | None
BEST = "best"  # the folder, in a search's, of the run that trains the best setting once more and tests it


@dataclass(frozen=True)
class Job:
    """A job: what was overridden, and either its results or the error that stopped it."""

    folder: Path
    name: str  # the folder, relative to the sweep's
    overrides: dict[str, Value]
    results: dict[str, Any]  # empty if it failed
    error: str | None  # why it failed

    @property
    def measured(self) -> dict[str, Any]:
        """Everything numeric that the job recorded, flat: its metrics, size, time and energy."""
        if self.error is not None:
            return {}
        parameters, energy = self.results.get("parameters", {}), self.results.get("energy") or {}
        return {
            **self.results.get("metrics", {}),
            "parameters/total": parameters.get("total"),
            "parameters/trainable": parameters.get("trainable"),
            "wall_seconds": self.results.get("wall_seconds"),
            "energy_kwh": energy.get("kwh"),
            "co2eq_kg": energy.get("co2eq_kg"),
        }


def read_jobs(folder: Path) -> list[Job]:
    """The jobs anywhere below `folder`, ordered by their overrides: numbers, then words, 'full' last."""
    jobs = [read_job(path, folder) for path in _job_folders(folder)]
    keys = list(dict.fromkeys(key for job in jobs for key in job.overrides))
    return sorted(jobs, key=lambda job: ([order(job.overrides.get(key)) for key in keys], job.name))


def swept_keys(jobs: Sequence[Job]) -> list[str]:
    """The overrides that differ between jobs, in the order of the command line."""
    keys = dict.fromkeys(key for job in jobs for key in job.overrides)
    return [key for key in keys if len({job.overrides.get(key) for job in jobs}) > 1]


def order(value: Value) -> tuple[int, float, str]:
    """A key that sorts override values: none, numbers by size, words, 'full'."""
    if value is None:
        return (0, 0.0, "")
    if not isinstance(value, str):
        return (1, float(value), "")
    return (3 if value == "full" else 2, 0.0, value)


def parse_override(override: str) -> tuple[str, Value]:
    """`rank=20` -> ("rank", 20). Hydra's prefixes (`+`, `++`, `~`) say how, not what: dropped."""
    key, _, value = override.partition("=")
    return key.lstrip("+~"), _parse_value(value)


def _parse_value(text: str) -> Value:
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        return value if is_number(value) else text  # float() also reads the words nan and inf
    return None if text in ("null", "") else text


def _job_folders(folder: Path) -> Iterable[Path]:
    marks = [*folder.rglob("overrides.yaml"), *folder.rglob(".hydra")]
    folders = {mark.parent for mark in marks if mark.parent.name != ".hydra"}
    return sorted(folders - {folder, folder / BEST})


def read_best(folder: Path) -> Job | None:
    """The run that a search ended with; None where there is none yet."""
    return read_job(folder / BEST, folder) if (folder / BEST / "results.json").is_file() else None


def read_job(path: Path, sweep: Path) -> Job:
    """What the folder `path` tells, named by its place below `sweep`; a run that has no results has an error."""
    name, overrides = path.relative_to(sweep).as_posix(), {}
    try:
        overrides = dict(map(parse_override, overrides_of(path)))
        return Job(path, name, overrides, read_results(path), None)
    except FileNotFoundError:
        return Job(path, name, overrides, {}, failure(path))
    except (ValueError, UserError) as unreadable:
        return Job(path, name, overrides, {}, str(unreadable))
