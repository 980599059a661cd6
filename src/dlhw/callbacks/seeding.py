"""Randomness that depends on (seed, epoch) alone."""

import pytorch_lightning as pl
import torch
from pytorch_lightning import Callback

from dlhw.data.loader import seeded


class SeedEachEpoch(Callback):
    """Seeds dropout and the like anew at each epoch.

    A resumed run thus continues bit for bit without any random state in its checkpoints, on any device,
    and what is drawn between epochs (a figure, a validation) cannot change the training.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        key = seeded(torch.device("cpu"), self.seed, trainer.current_epoch, trainer.global_rank)
        torch.manual_seed(int(torch.randint(2**62, (1,), generator=key)))
