"""The short-time Fourier transform and its inverse: Hann windows of 1024 samples, every 512."""

import torch
from torch import Tensor
from torch.nn import functional as F
from torchaudio.functional import inverse_spectrogram, spectrogram

SAMPLE_RATE = 16_000  # Hz
WINDOW, HOP = 1024, 512  # samples
NUM_BINS = WINDOW // 2 + 1  # 513, from 0 to 8,000 Hz
LEAST_SAMPLES = WINDOW // 2 + 1  # fewer cannot be mirrored at their ends


def stft(signals: Tensor) -> Tensor:
    """Complex spectra (..., frames, bins) of signals (..., samples).

    Frame t is centred on sample 512 t. The signal is filled up with zeros to a whole number of hops, and then mirrored
    at both ends; there are 1 + ceil(samples / 512) frames. Without the zeros its last samples would be seen by the very
    end of one window alone, and what is masked come back there up to 100,000 times too loud.

    Raises:
        ValueError: a signal has fewer than 513 samples.
    """
    if signals.shape[-1] < LEAST_SAMPLES:
        raise ValueError(f"{signals.shape[-1]} samples: must be at least {LEAST_SAMPLES} for a frame of {WINDOW}")
    whole = F.pad(signals, (0, -signals.shape[-1] % HOP))
    spectra = spectrogram(
        whole, 0, window(whole), WINDOW, HOP, WINDOW, power=None, normalized=False, center=True, pad_mode="reflect"
    )
    return spectra.transpose(-1, -2)


def istft(spectra: Tensor, num_samples: int) -> Tensor:
    """Signals (..., samples) of spectra (..., frames, bins): the inverse of `stft`, in the least-squares sense.

    Griffin and Lim (1984), "Signal estimation from modified short-time Fourier transform", equation 6.
    """
    return inverse_spectrogram(
        spectra.transpose(-1, -2), num_samples, 0, window(spectra), WINDOW, HOP, WINDOW, normalized=False, center=True
    )


def num_frames(num_samples: int) -> int:
    """How many frames `stft` makes of a signal."""
    return 1 - -num_samples // HOP


def window(like: Tensor) -> Tensor:
    return torch.hann_window(WINDOW, dtype=like.real.dtype, device=like.device)
