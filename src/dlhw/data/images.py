"""Labelled 28 x 28 images in memory: MNIST, Fashion-MNIST, the embedded digits, and anyone's own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dlhw.data import digits, idx, npz
from dlhw.data.label_noise import LabelNoise
from dlhw.data.loader import seeded
from dlhw.data.memory import MemoryData, Part, unit_range
from dlhw.errors import UserError

TITLES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "digits": "digits (8x8, enlarged)"}
NOISE_STREAM = 1  # of the seed's random streams, the one that label noise is drawn from
GARMENTS = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Boot"]


class ImageData(MemoryData):
    """Images as (batch, 1, 28, 28) float32, standardised by the training part's mean and standard deviation.

    The validation part is `num_val` images cut from the training set by a permutation seeded with `split_seed`, or
    the data's own where a file has one; with neither (`num_val` 0) there is none. The test set is the official one.

    Args:
        dataset: mnist, fashion_mnist, digits or npz.
        root: the folder that holds `MNIST/raw` or `FashionMNIST/raw`.
        path, keys: the file or folder of npz, and what its arrays are called (see `dlhw.data.npz.load`).
        standardised: False leaves the images in 0..1, as an autoencoder's sigmoid gives them back.
        noise: makes labels of the training part wrong, and of a validation part that is cut from it; the right ones of
            the training part are kept in `true_labels`, which is None where nothing is known of them.
        indices: training batches hold each image's place in the training part as a third tensor.
        settings: those of `MemoryData`.
    """

    def __init__(
        self,
        dataset: str,
        root: str | None,
        num_features: int,
        num_classes: int,
        num_val: int,
        split_seed: int,
        standardised: bool = True,
        noise: LabelNoise | None = None,
        indices: bool = False,
        path: str | None = None,
        keys: Mapping[str, str | None] | None = None,
        **settings: Any,
    ) -> None:
        title = npz.title(Path(path or ".")) if dataset == "npz" else TITLES[dataset]
        super().__init__(title, **settings)
        self.dataset, self.root = dataset, Path(root or ".")
        self.path, self.keys = Path(path or "."), keys or {}
        self.num_val, self.split_seed, self.standardised = num_val, split_seed, standardised
        self.class_names = GARMENTS if dataset == "fashion_mnist" else [str(number) for number in range(num_classes)]
        self.scaling = "pixels / 255"
        self.noise, self.indices, self.num_classes = noise, indices, num_classes
        self.true_labels: Tensor | None = None
        self.mean, self.std = 0.0, 1.0

    def read(self) -> dict[str, Part]:
        if self.dataset == "npz":
            parts, self.scaling = npz.load(self.path, self.keys, self.num_classes)
        else:
            read = digits.load() if self.dataset == "digits" else idx.load(self.dataset, self.root)
            parts = {"train": read[:2], "test": read[2:]}
        self.sha256 = idx.content_hash(*(tensor for part in parts.values() for tensor in part))
        parts = self._split(parts)
        if self.standardised:
            pixels = unit_range(parts["train"][0])
            self.mean, self.std = pixels.mean().item(), pixels.std().item()
        return parts

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

    def standardise(self, pixels: Tensor) -> Tensor:
        return (pixels - self.mean) / self.std

    def unstandardise(self, inputs: Tensor) -> Tensor:
        return inputs * self.std + self.mean

    def training_part(self) -> tuple[Tensor, ...]:
        part: tuple[Tensor, ...] = self.parts["train"]
        return (*part, torch.arange(len(part[1]), device=part[1].device)) if self.indices else part

    def preprocessing(self) -> str:
        return (
            f"{self.scaling}, minus {self.mean:.4f}, divided by {self.std:.4f}" if self.standardised else self.scaling
        )
