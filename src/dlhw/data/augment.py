"""Augmentation of whole batches of images at once."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F


class Affine:
    """Draws a random affine map for each image: rotation, shift, scale and shear, bilinear, zeros outside.

    Args:
        degrees: rotations are uniform within +-degrees.
        shift: shifts along x and y are uniform within +-shift pixels.
        scale: sizes are uniform within 1 +- scale.
        shear: shears along x are uniform within +-shear degrees.
    """

    def __init__(self, degrees: float, shift: float, scale: float = 0.0, shear: float = 0.0) -> None:
        self.degrees, self.shift, self.scale, self.shear = degrees, shift, scale, shear

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Transform images of shape (num_images, channels, height, width)."""
        theta = self.maps(len(images), images.shape[-1], images.device, generator).to(images.dtype)
        grid = F.affine_grid(theta, list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, align_corners=False)

    def maps(self, num: int, width: int, device: torch.device, generator: torch.Generator) -> Tensor:
        """(num, 2, 3) maps from output to input coordinates, in units of half the image's width."""
        draw = torch.rand(5, num, device=device, generator=generator) * 2 - 1  # (5, num), uniform in -1..1
        angle = draw[0] * math.radians(self.degrees)
        size = 1 + draw[1] * self.scale
        slant = torch.tan(draw[2] * math.radians(self.shear))
        shift = draw[3:] * (2 * self.shift / width)
        cos, sin = torch.cos(angle) / size, torch.sin(angle) / size
        rows = [torch.stack([cos, slant * cos - sin, shift[0]]), torch.stack([sin, slant * sin + cos, shift[1]])]
        return torch.stack(rows).permute(2, 0, 1)  # (num, 2, 3)
