"""The transform against another implementation, and that it can be undone."""

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given
from hypothesis import strategies as st

from dlhw.audio.stft import HOP, NUM_BINS, WINDOW, istft, num_frames, stft


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@given(num_samples=st.integers(513, 6000))
def test_the_inverse_gives_the_signal_back(num_samples: int) -> None:
    signal = noise(num_samples)
    torch.testing.assert_close(istft(stft(signal), num_samples), signal, atol=1e-5, rtol=0)


@given(num_samples=st.integers(1500, 2100))
def test_what_a_mask_leaves_is_nowhere_louder_than_the_signal_could_be(num_samples: int) -> None:
    """At the very end neither, where the windows of a signal that is no whole number of hops have nearly faded out."""
    spectra = stft(noise(num_samples))
    mask = torch.rand(spectra.shape, generator=torch.Generator().manual_seed(1)).round()
    assert istft(mask * spectra, num_samples)[-HOP:].abs().max() < 5


@given(num_samples=st.integers(513, 6000))
def test_there_are_as_many_frames_as_said(num_samples: int) -> None:
    assert stft(noise(2, num_samples)).shape == (2, num_frames(num_samples), NUM_BINS)


def test_frames_are_those_of_scipy() -> None:
    signal = noise(10 * HOP).double()
    window = scipy.signal.get_window("hann", WINDOW)
    transform = scipy.signal.ShortTimeFFT(window, HOP, fs=1)
    expected = transform.stft(np.pad(signal.numpy(), WINDOW // 2, mode="reflect"), p0=1, p1=1 + num_frames(10 * HOP))
    # scipy refers phases to a frame's middle, torch to its beginning
    phases = np.exp(-1j * np.pi * np.arange(NUM_BINS))[:, None]
    np.testing.assert_allclose(np.abs(stft(signal).numpy().T), np.abs(expected), atol=1e-9)
    np.testing.assert_allclose(stft(signal).numpy().T[:, 1:-1], (expected * phases)[:, 1:-1], atol=1e-9)


def test_a_frame_is_the_transform_of_its_samples() -> None:
    signal = noise(5000).double()
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    frame = signal[3 * HOP - WINDOW // 2 : 3 * HOP + WINDOW // 2].numpy()
    np.testing.assert_allclose(stft(signal)[3].numpy(), np.fft.rfft(frame * window), atol=1e-9)


def test_a_tone_is_in_its_bin() -> None:
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(16000) / 16000)
    assert (stft(tone).abs()[2:-2].argmax(1) == 64).all()  # 1000 Hz at 15.625 Hz a bin


def test_less_than_half_a_window_is_refused() -> None:
    with pytest.raises(ValueError, match="512 samples: must be at least 513"):
        stft(noise(512))
