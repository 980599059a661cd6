"""Against values by hand, and torchmetrics as an independent reference."""

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio, signal_noise_ratio

from dlhw.metrics.speech import si_sdr, snr, stoi


def signals(seed: int = 0, num_samples: int = 4000) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    speech = torch.randn(3, num_samples, generator=generator)
    return speech, speech + 0.3 * torch.randn(3, num_samples, generator=generator)


def test_snr_of_known_cases() -> None:
    speech = torch.tensor([3.0, 4.0])  # energy 25
    assert snr(speech, torch.tensor([3.0, 4.5])).item() == pytest.approx(20)  # error 0.25
    assert snr(speech, torch.zeros(2)).item() == pytest.approx(0)
    assert snr(speech, 2 * speech).item() == pytest.approx(0)
    assert snr(speech, speech).item() == pytest.approx(100)  # as far as it goes


def test_si_sdr_of_a_known_case() -> None:
    """An error of length 0.5 at right angles to speech of length 5, at any scale: 20 dB."""
    speech = torch.tensor([3.0, 4.0])
    estimate = speech + torch.tensor([-0.4, 0.3])
    for scale in (0.01, 1.0, -7.0):
        assert si_sdr(speech, scale * estimate).item() == pytest.approx(20, abs=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_both_agree_with_torchmetrics(seed: int) -> None:
    speech, estimate = signals(seed)
    torch.testing.assert_close(snr(speech, estimate), signal_noise_ratio(estimate, speech), atol=1e-3, rtol=1e-4)
    reference = scale_invariant_signal_distortion_ratio(estimate, speech)
    torch.testing.assert_close(si_sdr(speech, estimate), reference, atol=1e-3, rtol=1e-4)


@given(st.floats(1e-3, 1e3))
def test_si_sdr_does_not_look_at_the_level(scale: float) -> None:
    speech, estimate = signals()
    torch.testing.assert_close(si_sdr(speech, scale * estimate), si_sdr(speech, estimate), atol=1e-2, rtol=1e-3)


def test_silence_gives_numbers() -> None:
    silent, speech = torch.zeros(1000), signals(num_samples=1000)[0][0]
    for found in (snr(silent, speech), snr(speech, silent), si_sdr(silent, speech), si_sdr(speech, silent)):
        assert found.isfinite()
    assert snr(silent, speech).item() == pytest.approx(-100)
    assert si_sdr(speech, silent).item() == pytest.approx(-100)


def test_stoi_falls_with_noise_and_is_one_for_the_speech_itself() -> None:
    generator = torch.Generator().manual_seed(0)
    swell = 1 + torch.sin(2 * torch.pi * 4 * torch.arange(32_000) / 16_000)  # syllables
    speech, noise = swell * torch.randn(32_000, generator=generator), torch.randn(32_000, generator=generator)
    found = [stoi(speech, speech + level * noise, 16_000) for level in (0.0, 0.5, 2.0)]
    assert found[0] == pytest.approx(1, abs=1e-6)
    assert found == sorted(found, reverse=True)
    assert found[2] < 0.8


def test_stoi_of_too_short_a_signal_is_not_made_up() -> None:
    speech = torch.randn(6399, generator=torch.Generator().manual_seed(0))
    for num_samples in (0, 1, 100, 500, 2000, 6399):
        assert math.isnan(stoi(speech[:num_samples], speech[:num_samples], 16_000)), num_samples


@pytest.mark.parametrize("level", [0.0, 1e-30])
def test_stoi_of_silence_is_not_made_up(level: float) -> None:
    estimate, silent = signals(num_samples=32_000)[1][0], torch.full((32_000,), level)
    assert math.isnan(stoi(silent, estimate, 16_000))
    assert math.isnan(stoi(silent, silent, 16_000))
    assert stoi(estimate, silent, 16_000) == pytest.approx(0, abs=0.05), "speech that was lost has a score"


def test_stoi_of_nearly_nothing_but_silence_is_not_made_up() -> None:
    speech = torch.zeros(32_000)
    speech[:3000] = signals()[0][0, :3000]
    assert math.isnan(stoi(speech, speech, 16_000))


@pytest.mark.parametrize("rate", [8000, 10_000, 16_000, 48_000])
def test_stoi_about_the_least_length_is_a_score_or_nan(rate: int) -> None:
    speech = signals(num_samples=rate)[0][0]
    for num_samples in range(int(0.35 * rate), int(0.5 * rate), rate // 200):
        found = stoi(speech[:num_samples], speech[:num_samples], rate)
        assert math.isnan(found) or found == pytest.approx(1, abs=1e-6), num_samples
    assert not math.isnan(found)


@pytest.mark.parametrize("score", [snr, si_sdr, partial(stoi, sample_rate=16_000)])
@pytest.mark.parametrize("num_samples", [0, 1, 31_999])
def test_signals_of_two_lengths_are_refused(score: Callable[..., object], num_samples: int) -> None:
    speech = signals(num_samples=32_000)[0][0]
    for pair in ((speech, speech[:num_samples]), (speech[:num_samples], speech)):
        with pytest.raises(ValueError, match=f"as many samples as the speech, {len(pair[0])}, but has {len(pair[1])}"):
            score(*pair)
