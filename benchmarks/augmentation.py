"""Augmentation of whole batches against torchvision's transform of each sample."""

import torch
from timing import heading, interleaved, line
from torchvision.transforms import RandomAffine

from dlhw.data.augment import Affine
from dlhw.data.loader import BLOCK


def main() -> None:
    images = torch.rand(BLOCK, 1, 28, 28)
    generator = torch.Generator().manual_seed(0)
    batched = Affine(degrees=35, shift=3)
    single = RandomAffine(degrees=35, translate=(3 / 28, 3 / 28))
    median = interleaved(
        {
            "batched": lambda: batched(images, generator),
            "per sample": lambda: [single(image) for image in images],
        },
        rounds=5,
    )
    heading(f"augmentation (rotation within 35 degrees, shift within 3 pixels), blocks of {BLOCK} images")
    for name, seconds in median.items():
        line(f"{name}: images a second", f"{BLOCK / seconds:,.0f}")
    line("batched against per sample: times as fast", f"{median['per sample'] / median['batched']:.1f}")
