"""Training until the loss is flat."""

import pytorch_lightning as pl
from pytorch_lightning.callbacks.early_stopping import EarlyStoppingReason

from dlhw.callbacks.find import find
from dlhw.callbacks.stop_early import StopEarly


class StopWhenFlat(StopEarly):
    """Stops when the training loss has fallen by less than `min_delta` nats within `patience` epochs."""

    def __init__(self, min_delta: float, patience: int) -> None:
        super().__init__("train/loss", "min", patience, min_delta)


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
