"""A convolutional network that restores images of which some pixels are known."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIGMAS = (4.0, 2.0, 1.2, 0.7)  # of the first guess's blurs, in pixels, coarse to fine
PRIOR = 0.02  # how much a coarser blur counts beside the known pixels' share of a finer one


class Restorer(nn.Module):
    """Fills in the unknown pixels, by a blur as a first guess and a U-Net that corrects it; known pixels stay.

    The first guess is `blurred_guess`. With the mean and the standard deviation of the image's known pixels taken out
    of it, it goes with the mask into a U-Net (Ronneberger et al., 2015, "U-Net") of residual blocks at half the
    resolution and below, the 2 x 2 neighbours side by side as channels (Zhang et al., 2018, "FFDNet", section III-B).
    The U-Net's output, scaled back, is added to the guess. So an image made brighter or of more contrast is restored
    as brightly and with as much contrast; and a network that has learned nothing yet is near the first guess.

    In evaluation the result is the mean of the image's restoration and the mirrored restoration of its mirror image:
    left and right are restored alike, for twice the time.

    Args:
        widths: the channels at 1/2, 1/4, ... of the resolution.
        num_blocks: the residual blocks at each place of the U-Net.
    """

    def __init__(self, widths: Sequence[int] = (32, 64), num_blocks: int = 2) -> None:
        super().__init__()
        self.divisor = 2 ** len(widths)
        self.correction = nn.Sequential(nn.PixelUnshuffle(2), UNet(8, widths, 4, num_blocks), nn.PixelShuffle(2))
        self.to(memory_format=torch.channels_last)  # a quarter faster on a CPU

    def forward(self, corrupted: Tensor, known: Tensor) -> Tensor:
        """The restored images (batch, 1, height, width).

        Args:
            corrupted: (batch, 1, height, width); what stands at unknown pixels is not looked at.
            known: of the same shape, true or 1 where a pixel is known.

        Raises:
            ValueError: another shape, or a height or width that 2 ** len(widths) does not divide.
        """
        self._check(corrupted, known)
        known = known.bool()
        restored = self.restore(corrupted, known)
        if not self.training:
            restored = (restored + self.restore(corrupted.flip(-1), known.flip(-1)).flip(-1)) / 2
        return torch.where(known, corrupted, restored)

    def restore(self, corrupted: Tensor, known: Tensor) -> Tensor:
        """The guess and its correction, at all pixels."""
        mask = known.to(corrupted.dtype)
        pixels = corrupted.where(known, 0)
        mean, std = moments(pixels, mask)
        guess = (blurred_guess(pixels, mask) - mean) / std
        features = torch.cat([guess, mask], dim=1).contiguous(memory_format=torch.channels_last)
        return mean + std * (guess + self.correction(features))

    def _check(self, corrupted: Tensor, known: Tensor) -> None:
        if corrupted.dim() != 4 or corrupted.shape[1] != 1 or corrupted.shape != known.shape:
            raise ValueError(
                f"images {tuple(corrupted.shape)} with a mask {tuple(known.shape)}; "
                "must both be (batch, 1, height, width)"
            )
        if any(size % self.divisor for size in corrupted.shape[-2:]):
            height, width = corrupted.shape[-2:]
            raise ValueError(
                f"images of {height} x {width} pixels; height and width must be multiples of {self.divisor}"
            )


def moments(pixels: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The mean and the standard deviation of each image's known pixels, (batch, 1, 1, 1).

    The deviation is at least 0.001, so that it can be divided by; with nothing known the mean is 0.
    """
    num_known = mask.sum((1, 2, 3), keepdim=True).clamp(min=1)
    mean = (pixels * mask).sum((1, 2, 3), keepdim=True) / num_known
    variance = ((pixels - mean).square() * mask).sum((1, 2, 3), keepdim=True) / num_known
    return mean, variance.sqrt().clamp(min=1e-3)


def blurred_guess(pixels: Tensor, mask: Tensor) -> Tensor:
    """Each unknown pixel as the mean of its known neighbours, the near ones counting most.

    Normalised convolution (Knutsson and Westin, 1993), blurred pixels over blurred mask, with Gaussians coarse to fine:
    where a fine one meets hardly any known pixel, the coarser one decides. The coarsest is the mean of all.
    """
    guess, _ = moments(pixels, mask)
    for sigma in SIGMAS:
        guess = (blur(pixels * mask, sigma) + PRIOR * guess) / (blur(mask, sigma) + PRIOR)
    return torch.where(mask > 0, pixels, guess)


def blur(images: Tensor, sigma: float) -> Tensor:
    """Images (batch, 1, height, width) under a Gaussian of `sigma` pixels, cut at three sigma, zeros outside."""
    radius = math.ceil(3 * sigma)
    places = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-((places / sigma) ** 2) / 2)
    kernel = kernel / kernel.sum()
    rows = F.conv2d(images, kernel.view(1, 1, 1, -1), padding=(0, radius))
    return F.conv2d(rows, kernel.view(1, 1, -1, 1), padding=(radius, 0))


class UNet(nn.Module):
    """Down by strided convolutions, up by transposed ones, residual blocks between, and sums as shortcuts across."""

    def __init__(self, num_inputs: int, widths: Sequence[int], num_outputs: int, num_blocks: int) -> None:
        super().__init__()
        steps = list(pairwise(widths))  # (fine, coarse)
        self.head = nn.Conv2d(num_inputs, widths[0], 3, padding=1)
        self.before = nn.ModuleList(blocks(fine, num_blocks) for fine, _ in steps)
        self.down = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in steps)
        self.bottom = blocks(widths[-1], num_blocks)
        self.up = nn.ModuleList(nn.ConvTranspose2d(coarse, fine, 2, stride=2) for fine, coarse in steps)
        self.after = nn.ModuleList(blocks(fine, num_blocks) for fine, _ in steps)
        self.tail = nn.Conv2d(widths[0], num_outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        shortcuts = []
        for before, down in zip(self.before, self.down, strict=True):
            x = before(x)
            shortcuts.append(x)
            x = down(x)
        x = self.bottom(x)
        for up, after, shortcut in reversed(list(zip(self.up, self.after, shortcuts, strict=True))):
            x = after(up(x) + shortcut)
        return self.tail(x)


def blocks(width: int, num_blocks: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(width) for _ in range(num_blocks)))


class ResidualBlock(nn.Module):
    """x + Conv(ReLU(Conv(x))), 3 x 3 and with no normalisation (Lim et al., 2017, "EDSR")."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)
