"""Progress where no terminal is attached: a line an epoch."""

import logging

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

log = logging.getLogger(__name__)


class EpochLines(Checkpoint):
    """Logs each epoch's metrics as one plain line (a Checkpoint by class: those run last, with all logged)."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        values = "  ".join(f"{name} {value:.4g}" for name, value in sorted(trainer.callback_metrics.items()))
        log.info("epoch %d/%s  %s", trainer.current_epoch + 1, trainer.max_epochs, values)
