"""Something kept as it was after some of the epochs, in files of the run's folder."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning import Callback

from dlhw import checkpoints
from dlhw.files import replacing
from dlhw.schema.fields import Count


class Snapshots(Callback):
    """Keeps what `take` gives before training (epoch 0), after every `every` epochs, and after the last.

    Each is a file of the run's folder, so a resumed run has those before it and overwrites the rest.

    Args:
        folder: its name within the run's.
    """

    folder: str

    def __init__(self, every: Count = 10) -> None:
        self.every = every

    def due(self, epoch: int) -> bool:
        """Whether to keep what there is after so many epochs; after the last it is kept in any case."""
        return epoch % self.every == 0

    def take(self, pl_module: pl.LightningModule) -> Any:
        """Tensors, or plain values that hold them."""
        raise NotImplementedError

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.global_step == 0 and self.due(0):
            self._write(trainer, pl_module, 0)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        epoch = trainer.current_epoch + 1
        if self.due(epoch) or epoch == trainer.max_epochs or trainer.should_stop:
            self._write(trainer, pl_module, epoch)

    def _write(self, trainer: pl.Trainer, pl_module: pl.LightningModule, epoch: int) -> None:
        if trainer.is_global_zero:
            with replacing(Path(trainer.default_root_dir) / self.folder / f"epoch_{epoch:05d}.pt") as file:
                torch.save(self.take(pl_module), file)


def load_snapshots(folder: Path) -> dict[int, Any]:
    """What was kept in a folder of snapshots, by epoch."""
    files = sorted(folder.glob("epoch_*.pt"))
    return {int(file.stem.removeprefix("epoch_")): checkpoints.read(file) for file in files}
