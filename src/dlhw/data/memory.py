"""What all DataModules of images share: whole parts in memory, on the device, cut into batches by index."""

from typing import Any

import torch
from torch import Tensor

from dlhw.data.augment import description
from dlhw.data.loader import BatchLoader, Transform, seeded
from dlhw.data.npz import PARTS
from dlhw.data.parts import PartsData

Part = tuple[Tensor, Tensor]  # images, labels
AUGMENTED_STREAM = 2  # of the seed's random streams, the one of copies that are not for a training step


class MemoryData(PartsData):
    """Batches of (images (batch, 1, height, width) float32, labels (batch,)) from the parts train, val and test.

    A data set is a subclass that says how its parts are read, and how 0..1 pixels become inputs.

    Args:
        title, test_every_epoch: see `PartsData`.
        batch_size: rows of a global training batch, over all processes.
        passes: times the training part is gone through in an epoch; more than once for small data, so that
            recipes made for 60,000 images have steps enough.
        augment: applied to whole blocks of training images in 0..1, before they are standardised.
    """

    parts: dict[str, Part]
    class_names: list[str]

    def __init__(
        self,
        title: str,
        batch_size: int,
        eval_batch_size: int,
        passes: int = 1,
        augment: Transform | None = None,
        test_every_epoch: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(title, test_every_epoch)
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size
        self.passes, self.augment, self.seed = passes, augment, seed

    def read(self) -> dict[str, Part]:
        """Images (num_images, height, width), uint8 or float in 0..1, and labels (num_images,) of each part.

        Sets `sha256`, and whatever `standardise` needs.
        """
        raise NotImplementedError

    def standardise(self, pixels: Tensor) -> Tensor:
        """What a network sees of pixels in 0..1."""
        return pixels

    def unstandardise(self, inputs: Tensor) -> Tensor:
        return inputs

    def preprocessing(self) -> str:
        """What is done to the stored pixels, in words."""
        raise NotImplementedError

    def setup(self, stage: str | None = None) -> None:
        if not self.parts:
            self.parts = {name: (self._prepare(name, images), labels) for name, (images, labels) in self.read().items()}
        if self.trainer is not None:
            device = self.trainer.strategy.root_device
            self.parts = {name: (x.to(device), y.to(device)) for name, (x, y) in self.parts.items()}

    def _prepare(self, name: str, images: Tensor) -> Tensor:
        pixels = unit_range(images)[:, None]  # (num_images, 1, height, width)
        return pixels if self._is_raw(name) else self.standardise(pixels)

    def _is_raw(self, split: str) -> bool:
        """Whether a part is kept in 0..1, to be augmented."""
        return split == "train" and self.augment is not None

    def transform(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Augment a block of images in 0..1 and standardise it."""
        assert self.augment is not None
        return self.standardise(self.augment(images, generator))

    def pixels(self, split: str, rows: Tensor) -> Tensor:
        """Some images of a part in 0..1, (num, height, width)."""
        images = self.parts[split][0][rows.to(self.parts[split][0].device), 0]
        return images if self._is_raw(split) else self.unstandardise(images)

    def training_part(self) -> tuple[Tensor, ...]:
        """The tensors that training batches are cut from."""
        return self.parts["train"]

    def inputs(self, split: str) -> Tensor:
        """A part's images (num, 1, height, width) as the network sees them, not augmented."""
        images = self.parts[split][0]
        return self.standardise(images) if self._is_raw(split) else images

    def augmented(self, num_copies: int) -> Tensor:
        """The training images, `num_copies` times as training would see them; once where nothing is augmented."""
        images = self.parts["train"][0]
        if self.augment is None:
            return images
        generators = (seeded(images.device, self.seed, AUGMENTED_STREAM, copy) for copy in range(num_copies))
        return torch.cat([self.transform(images, generator) for generator in generators])

    def plain_training_loader(self) -> BatchLoader:
        """The training part, unshuffled and not augmented."""
        plain = None if self.augment is None else lambda images, generator: self.standardise(images)
        return BatchLoader(self.parts["train"], self.eval_batch_size, transform=plain)

    @property
    def num_training_rows(self) -> int:
        """Images that an epoch goes through."""
        return self.passes * len(self.training_part()[0])

    def train_dataloader(self) -> BatchLoader:
        part = self.training_part()
        return BatchLoader(
            part if self.passes == 1 else tuple(torch.cat([tensor] * self.passes) for tensor in part),
            self.batch_size,
            shuffle=not self.overfits,
            seed=self.seed,
            transform=self.transform if self.augment is not None else None,
            **self.world,
        )

    def loader(self, split: str) -> BatchLoader:
        """The batches of one part, unshuffled and not augmented."""
        return BatchLoader(self.parts[split], self.eval_batch_size)

    def calibration(self, num_images: int = 10_000) -> tuple[Tensor, Tensor]:
        """The first training images as the network sees them, and their labels: what starts are measured on."""
        images, labels = (tensor[:num_images] for tensor in self.parts["train"])
        return (self.standardise(images) if self.augment is not None else images), labels

    def describe(self) -> dict[str, Any]:
        """The name of the data really used, its counts and content hash, and the preprocessing, for the record."""
        counts = {f"num_{name}": len(self.parts[name][1]) if name in self.parts else 0 for name in PARTS}
        preprocessing = self.preprocessing()
        if self.augment is not None:
            preprocessing = f"augmentation: {description(self.augment)}, " + preprocessing
        return {"name": self.title, **counts, "sha256": self.sha256, "preprocessing": preprocessing}


def unit_range(images: Tensor) -> Tensor:
    """Grey values 0..255 as floats in 0..1; floats are in it already."""
    return images if images.is_floating_point() else images.float() / 255
