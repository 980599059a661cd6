"""Training a network to give back what it is given, or what it was before it lost pixels."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from dlhw.data.loader import seeded
from dlhw.models.one_net import OneNet
from dlhw.restoration import zero_out

Batch = tuple[Tensor, Tensor]  # images, labels; the labels are not looked at


class Reconstruction(OneNet):
    """The mean squared error per pixel between images and what the network makes of them, as `loss`.

    Args:
        settings: those of `OneNet`, whose net gives back images of its inputs' shape.
    """

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        loss = self._loss(batch[0])
        self.sums.add("train", len(batch[0]), loss=loss)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        self._evaluate(self.val_splits[dataloader_idx], batch, batch_idx)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self._evaluate("test", batch, batch_idx)

    def _evaluate(self, split: str, batch: Batch, batch_idx: int) -> None:
        self.sums.add(split, len(batch[0]), loss=self._loss(batch[0], batch_idx))

    def _loss(self, images: Tensor, batch_idx: int | None = None) -> Tensor:
        return F.mse_loss(self.net(images), images)


class Denoising(Reconstruction):
    """Reconstruction of the images from what is left of them when a share of their pixels is zeroed at random.

    Each image loses a share of its own, uniform between `low` and `high`. In training places and shares are drawn anew
    at every step, in validation and test they are the same each time.

    Args:
        low, high: of the share of zeroed pixels, within [0, 1).
        mask: the network is told which pixels are left, as its second argument.
    """

    def __init__(self, *args: Any, low: float, high: float, mask: bool = False, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.low, self.high, self.mask = low, high, mask

    def _loss(self, images: Tensor, batch_idx: int | None = None) -> Tensor:
        corrupted, known = self._corrupt(images, batch_idx)
        return F.mse_loss(self.net(corrupted, known) if self.mask else self.net(corrupted), images)

    def _corrupt(self, images: Tensor, batch_idx: int | None) -> tuple[Tensor, Tensor]:
        generator = None if batch_idx is None else seeded(images.device, batch_idx)
        draw = torch.rand(len(images), device=images.device, generator=generator)
        return zero_out(images, self.low + (self.high - self.low) * draw, generator)
