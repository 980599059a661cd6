"""Masks in the time-frequency plane: what share of a mixture's bin is speech.

All of spectra (..., frames, bins), complex; masks are float, in 0..1.
"""

import torch
from torch import Tensor

LEAST = 1e-12  # keeps a bin in which nothing sounds from becoming 0 / 0


def ideal_binary(speech: Tensor, noise: Tensor) -> Tensor:
    """1 where |S| > |N|, else 0.

    Wang (2005), "On ideal binary mask as the computational goal of auditory scene analysis", for a criterion of 0 dB.
    """
    return (speech.abs() > noise.abs()).to(speech.real.dtype)


def ideal_ratio(speech: Tensor, noise: Tensor) -> Tensor:
    """sqrt(|S|^2 / (|S|^2 + |N|^2)) (Wang, Narayanan and Wang, 2014, "On training targets for supervised speech
    separation", equation 2 with beta = 0.5).
    """
    power = speech.abs().square()
    return (power / (power + noise.abs().square()).clamp_min(LEAST)).sqrt()


def spectral_subtraction(mixture: Tensor, over: float = 2.0, floor: float = 0.05, quietest: float = 0.2) -> Tensor:
    """The mask that takes a steady noise's magnitude away: 1 - over |N| / |X|, no less than `floor`.

    |N| of a bin is its mean over the quietest frames of the mixture, which are taken for pauses. Boll (1979),
    "Suppression of acoustic noise in speech using spectral subtraction"; more is subtracted than was estimated, and a
    floor is left, as by Berouti, Schwartz and Makhoul (1979), "Enhancement of speech corrupted by acoustic noise".

    Args:
        quietest: the share of frames that the noise is measured in.
    """
    magnitude = mixture.abs()
    num_quiet = max(1, round(quietest * magnitude.shape[-2]))
    places = magnitude.square().sum(-1).topk(num_quiet, largest=False).indices  # (..., num_quiet)
    noise = magnitude.take_along_dim(places[..., None], dim=-2).mean(-2, keepdim=True)
    return torch.clamp(1 - over * noise / magnitude.clamp_min(LEAST), min=floor)
