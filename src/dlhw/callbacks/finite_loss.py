"""Stopping when the loss is no longer a number."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning import Callback
from torch import Tensor

from dlhw.errors import UserError


class StopAtNonFiniteLoss(Callback):
    """Stops the run when the training loss is NaN or infinite, before a checkpoint of it can be written.

    The first such step is remembered on the device and looked at every `check_every` steps and at the epoch's
    end, so that no step waits for the host.
    """

    def __init__(self, check_every: int = 100) -> None:
        self.check_every = check_every
        self.first: Tensor | None = None  # the first step with a bad loss, -1 for none

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        loss = outputs["loss"]
        if self.first is None:
            self.first = torch.full((), -1, device=loss.device)
        bad = ~torch.isfinite(loss) & (self.first < 0)
        self.first = torch.where(bad, trainer.global_step, self.first)
        if trainer.global_step % self.check_every == 0 or trainer.is_last_batch:
            self._check(trainer)

    def _check(self, trainer: pl.Trainer) -> None:
        assert self.first is not None
        if (step := int(self.first)) < 0:
            return
        last = Path(trainer.default_root_dir) / "checkpoints" / "last.ckpt"
        kept = f"the last good checkpoint is {last}" if last.is_file() else "no epoch had finished, so none is kept"
        raise UserError(
            f"the training loss is not finite at step {step} (epoch {trainer.current_epoch}); {kept}; "
            "try a smaller optimizer.lr"
        )
