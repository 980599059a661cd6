"""Nuclear-norm decay: what makes a network compressible before anybody compresses it."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning import Callback
from torch import nn

from dlhw.lowrank import shrink_singular_values_
from dlhw.schema.fields import Count, NonNegative


class NuclearDecay(Callback):
    """Every `every` steps, lowers the singular values of all weights but the last layer's by strength * lr * every.

    As decoupled weight decay does with the squared norm, this descends the nuclear norm beside the optimizer, with its
    learning rate: singular values that the loss does not hold up go to zero.

    Args:
        strength: how strongly the nuclear norm weighs, per unit of learning rate.
        every: steps between two shrinkages; an eigendecomposition of each weight is the price of one.
    """

    def __init__(self, strength: NonNegative, every: Count = 50) -> None:
        self.strength, self.every = strength, every

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step % self.every:
            return
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        for layer in [layer for layer in pl_module.modules() if isinstance(layer, nn.Linear)][:-1]:
            shrink_singular_values_(layer.weight, self.strength * rate * self.every)
