"""Labelled 28 x 28 images in memory: MNIST, Fashion-MNIST, and the embedded digits."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from dlhw.data import digits, idx
from dlhw.data.loader import BatchLoader, Transform, seeded
from dlhw.errors import UserError

TITLES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "digits": "digits (8x8, enlarged)"}
GARMENTS = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Boot"]


class ImageData(pl.LightningDataModule):
    """Images as (batch, 1, 28, 28) float32, standardised by the training part's mean and standard deviation.

    The validation part is `num_val` images cut from the training set by a permutation seeded with `split_seed`;
    the test set is the official one.

    Args:
        dataset: mnist, fashion_mnist or digits.
        root: the folder that holds `MNIST/raw` or `FashionMNIST/raw`.
        batch_size: rows of a global training batch, over all processes.
        passes: times the training part is gone through in an epoch; more than once for small data, so that
            recipes made for 60,000 images have steps enough.
        augment: applied to whole blocks of training images in 0..1, before they are standardised.
        test_every_epoch: the test set's loss and accuracy are recorded after each epoch; they choose nothing.
    """

    def __init__(
        self,
        dataset: str,
        root: str | None,
        num_features: int,
        num_classes: int,
        num_val: int,
        split_seed: int,
        batch_size: int,
        eval_batch_size: int,
        passes: int = 1,
        augment: Transform | None = None,
        test_every_epoch: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.dataset, self.root = dataset, Path(root or ".")
        self.num_val, self.split_seed = num_val, split_seed
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size
        self.passes, self.augment, self.seed = passes, augment, seed
        self.splits = ("val", "test") if test_every_epoch else ("val",)
        self.title = TITLES[dataset]
        self.class_names = GARMENTS if dataset == "fashion_mnist" else [str(digit) for digit in range(10)]
        self.parts: dict[str, tuple[Tensor, Tensor]] = {}

    def setup(self, stage: str | None = None) -> None:
        if not self.parts:
            images, labels, test_images, test_labels = self._read()
            self.sha256 = idx.content_hash(images, labels, test_images, test_labels)
            generator = seeded(torch.device("cpu"), self.split_seed)
            order = torch.randperm(len(images), generator=generator)
            train, val = order[self.num_val :], order[: self.num_val]
            pixels = images[train].float() / 255
            self.mean, self.std = pixels.mean().item(), pixels.std().item()
            self.parts = {
                "train": (self._prepare(images[train], raw=self.augment is not None), labels[train]),
                "val": (self._prepare(images[val]), labels[val]),
                "test": (self._prepare(test_images), test_labels),
            }
        if self.trainer is not None:
            device = self.trainer.strategy.root_device
            self.parts = {name: (x.to(device), y.to(device)) for name, (x, y) in self.parts.items()}

    def _read(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        parts = digits.load() if self.dataset == "digits" else idx.load(self.dataset, self.root)
        if self.num_val >= len(parts[0]):
            raise UserError(
                f"data.num_val={self.num_val}: {self.title} has {len(parts[0])} training images; "
                f"must be 1 to {len(parts[0]) - 1}"
            )
        return parts

    def _prepare(self, images: Tensor, raw: bool = False) -> Tensor:
        pixels = images.float()[:, None] / 255  # (num_images, 1, 28, 28)
        return pixels if raw else self.standardise(pixels)

    def standardise(self, pixels: Tensor) -> Tensor:
        return (pixels - self.mean) / self.std

    def transform(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Augment a block of images in 0..1 and standardise it."""
        assert self.augment is not None
        return self.standardise(self.augment(images, generator))

    def train_dataloader(self) -> BatchLoader:
        world = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        overfits = self.trainer is not None and self.trainer.overfit_batches > 0  # type: ignore[attr-defined]  # on the same few batches again
        part = self.parts["train"]
        return BatchLoader(
            part if self.passes == 1 else tuple(torch.cat([tensor] * self.passes) for tensor in part),
            self.batch_size,
            shuffle=not overfits,
            seed=self.seed,
            transform=self.transform if self.augment is not None else None,
            rank=world[0],
            world_size=world[1],
        )

    def loader(self, split: str) -> BatchLoader:
        """The batches of one part, unshuffled and not augmented."""
        return BatchLoader(self.parts[split], self.eval_batch_size)

    def val_dataloader(self) -> list[BatchLoader]:
        return [self.loader(split) for split in self.splits]

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """The batch as it is: the whole parts have been on the device since `setup`."""
        return batch

    def test_dataloader(self) -> BatchLoader:
        return self.loader("test")

    def calibration(self, num_images: int = 10_000) -> tuple[Tensor, Tensor]:
        """The first training images as the network sees them, and their labels: what starts are measured on."""
        images, labels = (tensor[:num_images] for tensor in self.parts["train"])
        return (self.standardise(images) if self.augment is not None else images), labels

    def describe(self) -> dict[str, Any]:
        """The name of the data really used, its counts and content hash, and the preprocessing, for the record."""
        counts = {f"num_{name}": len(labels) for name, (_, labels) in self.parts.items()}
        preprocessing = f"pixels / 255, minus {self.mean:.4f}, divided by {self.std:.4f}"
        if self.augment is not None:
            settings = ", ".join(f"{key} {value}" for key, value in vars(self.augment).items())
            preprocessing = f"{type(self.augment).__name__} augmentation ({settings}), " + preprocessing
        return {"name": self.title, **counts, "sha256": self.sha256, "preprocessing": preprocessing}
