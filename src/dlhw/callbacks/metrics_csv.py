"""`metrics.csv`: a row an epoch."""

import csv
import io
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from dlhw.callbacks.find import find
from dlhw.files import write_atomically


def epochs_of(trainer: pl.Trainer) -> "MetricsCsv":
    """The trainer's record of its epochs; an empty one where it keeps none."""
    return find(trainer, MetricsCsv) or MetricsCsv()


class MetricsCsv(Checkpoint):
    """Writes every metric logged in an epoch to `metrics.csv`; its rows travel in the checkpoint.

    A Checkpoint callback by class, because Lightning runs those last, when the module has logged its epoch.
    It must stand before ModelCheckpoint, so that a checkpoint holds its own epoch's row.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        trainer.callback_metrics.clear()  # or an epoch that does not measure a quantity would have an earlier one's

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        measured = {name: value.item() for name, value in sorted(trainer.callback_metrics.items())}
        self.rows.append({"epoch": trainer.current_epoch + 1, **measured, "lr": rate})
        if trainer.is_global_zero and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            write_atomically(Path(trainer.default_root_dir) / "metrics.csv", self.text())

    def text(self) -> str:
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return buffer.getvalue()

    def history(self) -> dict[str, list[float | None]]:
        """Each metric as a list with one value an epoch, None where it was not measured."""
        names = dict.fromkeys(name for row in self.rows for name in row)
        return {name: [row.get(name) for row in self.rows] for name in names}

    def state_dict(self) -> dict[str, Any]:
        return {"rows": [dict(row) for row in self.rows]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = list(state_dict["rows"])
