"""Labelled 28 x 28 images in memory: MNIST, Fashion-MNIST, the embedded digits, and anyone's own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from dlhw.data import digits, idx, npz
from dlhw.data.augment import description
from dlhw.data.label_noise import LabelNoise
from dlhw.data.loader import BatchLoader, Transform, seeded
from dlhw.errors import UserError

TITLES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "digits": "digits (8x8, enlarged)"}
NOISE_STREAM = 1  # of the seed's random streams, the one that label noise is drawn from
GARMENTS = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Boot"]
Part = tuple[Tensor, Tensor]  # images, labels


class ImageData(pl.LightningDataModule):
    """Images as (batch, 1, 28, 28) float32, standardised by the training part's mean and standard deviation.

    The validation part is `num_val` images cut from the training set by a permutation seeded with `split_seed`, or
    the data's own where a file has one; with neither (`num_val` 0) there is none. The test set is the official one.

    Args:
        dataset: mnist, fashion_mnist, digits or npz.
        root: the folder that holds `MNIST/raw` or `FashionMNIST/raw`.
        path, keys: the file or folder of npz, and what its arrays are called (see `dlhw.data.npz.load`).
        batch_size: rows of a global training batch, over all processes.
        passes: times the training part is gone through in an epoch; more than once for small data, so that
            recipes made for 60,000 images have steps enough.
        augment: applied to whole blocks of training images in 0..1, before they are standardised.
        test_every_epoch: the test set's loss and accuracy are recorded after each epoch; they choose nothing.
        noise: makes labels of the training part wrong, and of a validation part that is cut from it; the right ones of
            the training part are kept in `true_labels`, which is None where nothing is known of them.
        indices: training batches hold each image's place in the training part as a third tensor.
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
        noise: LabelNoise | None = None,
        indices: bool = False,
        seed: int = 0,
        path: str | None = None,
        keys: Mapping[str, str | None] | None = None,
    ) -> None:
        super().__init__()
        self.dataset, self.root = dataset, Path(root or ".")
        self.path, self.keys = Path(path or "."), keys or {}
        self.num_val, self.split_seed = num_val, split_seed
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size
        self.passes, self.augment, self.seed = passes, augment, seed
        self.test_every_epoch = test_every_epoch
        self.title = npz.title(self.path) if dataset == "npz" else TITLES[dataset]
        self.class_names = GARMENTS if dataset == "fashion_mnist" else [str(number) for number in range(num_classes)]
        self.scaling = "pixels / 255"
        self.noise, self.indices, self.num_classes = noise, indices, num_classes
        self.true_labels: Tensor | None = None
        self.parts: dict[str, Part] = {}

    @property
    def splits(self) -> tuple[str, ...]:
        """The parts that are judged after each epoch."""
        judged = ("val", "test") if self.test_every_epoch else ("val",)
        return tuple(split for split in judged if split in self.parts)

    def setup(self, stage: str | None = None) -> None:
        if not self.parts:
            parts = self._read()
            self.sha256 = idx.content_hash(*(tensor for part in parts.values() for tensor in part))
            parts = self._split(parts)
            pixels = unit_range(parts["train"][0])
            self.mean, self.std = pixels.mean().item(), pixels.std().item()
            self.parts = {
                name: (self._prepare(images, raw=name == "train" and self.augment is not None), labels)
                for name, (images, labels) in parts.items()
            }
        if self.trainer is not None:
            device = self.trainer.strategy.root_device
            self.parts = {name: (x.to(device), y.to(device)) for name, (x, y) in self.parts.items()}

    def _read(self) -> dict[str, Part]:
        """Images (num_images, 28, 28) and labels (num_images,) of `train`, `val` where the data has one, and `test`."""
        if self.dataset == "npz":
            parts, self.scaling = npz.load(self.path, self.keys, self.num_classes)
            return parts
        read = digits.load() if self.dataset == "digits" else idx.load(self.dataset, self.root)
        return {"train": read[:2], "test": read[2:]}

    def _split(self, parts: dict[str, Part]) -> dict[str, Part]:
        """The training part in random order, and a validation part cut from it where the data has none."""
        images, labels = parts["train"]
        num_val = 0 if "val" in parts else self.num_val
        if num_val >= len(images):
            raise UserError(
                f"data.num_val={num_val}: {self.title} has {len(images)} training images; "
                f"must be 0 to {len(images) - 1}"
            )
        order = torch.randperm(len(images), generator=seeded(torch.device("cpu"), self.split_seed))
        train, val = order[num_val:], order[:num_val]
        self.train_places = train  # in the data's own order
        if self.noise is not None and self.noise.rate > 0:
            self.true_labels = labels[train]
            labels = self.noise(labels, self.num_classes, seeded(torch.device("cpu"), self.seed, NOISE_STREAM))
        cut = {"val": (images[val], labels[val])} if num_val else {}
        others = {name: part for name, part in parts.items() if name != "train"}
        return {"train": (images[train], labels[train])} | cut | others

    def _prepare(self, images: Tensor, raw: bool = False) -> Tensor:
        pixels = unit_range(images)[:, None]  # (num_images, 1, 28, 28)
        return pixels if raw else self.standardise(pixels)

    def standardise(self, pixels: Tensor) -> Tensor:
        return (pixels - self.mean) / self.std

    def transform(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Augment a block of images in 0..1 and standardise it."""
        assert self.augment is not None
        return self.standardise(self.augment(images, generator))

    def pixels(self, split: str, rows: Tensor) -> Tensor:
        """Some images of a part in 0..1, (num, height, width)."""
        images = self.parts[split][0][rows.to(self.parts[split][0].device), 0]
        return images if split == "train" and self.augment is not None else images * self.std + self.mean

    def plain_training_loader(self) -> BatchLoader:
        """The training part, unshuffled and not augmented."""
        plain = None if self.augment is None else lambda images, generator: self.standardise(images)
        return BatchLoader(self.parts["train"], self.eval_batch_size, transform=plain)

    def train_dataloader(self) -> BatchLoader:
        world = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        overfits = self.trainer is not None and self.trainer.overfit_batches > 0  # type: ignore[attr-defined]  # on the same few batches again
        part: tuple[Tensor, ...] = self.parts["train"]
        if self.indices:
            part = (*part, torch.arange(len(part[1]), device=part[1].device))
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
        counts = {f"num_{name}": len(self.parts[name][1]) if name in self.parts else 0 for name in npz.PARTS}
        preprocessing = f"{self.scaling}, minus {self.mean:.4f}, divided by {self.std:.4f}"
        if self.augment is not None:
            preprocessing = f"augmentation: {description(self.augment)}, " + preprocessing
        return {"name": self.title, **counts, "sha256": self.sha256, "preprocessing": preprocessing}


def unit_range(images: Tensor) -> Tensor:
    """Grey values 0..255 as floats in 0..1; floats are in it already."""
    return images if images.is_floating_point() else images.float() / 255
