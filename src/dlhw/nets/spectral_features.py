"""What a mask estimator sees of a mixture's magnitudes."""

import torch
from torch import Tensor, nn

QUIETEST = 1e-3  # a magnitude: about that of the rounding noise of 16 bits in a window of 1024 samples


class SpectralFeatures(nn.Module):
    """Magnitudes (..., bins), or their logarithms, minus a mean and divided by a deviation, each a bin's own.

    Until `fit` is called these are 0 and 1. They are buffers: a checkpoint holds them.

    Args:
        log: take the logarithm first, so that what is 20 dB quieter is as far away at every level.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, num_bins: int, log: bool = True) -> None:
        super().__init__()
        self.log = log
        self.register_buffer("mean", torch.zeros(num_bins))
        self.register_buffer("std", torch.ones(num_bins))

    def forward(self, magnitudes: Tensor) -> Tensor:
        return (self.scaled(magnitudes) - self.mean) / self.std

    def scaled(self, magnitudes: Tensor) -> Tensor:
        return (magnitudes + QUIETEST).log() if self.log else magnitudes

    @torch.no_grad()
    def fit(self, magnitudes: Tensor) -> None:
        """Take each bin's mean and standard deviation from magnitudes (frames, bins)."""
        values = self.scaled(magnitudes)
        self.mean.copy_(values.mean(0))
        self.std.copy_(values.std(0).clamp_min(1e-3))
