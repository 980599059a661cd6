"""The way of the parameters through training, sampled."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning import Callback
from torch import Tensor
from torch.nn.utils import parameters_to_vector

from dlhw import checkpoints
from dlhw.files import replacing
from dlhw.models.side_by_side import SideBySideClassifier


@dataclass(frozen=True)
class Samples:
    """Parameters met in training: `points` (num_samples, num_nets, num_parameters) after `steps` (num_samples,) steps,
    which are `epochs` (num_samples,) epochs.
    """

    steps: list[int]
    epochs: list[float]
    points: Tensor


class Trajectory(Callback):
    """Keeps all networks' parameters as they were before the first step and `samples_per_epoch` times an epoch.

    An epoch's samples stay on the device and are written to a file of the run's folder when the epoch ends. So no step
    waits for the host, no more than an epoch is held in memory, checkpoints stay small, and a resumed run, which goes
    through the unfinished epoch again, has all before it and overwrites the rest. The epoch's last step is a sample.

    Args:
        samples_per_epoch: at most one a step.
    """

    def __init__(self, samples_per_epoch: int) -> None:
        self.samples_per_epoch = samples_per_epoch
        self.sampled: set[int] = set()
        self._forget()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._forget()
        if trainer.global_step == 0:
            self._sample(trainer, pl_module, epoch=0.0)
            self._write(trainer, 0)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.sampled = sampled_batches(int(trainer.num_training_batches), self.samples_per_epoch)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx in self.sampled:
            share = (batch_idx + 1) / trainer.num_training_batches
            self._sample(trainer, pl_module, trainer.current_epoch + share)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._write(trainer, trainer.current_epoch + 1)

    def _forget(self) -> None:
        self.steps: list[int] = []
        self.epochs: list[float] = []
        self.points: list[Tensor] = []

    @torch.no_grad()
    def _sample(self, trainer: pl.Trainer, pl_module: pl.LightningModule, epoch: float) -> None:
        assert isinstance(pl_module, SideBySideClassifier)
        self.steps.append(trainer.global_step)
        self.epochs.append(epoch)
        self.points.append(torch.stack([parameters_to_vector(net.parameters()) for net in pl_module.nets]))

    def _write(self, trainer: pl.Trainer, epoch: int) -> None:
        if trainer.is_global_zero:
            content = {"steps": self.steps, "epochs": self.epochs, "points": torch.stack(self.points).cpu()}
            with replacing(Path(trainer.default_root_dir) / "trajectory" / f"epoch_{epoch:05d}.pt") as file:
                torch.save(content, file)
        self._forget()


def sampled_batches(num_batches: int, num_samples: int) -> set[int]:
    """Which batches of an epoch to sample after: evenly spread, the last one among them."""
    return {-(-num_batches * (number + 1) // num_samples) - 1 for number in range(num_samples)}


def load_trajectory(folder: Path) -> Samples | None:
    """All samples that a run has written, in their order; None where there are none."""
    files = sorted((folder / "trajectory").glob("epoch_*.pt"))
    parts = [checkpoints.read(file) for file in files]
    if not parts:
        return None
    return Samples(
        [step for part in parts for step in part["steps"]],
        [epoch for part in parts for epoch in part["epochs"]],
        torch.cat([part["points"] for part in parts]),
    )
