"""Ways of taking noise away by a mask, and how well each does on a mixture whose parts are known."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from dlhw.audio.masks import ideal_binary, ideal_ratio, spectral_subtraction
from dlhw.audio.stft import SAMPLE_RATE, istft, stft
from dlhw.data.speech_batch import Mixture
from dlhw.metrics.speech import si_sdr, snr, stoi
from dlhw.nets.mask_rnn import MaskNet

# From the spectra of speech and noise, (frames, bins), to a mask. Only an ideal one looks at more than their sum
Mask = Callable[[Tensor, Tensor], Tensor]

THRESHOLD = 0.5  # a soft mask from here on is speech in the hard one

UNPROCESSED, SUBTRACTION = "the mixture itself", "spectral subtraction"
BINARY, RATIO = "ideal binary mask", "ideal ratio mask"
# What a network lies between: what needs no training, and what no estimate can be better than
BESIDE: dict[str, Mask] = {
    UNPROCESSED: lambda speech, noise: torch.ones_like(speech.real),
    SUBTRACTION: lambda speech, noise: spectral_subtraction(speech + noise),
    BINARY: ideal_binary,
    RATIO: ideal_ratio,
}


@dataclass(frozen=True)
class Score:
    """SNR and SI-SDR in dB, STOI near 0..1 (NaN where a signal is too short for it)."""

    snr: float
    si_sdr: float
    stoi: float


Scores = dict[str, list[Score]]  # by way, one a mixture


def soft_mask(net: MaskNet) -> Mask:
    """The network's own, in 0..1."""

    @torch.no_grad()
    def mask(speech: Tensor, noise: Tensor) -> Tensor:
        logits, _ = net((speech + noise).abs()[None])
        return logits[0].sigmoid()

    return mask


def hard_mask(soft: Mask) -> Mask:
    """A soft mask rounded to 0 and 1."""
    return lambda speech, noise: rounded(soft(speech, noise))


def rounded(mask: Tensor) -> Tensor:
    """1 where a soft mask is 0.5 or more, else 0."""
    return (mask >= THRESHOLD).to(mask.dtype)


def estimates(mixture: Mixture, masks: dict[str, Mask]) -> dict[str, tuple[Tensor, Tensor]]:
    """What each way makes of a mixture: the mask (frames, bins) and the signal (samples,)."""
    speech, noise = stft(mixture.speech), stft(mixture.noise)
    made = {name: mask(speech, noise) for name, mask in masks.items()}
    return {name: (mask, istft(mask * (speech + noise), len(mixture.speech))) for name, mask in made.items()}


def score(mixture: Mixture, estimate: Tensor) -> Score:
    return Score(
        snr(mixture.speech, estimate).item(),
        si_sdr(mixture.speech, estimate).item(),
        stoi(mixture.speech, estimate, SAMPLE_RATE),
    )


def score_all(mixtures: list[Mixture], masks: dict[str, Mask]) -> Scores:
    """The scores of each way on each mixture."""
    scores: Scores = {way: [] for way in masks}
    for mixture in mixtures:
        for way, (_, signal) in estimates(mixture, masks).items():
            scores[way].append(score(mixture, signal))
    return scores
