"""How near an estimate is to the clean speech: signals (..., samples) in, decibels or scores (...) out.

A ValueError is raised where they differ in length.
"""

import torch
from torch import Tensor

LEAST_SECONDS = 0.4  # 30 frames of 256 samples, every 128, at 10 kHz: 3,968
SILENCE = 1e-7  # the largest magnitude that is none: -140 dB of full scale
LEAST = 1e-10  # of an energy, relative to the speech's: 100 dB at most


def snr(speech: Tensor, estimate: Tensor) -> Tensor:
    """The signal-to-noise ratio in dB: 10 log10 of sum s^2 / sum (s - estimate)^2.

    The estimate is taken as it is; one that is too quiet has that against it.
    """
    check_lengths(speech, estimate)
    energy = speech.square().sum(-1)
    error = (speech - estimate).square().sum(-1)
    return decibels(energy, error)


def si_sdr(speech: Tensor, estimate: Tensor) -> Tensor:
    """The scale-invariant signal-to-distortion ratio in dB.

    That of the speech at the level at which it fits the estimate best, to what is left of the estimate. Le Roux,
    Wisdom, Erdogan and Hershey (2019), "SDR: half-baked or well done?", equation 5.
    """
    check_lengths(speech, estimate)
    scale = (speech * estimate).sum(-1) / speech.square().sum(-1).clamp_min(torch.finfo(speech.dtype).tiny)
    target = scale[..., None] * speech
    return decibels(target.square().sum(-1), (estimate - target).square().sum(-1))


def decibels(energy: Tensor, error: Tensor) -> Tensor:
    """10 log10 of energy / error, within -100..100 dB."""
    tiny = torch.finfo(energy.dtype).tiny
    ratio = energy / torch.maximum(error, LEAST * energy).clamp_min(tiny)
    return 10 * ratio.clamp_min(LEAST).log10()


def stoi(speech: Tensor, estimate: Tensor, sample_rate: int) -> float:
    """The short-time objective intelligibility of one signal (samples,), near 0..1.

    Taal, Hendriks, Heusdens and Jensen (2011), "An algorithm for intelligibility prediction of time-frequency weighted
    noisy speech", by pystoi. NaN for signals of less than 30 frames of speech, 0.4 seconds, which it is not defined
    for: too short ones, and those of silence.
    """
    check_lengths(speech, estimate)
    if len(speech) < LEAST_SECONDS * sample_rate or speech.abs().max() <= SILENCE:
        return float("nan")
    import warnings

    from pystoi import stoi as measured

    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            return float(measured(speech.cpu().numpy(), estimate.cpu().numpy(), sample_rate))
        except RuntimeWarning:  # too few frames
            return float("nan")


def check_lengths(speech: Tensor, estimate: Tensor) -> None:
    if speech.shape[-1] != estimate.shape[-1]:  # a single sample would be taken for as many
        raise ValueError(
            f"the estimate must have as many samples as the speech, {speech.shape[-1]}, but has {estimate.shape[-1]}"
        )
