"""What is handed from the data of speech in noise to what is trained on it."""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor


class SpeechBatch(NamedTuple):
    """Mixtures as the spectra of their two parts, whose sum is the mixture's; zero beyond a mixture's own end."""

    speech: Tensor  # (batch, frames, bins), complex
    noise: Tensor  # (batch, frames, bins), complex, at the level it is mixed with
    num_frames: Tensor  # (batch,)
    num_samples: Tensor  # (batch,)


@dataclass(frozen=True)
class Mixture:
    """One fixed mixture: speech + noise, both (samples,) at 16 kHz, and what is known of it."""

    name: str
    speech: Tensor
    noise: Tensor  # at the level it is mixed with
    speaker: str
    noise_type: str
    snr: float  # asked for, in dB, over the noise's active frames
