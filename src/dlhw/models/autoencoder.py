"""Training a network to give back what it is given, or what it was before it lost pixels."""

from typing import Any

import torch
from torch import Tensor, nn

from dlhw.data.loader import seeded
from dlhw.models.one_net import OneNet
from dlhw.precision import at_least_float32
from dlhw.restoration import zero_out

LEAST_ERROR = 1e-6  # keeps the logarithm finite: 60 dB

Batch = tuple[Tensor, Tensor]  # images, labels; the labels are not looked at


class Reconstruction(OneNet):
    """The mean squared error per pixel between images and what the network makes of them, as `loss`.

    Args:
        settings: those of `OneNet`, whose net gives back images of its inputs' shape.
    """

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        errors = self.errors(batch[0])
        self.sums.add("train", len(errors), loss=errors.mean())
        return self.objective_of(errors)

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        self._evaluate(self.val_splits[dataloader_idx], batch, batch_idx)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self._evaluate("test", batch, batch_idx)

    def _evaluate(self, split: str, batch: Batch, batch_idx: int) -> None:
        self.sums.add(split, len(batch[0]), loss=self.errors(batch[0], batch_idx).mean())

    def errors(self, images: Tensor, batch_idx: int | None = None) -> Tensor:
        """The mean squared error of each image, (batch,)."""
        return mean_squares(self.net(images) - images)

    def objective_of(self, errors: Tensor) -> Tensor:
        """What training minimises."""
        return errors.mean()


class Denoising(Reconstruction):
    """Reconstruction of the images from what is left of them when a share of their pixels is zeroed at random.

    Each image loses a share of its own, uniform between `low` and `high`. In training places and shares are drawn anew
    at every step, in validation and test they are the same each time.

    Args:
        low, high: of the share of zeroed pixels, within [0, 1).
        mask: the network is told which pixels are left, as its second argument.
        rescaled: it is told how many are left: what it sees is divided by their share, as dropout does it, so that
            faces are equally bright whatever they lost.
        objective: mse, or log_mse: the mean of the logarithms of the images' errors, which is their PSNR but for its
            sign and unit, and lets an image that lost little count as much as one that lost nearly all.
    """

    def __init__(
        self, *args: Any, low: float, high: float, mask: bool = False, rescaled: bool = False, objective: str = "mse",
        **settings: Any,
    ) -> None:  # fmt: skip
        super().__init__(*args, **settings)
        self.low, self.high, self.mask, self.rescaled, self.objective = low, high, mask, rescaled, objective

    def errors(self, images: Tensor, batch_idx: int | None = None) -> Tensor:
        corrupted, known = self._corrupt(images, batch_idx)
        return mean_squares(restored_by(self.net, corrupted, known, self.mask, self.rescaled) - images)

    def objective_of(self, errors: Tensor) -> Tensor:
        return (errors + LEAST_ERROR).log().mean() if self.objective == "log_mse" else errors.mean()

    def _corrupt(self, images: Tensor, batch_idx: int | None) -> tuple[Tensor, Tensor]:
        generator = None if batch_idx is None else seeded(images.device, batch_idx)
        draw = torch.rand(len(images), device=images.device, generator=generator)
        return zero_out(images, self.low + (self.high - self.low) * draw, generator)


def restored_by(net: nn.Module, corrupted: Tensor, known: Tensor, mask: bool, rescaled: bool) -> Tensor:
    """What a network makes of images (batch, ...) that lost pixels, told what `Denoising` says of it."""
    if rescaled:
        corrupted = corrupted / known.flatten(1).float().mean(1).view(-1, *[1] * (corrupted.ndim - 1))
    return net(corrupted, known) if mask else net(corrupted)


def mean_squares(differences: Tensor) -> Tensor:
    """The mean square of each image (batch, ...), as float32 or better: (batch,)."""
    return at_least_float32(differences).square().flatten(1).mean(1)
