"""Images that lost some of their pixels: losing them, and the plain ways of putting something back.

Lost pixels are zeros; `known` is True where a pixel is left. The ways that know faces are elsewhere.
"""

from contextlib import suppress

import numpy as np
import torch
from scipy.interpolate import griddata
from scipy.spatial import QhullError
from torch import Tensor

from dlhw.precision import widest


def zero_out(images: Tensor, share: float | Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    """Images (num, ...) with exactly round(share * num_pixels) zeroed pixels each, and which are known, (num, ...).

    The places are drawn for each image by itself.

    Args:
        share: in [0, 1), one for all images or a tensor (num,) of one each.
        generator: of the images' device.

    Raises:
        ValueError: a share outside [0, 1).
    """
    shares = torch.as_tensor(share, dtype=widest(images.device), device=images.device)
    if not ((shares >= 0) & (shares < 1)).all():
        raise ValueError(f"the share of pixels to zero must be 0 or more and below 1, but is {share}")
    num_images, num_pixels = len(images), images[0].numel()
    num_lost = (shares * num_pixels).round().expand(num_images)
    order = torch.rand(num_images, num_pixels, device=images.device, generator=generator).argsort(1)
    left = torch.arange(num_pixels, device=images.device) >= num_lost[:, None]  # the first of the order are lost
    known = torch.empty_like(left).scatter(1, order, left).view(images.shape)
    return images.where(known, 0), known


def interpolate(images: Tensor, known: Tensor) -> Tensor:
    """Images (num, height, width) whose lost pixels are interpolated linearly between their known neighbours.

    Neighbours are the corners of the Delaunay triangle that a pixel lies in. Outside of all triangles it is the
    nearest known pixel, and in an image without any, 0. Known pixels stay as they are.
    """
    pairs = zip(images.cpu().numpy(), known.cpu().numpy(), strict=True)
    return torch.from_numpy(np.stack([interpolated(image, mask) for image, mask in pairs])).to(images)


def interpolated(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """`interpolate` for one image (height, width)."""
    if not known.any():
        return np.zeros_like(image)
    restored = np.where(known, image, np.nan)
    for method in ("linear", "nearest"):
        holes = np.isnan(restored)
        with suppress(QhullError):  # fewer than three known pixels, or all in one line: no triangle
            restored[holes] = griddata(np.argwhere(known), image[known], np.argwhere(holes), method)
    return restored


def paste(restored: Tensor, images: Tensor, known: Tensor) -> Tensor:
    """The restored images with the known pixels of `images` put back; all three are of one shape."""
    return torch.where(known, images, restored)
