"""A run as its comparison with others sees it: this one while it is tested, or a finished one's folder."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import OmegaConf

from dlhw.callbacks.energy import Energy
from dlhw.callbacks.find import find
from dlhw.callbacks.metrics_csv import epochs_of
from dlhw.callbacks.recorder import Recorder
from dlhw.errors import UserError
from dlhw.files import read_json

History = dict[str, list[float | None]]


@dataclass(frozen=True)
class Study:
    """What was trained, how it learned (a value an epoch), how it did on the test set and what it used.

    Attributes:
        rate: the learning rate that training began with.
        energy: as `results.json` holds it.
    """

    parameters: dict[str, Any]
    history: History
    test_acc: float
    test_loss: float
    rate: float
    energy: dict[str, Any]

    @classmethod
    def of_folder(cls, folder: Path) -> "Study":
        results = read_json(folder / "results.json")
        metrics = results["metrics"]
        return cls(
            parameters=results["parameters"],
            history=read_history(folder / "metrics.csv"),
            test_acc=metrics["test/acc"],
            test_loss=metrics["test/loss"],
            rate=initial_rate(folder),
            energy=results["energy"],
        )

    @classmethod
    def of_run(cls, recorder: Recorder, trainer: pl.Trainer) -> "Study":
        """The run that `recorder` belongs to, once it is tested."""
        meter = find(trainer, Energy)
        return cls(
            parameters=recorder.record.facts["parameters"],
            history=epochs_of(trainer).history(),
            test_acc=float(trainer.callback_metrics["test/acc"]),
            test_loss=float(trainer.callback_metrics["test/loss"]),
            rate=initial_rate(recorder.record.folder),
            energy=meter.result() if meter else {"kwh": None},
        )

    @property
    def num_epochs(self) -> int:
        return len(self.history.get("epoch", []))

    @property
    def watt_hours(self) -> float | None:
        return None if self.energy.get("kwh") is None else 1000 * self.energy["kwh"]

    def best(self, metric: str) -> float | None:
        return max((value for value in self.history.get(metric, []) if value is not None), default=None)

    def drops(self) -> list[int]:
        """The epochs after which the learning rate fell in one step, from one steady value to another.

        A schedule that changes the rate at each epoch has none.
        """
        rates = [
            self.rate,
            *(rate for rate in self.history.get("lr", []) if rate is not None),
        ]  # rates[e] is that after epoch e
        changes = [epoch for epoch in range(1, len(rates)) if rates[epoch] != rates[epoch - 1]]
        alone = [epoch for epoch in changes if not {epoch - 1, epoch + 1} & set(changes)]
        return [epoch for epoch in alone if rates[epoch] < rates[epoch - 1]]


def studies(recorder: Recorder, trainer: pl.Trainer) -> dict[str, Study]:
    """This run, then its references, by experiment."""
    own = {recorder.record.facts["experiment"]: Study.of_run(recorder, trainer)}
    return own | {name: Study.of_folder(folder) for name, folder in recorder.references.items()}


def read_history(path: Path) -> History:
    """`metrics.csv` as a list a column, None in its empty cells; no columns where there is no such file.

    Raises:
        UserError: it is not as it was written.
    """
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return {name: [float(row[name]) if row[name] else None for row in rows] for name in (rows[0] if rows else {})}
    except (ValueError, TypeError, csv.Error) as error:
        raise UserError(f"{path} is damaged; delete that folder and run again") from error


def initial_rate(folder: Path) -> float:
    return float(OmegaConf.load(folder / "config.yaml").optimizer.lr)
