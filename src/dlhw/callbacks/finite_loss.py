"""Stopping when the loss is no longer a number."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning import Callback
from torch import Tensor

from dlhw.errors import UserError
from dlhw.schema.fields import Count


class StopAtNonFiniteLoss(Callback):
    """Stops the run when the training loss is NaN or infinite, before a checkpoint of it can be written.

    The losses are looked at together, every `check_every` steps and at the epoch's end, so that no step waits for
    the host.
    """

    def __init__(self, check_every: Count = 100) -> None:
        self.check_every = check_every
        self.unseen: list[Tensor] = []

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.unseen.append(outputs["loss"].detach())
        if len(self.unseen) == self.check_every or trainer.is_last_batch:
            self._check(trainer)

    def _check(self, trainer: pl.Trainer) -> None:
        bad = ~torch.isfinite(torch.stack(self.unseen))
        first = trainer.global_step - len(self.unseen) + int(bad.int().argmax())  # steps count from 0
        self.unseen = []
        if not bad.any():
            return
        last = Path(trainer.default_root_dir) / "checkpoints" / "last.ckpt"
        kept = f"the last good checkpoint is {last}" if last.is_file() else "no epoch had finished, so none is kept"
        raise UserError(
            f"the training loss is not finite at step {first} (epoch {trainer.current_epoch}); {kept}; "
            "try a smaller optimizer.lr"
        )
