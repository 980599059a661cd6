"""What goes wrong between a generator and its discriminator, told as it happens."""

import logging
import math
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from dlhw.callbacks.recorder import Informed
from dlhw.models.gan import Gan

log = logging.getLogger(__name__)


class CollapseWatch(Informed, Checkpoint):
    """Warns of mode collapse and of a discriminator that has won, and says when either is over.

    Mode collapse: a batch's fakes are all alike, `train/spread` being below `least_spread`.

    A discriminator has won when its training loss has stayed within `margin` nats of the lowest that its labels allow
    for `patience` epochs: it knows every fake, and its gradient tells the generator next to nothing.

    Warnings go to the log at once; they travel in the checkpoint, and into the record when the run is tested.
    A Checkpoint callback by class, because Lightning runs those last, when the module has logged its epoch.
    """

    def __init__(self, least_spread: float = 0.3, margin: float = 0.05, patience: int = 3) -> None:
        self.least_spread, self.margin, self.patience = least_spread, margin, patience
        self.events: list[str] = []
        self.collapsed = False
        self.num_won = 0  # epochs in a row

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Gan)
        measured = trainer.callback_metrics
        epoch = trainer.current_epoch + 1
        self._judge_spread(epoch, measured["train/spread"].item())
        lowest = lowest_loss(pl_module.real_label, pl_module.fake_label)
        self._judge_loss(epoch, measured["train/discriminator_loss"].item(), lowest)

    def _judge_spread(self, epoch: int, spread: float) -> None:
        collapsed = not spread >= self.least_spread
        told = f"fakes of a batch spread {100 * spread:.0f} % as widely as real images"
        if collapsed and not self.collapsed:
            self._tell(epoch, f"mode collapse: {told}")
        elif self.collapsed and not collapsed:
            self._tell(epoch, f"the mode collapse is over: {told}")
        self.collapsed = collapsed

    def _judge_loss(self, epoch: int, loss: float, lowest: float) -> None:
        had_won = self.num_won >= self.patience
        self.num_won = self.num_won + 1 if loss < lowest + self.margin else 0
        told = f"its loss is {loss:.4f} nats, and {lowest:.4f} the lowest that its labels allow"
        if self.num_won == self.patience:
            self._tell(epoch, f"the discriminator has won for {self.patience} epochs: {told}; try a lower rate for it")
        elif had_won and self.num_won == 0:
            self._tell(epoch, f"the discriminator can be fooled again: {told}")

    def _tell(self, epoch: int, what: str) -> None:
        self.events.append(f"Epoch {epoch}: {what}.")
        log.warning("epoch %d: %s", epoch, what)

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if "untrained" in self.record.facts:
            return
        nothing = "No mode collapse, and no discriminator that won outright, was seen in any epoch."
        self.record.notes += self.events or [nothing]

    def state_dict(self) -> dict[str, Any]:
        return {"events": list(self.events), "collapsed": self.collapsed, "num_won": self.num_won}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.events, self.collapsed = list(state_dict["events"]), state_dict["collapsed"]
        self.num_won = state_dict["num_won"]


def lowest_loss(real_label: float, fake_label: float) -> float:
    """The mean binary cross entropy (nats) of logits that give each half exactly its label: the labels' entropy."""
    return (entropy(real_label) + entropy(fake_label)) / 2


def entropy(share: float) -> float:
    return sum(p * math.log(1 / p) for p in (share, 1 - share) if p > 0)
