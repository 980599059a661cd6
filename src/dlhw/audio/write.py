"""Writing sound."""

import io

import soundfile
from torch import Tensor


def wav_bytes(signal: Tensor, sample_rate: int) -> bytes:
    """A WAV file of 16 bits of a signal (samples,) or (samples, channels) in -1..1; what lies beyond is clipped."""
    buffer = io.BytesIO()
    soundfile.write(buffer, signal.clamp(-1, 1).cpu().numpy(), sample_rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()
