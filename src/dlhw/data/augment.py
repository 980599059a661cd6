"""Augmentation of whole batches of images at once."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from dlhw.data.loader import Transform


class Affine:
    """Draws a random affine map for each image: rotation, shift, scale and shear, bilinear.

    Args:
        degrees: rotations are uniform within +-degrees.
        shift: shifts along x and y are uniform within +-shift pixels.
        scale: width and height are scaled by factors uniform within 1 +- scale, independently.
        shear: shears along x are uniform within +-shear degrees.
        padding: what lies outside of the image: zeros, or border, its outermost pixels repeated.
    """

    def __init__(
        self, degrees: float, shift: float, scale: float = 0.0, shear: float = 0.0, padding: str = "zeros"
    ) -> None:
        self.degrees, self.shift, self.scale, self.shear, self.padding = degrees, shift, scale, shear, padding

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Transform images of shape (num_images, channels, height, width)."""
        theta = self.maps(len(images), images.shape[-1], images.device, generator).to(images.dtype)
        grid = F.affine_grid(theta, list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, padding_mode=self.padding, align_corners=False)

    def maps(self, num: int, width: int, device: torch.device, generator: torch.Generator) -> Tensor:
        """(num, 2, 3) maps from output to input coordinates, in units of half the image's width."""
        draw = torch.rand(6, num, device=device, generator=generator) * 2 - 1  # (6, num), uniform in -1..1
        angle = draw[0] * math.radians(self.degrees)
        slant = torch.tan(draw[1] * math.radians(self.shear))
        shift = draw[2:4] * (2 * self.shift / width)
        wide, high = 1 + draw[4:] * self.scale
        cos, sin = torch.cos(angle), torch.sin(angle)
        rows = [
            torch.stack([cos * wide, (slant * cos - sin) * high, shift[0]]),
            torch.stack([sin * wide, (slant * sin + cos) * high, shift[1]]),
        ]
        return torch.stack(rows).permute(2, 0, 1)  # (num, 2, 3)


class Mirror:
    """Mirrors each image left to right with probability `share`."""

    def __init__(self, share: float = 0.5) -> None:
        self.share = share

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Transform images of shape (num_images, channels, height, width)."""
        chosen = torch.rand(len(images), 1, 1, 1, device=images.device, generator=generator) < self.share
        return torch.where(chosen, images.flip(-1), images)


class Chain:
    """One augmentation after another."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = list(transforms)

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        for transform in self.transforms:
            images = transform(images, generator)
        return images


def description(augment: Any) -> str:
    """What an augmentation does, for the record: `Mirror (share 0.5), then Affine (degrees 0, shift 1, ...)`."""
    if isinstance(augment, Chain):
        return ", then ".join(description(transform) for transform in augment.transforms)
    settings = ", ".join(f"{key} {value}" for key, value in vars(augment).items())
    return f"{type(augment).__name__} ({settings})"
