"""Letting a straight-through weight forget what its projection leaves out."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning import Callback

from dlhw.lowrank import StraightThroughLinear
from dlhw.schema.fields import Count


class ResidualDecay(Callback):
    """Every `every` steps, moves each straight-through weight by `share` of the way to its projection.

    Every so many steps and not at each, because the move passes over the whole weight while a projection does not.

    Args:
        share: of the residual W - W_hat that is forgotten, between 0 and 1.
        every: steps between two moves.
    """

    def __init__(self, share: float, every: Count = 10) -> None:
        self.share, self.every = share, every

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step % self.every == 0:
            for layer in pl_module.modules():
                if isinstance(layer, StraightThroughLinear):
                    layer.decay_residual_(self.share)
