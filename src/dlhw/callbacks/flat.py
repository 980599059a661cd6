"""Training until the loss is flat."""

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping
from pytorch_lightning.callbacks.early_stopping import EarlyStoppingReason

from dlhw.callbacks.find import find


class StopWhenFlat(EarlyStopping):
    """Stops when the training loss has fallen by less than `min_delta` nats within `patience` epochs.

    Lightning's EarlyStopping, which would train on for an epoch if a run killed after its last one is resumed.
    """

    def __init__(self, min_delta: float, patience: int) -> None:
        super().__init__("train/loss", min_delta=min_delta, patience=patience, check_on_train_epoch_end=True)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.stopping_reason is not EarlyStoppingReason.NOT_STOPPED:
            trainer.should_stop = True


def why_training_ended(trainer: pl.Trainer) -> str:
    """A sentence: the loss was flat, or it was not yet when the cap on the epochs was reached."""
    stop = find(trainer, StopWhenFlat)
    assert stop is not None
    criterion = f"by less than {abs(stop.min_delta):g} nats within {stop.patience} epochs"
    if stop.stopping_reason is EarlyStoppingReason.NOT_STOPPED:
        return (
            f"Training ended at the cap of {trainer.max_epochs} epochs, before the training loss was flat "
            f"(that is, had fallen {criterion})."
        )
    return f"Training ended after epoch {stop.stopped_epoch + 1}: the training loss had fallen {criterion}."
