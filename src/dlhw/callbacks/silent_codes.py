"""Codes of an autoencoder that say nothing."""

import pytorch_lightning as pl
import torch
from pytorch_lightning import Callback
from torch import Tensor

from dlhw.data.memory import MemoryData
from dlhw.models.one_net import OneNet
from dlhw.nets.autoencoder import Autoencoder


class SilentCodes(Callback):
    """Records after each epoch how many codes are zero on every training image, and how many on none.

    The first (`codes/silent`) are lost: no gradient reaches them. The second (`codes/open`) are linear, the
    ReLU never acts on them.
    """

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, OneNet)
        assert isinstance(pl_module.net, Autoencoder)
        codes = training_codes(pl_module.net, trainer.datamodule)  # type: ignore[attr-defined]
        active = (codes > 0).float().mean(0)  # (latent,)
        pl_module.log_dict({"codes/silent": (active == 0).sum().float(), "codes/open": (active == 1).sum().float()})


@torch.no_grad()
def training_codes(net: Autoencoder, data: MemoryData) -> Tensor:
    """The codes (num_images, latent) of the training images, not augmented."""
    return torch.cat([net.encode(images) for images, *_ in data.plain_training_loader()])
