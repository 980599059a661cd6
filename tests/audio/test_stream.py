"""Block by block as at once, whatever the blocks."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torchaudio.functional import resample

from dlhw.audio.resample import HIGHEST, LARGEST_STEP, LOWEST, steps
from dlhw.audio.stft import istft, num_frames, stft
from dlhw.audio.stream import WIDTH, at_least, resampled, signals, spectra

LENGTHS = (513, 600, 1024, 5000, 40_013)
BLOCKS = (100, 512, 777, 100_000)


def noise(num_samples: int, channels: int = 2) -> Tensor:
    return torch.randn(num_samples, channels, generator=torch.Generator().manual_seed(num_samples))


@pytest.mark.parametrize("num_samples", LENGTHS)
@pytest.mark.parametrize("block", BLOCKS)
def test_spectra_are_those_of_the_whole_signal(num_samples: int, block: int) -> None:
    signal = noise(num_samples)
    streamed = torch.cat(list(spectra(signal.split(block))), dim=1)
    torch.testing.assert_close(streamed, stft(signal.T), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("num_samples", LENGTHS)
@pytest.mark.parametrize("block", [1, 3, 50])
def test_signals_are_those_of_all_frames(num_samples: int, block: int) -> None:
    frames = stft(noise(num_samples).T) * torch.rand(2, num_frames(num_samples), 513)  # no longer of one signal
    streamed = torch.cat(list(signals(frames.split(block, dim=1), lambda: num_samples)))
    torch.testing.assert_close(streamed, istft(frames, num_samples).T, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("old", "new"), [(44_100, 16_000), (16_000, 44_100), (8000, 16_000), (48_000, 16_000)])
@pytest.mark.parametrize("block", BLOCKS)
def test_resampling_is_that_of_the_whole_signal(old: int, new: int, block: int) -> None:
    signal = noise(12_345)
    streamed = torch.cat(list(resampled(signal.split(block), old, new)))
    whole = resample(signal.T, old, new, lowpass_filter_width=WIDTH).T
    torch.testing.assert_close(streamed, whole, atol=1e-5, rtol=1e-4)


def test_a_tone_is_the_same_tone_at_another_rate() -> None:
    """Against the tone itself, not another resampler."""
    old, new, hertz = 44_100, 16_000, 1000
    tone = torch.sin(2 * torch.pi * hertz * torch.arange(old) / old)[:, None]
    made = torch.cat(list(resampled(tone.split(4000), old, new)))[:, 0]
    expected = torch.sin(2 * torch.pi * hertz * torch.arange(new) / new)
    assert len(made) == new
    inner = slice(200, -200)  # at the ends the tone starts out of nothing
    assert (made - expected)[inner].abs().max() < 2e-3


@pytest.mark.parametrize("rate", [1001, 22_051, 32_003, 44_057, 767_999])
def test_rates_without_a_common_divisor_are_as_cheap_as_any(rate: int) -> None:
    """To 16 kHz and back again: the filters stay small, and a tone is the same tone at the same place."""
    assert max(steps(rate, 16_000)) <= LARGEST_STEP
    assert steps(rate, 16_000) == steps(16_000, rate)[::-1]
    tone = torch.sin(2 * torch.pi * 200 * torch.arange(rate) / rate)[:, None]
    low = list(resampled(tone.split(40_000), rate, 16_000))
    assert sum(map(len, low)) == pytest.approx(16_000, rel=5e-4)
    made = torch.cat(list(resampled(low, 16_000, rate)))[:rate]
    assert len(made) == rate
    inner = slice(rate // 10, -rate // 10)
    assert (made - tone)[inner].abs().max() < 5e-3


@pytest.mark.parametrize(
    "rate", [8000, 11_025, 22_050, 24_000, 32_000, 37_800, 44_100, 48_000, 96_000, 176_400, 192_000]
)
def test_the_usual_rates_are_exact(rate: int) -> None:
    old, new = steps(rate, 16_000)
    assert Fraction(old, new) == Fraction(rate, 16_000)


@given(rate=st.integers(LOWEST, HIGHEST))
def test_no_rate_is_far_off(rate: int) -> None:
    old, new = steps(rate, 16_000)
    assert max(old, new) <= LARGEST_STEP
    assert old / new == pytest.approx(rate / 16_000, rel=5.1e-4)


@pytest.mark.parametrize("rate", [1, 999, 768_001, 2**31 - 1])
def test_an_absurd_rate_is_refused(rate: int) -> None:
    with pytest.raises(ValueError, match=rf"sampled at {rate:,} Hz; must be from 1,000 to 768,000 Hz"):
        list(resampled(noise(1000).split(300), rate, 16_000))


def test_one_rate_passes_through() -> None:
    blocks = noise(1000).split(300)
    assert all(one is other for one, other in zip(resampled(blocks, 16_000, 16_000), blocks, strict=True))


@pytest.mark.parametrize("num_samples", [0, 1, 512])
def test_too_short_a_signal_is_refused(num_samples: int) -> None:
    with pytest.raises(ValueError, match="fewer than 513 samples"):
        list(spectra(noise(num_samples).split(100)))


def test_blocks_are_joined_until_they_are_long_enough() -> None:
    signal = noise(1000)
    joined = list(at_least(signal.split(90), 200))
    assert all(len(block) >= 200 for block in joined[:-1])
    assert torch.equal(torch.cat(joined), signal)


def test_memory_does_not_grow_with_the_signal() -> None:
    """No block that comes out is longer than a few that go in, however many there are."""
    block = torch.zeros(16_000, 1)
    frames = [chunk.shape[1] for chunk in spectra(block for _ in range(100))]
    assert max(frames) < 3 * 16_000 // 512
    made = [len(out) for out in resampled((block for _ in range(100)), 16_000, 44_100)]
    assert max(made) < 3 * 44_100
