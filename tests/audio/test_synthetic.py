"""Generated sound: what is said of it can be measured in it."""

import numpy as np
import pytest
import torch

from dlhw.audio import synthetic
from dlhw.audio.mix import ActiveBlocks
from dlhw.audio.stft import stft


def said(seed: int = 0, seconds: float = 2.0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return synthetic.sentence(synthetic.voice(generator), seconds, generator)


def test_a_seed_says_the_same_again_and_another_something_else() -> None:
    np.testing.assert_array_equal(said(0), said(0))
    assert np.abs(said(0) - said(1)).max() > 0.01


def test_a_sentence_is_as_long_as_asked_and_within_full_scale() -> None:
    for seed in range(5):
        samples = said(seed, 1.7)
        assert (samples.shape, samples.dtype) == ((27_200,), np.float32)
        assert np.abs(samples).max() < 1
        assert np.sqrt(np.mean(samples**2)) == pytest.approx(synthetic.LEVEL, rel=1e-4)


def test_a_sentence_has_louder_and_quieter_moments() -> None:
    for seed in range(5):
        energy = (said(seed)[: 62 * 512].reshape(62, 512) ** 2).mean(1)
        assert np.percentile(energy, 80) > 10 * np.percentile(energy, 5)


def test_pulses_are_harmonics_of_their_pitch() -> None:
    made = synthetic.pulses(np.full(16_000, 200.0))
    spectrum = np.abs(np.fft.rfft(made[-8000:] * np.hanning(8000)))  # 2 Hz a bin
    on, between = spectrum[100 : 38 * 100 : 100], spectrum[150 : 38 * 100 : 100]
    assert on.min() > 100 * between.max()
    assert spectrum[3950:].max() < 0.01 * on.min(), "nothing above 7,600 Hz"


def test_the_mouth_lets_its_formants_through() -> None:
    white = np.random.default_rng(0).standard_normal(64_000)
    made = synthetic.through_mouth(white, np.array([0.0]), np.array([[500.0, 1500.0, 2500.0]]))
    assert len(made) == len(white)
    power = stft(torch.from_numpy(made)).abs().square().mean(0)
    first, second, third = power[[32, 96, 160]]  # at 15.625 Hz a bin
    assert first > 10 * power[64] < second
    assert second > 3 * power[128] < third


def test_an_open_mouth_that_lets_all_through_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames add up to the signal: Hann windows that overlap by three quarters sum to 2."""
    monkeypatch.setattr(synthetic, "resonances", lambda formants: np.full((len(formants), 257), 0.98))
    white = np.random.default_rng(0).standard_normal(16_001)
    made = synthetic.through_mouth(white, np.array([0.0]), np.array([[500.0, 1500.0, 2500.0]]))
    np.testing.assert_allclose(made, 2 * white, atol=1e-9)


@pytest.mark.parametrize("kind", synthetic.KINDS)
def test_a_noise_is_of_its_level_and_seed(kind: str) -> None:
    one, again, other = (synthetic.noise(kind, 1.0, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert (one.shape, one.dtype) == ((16_000,), np.float32)
    assert np.sqrt(np.mean(one**2)) == pytest.approx(synthetic.LEVEL, rel=1e-4)
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0.01


def slope(kind: str) -> float:
    """dB an octave, between 125 Hz and 4 kHz."""
    noise = torch.from_numpy(synthetic.noise(kind, 20.0, np.random.default_rng(0)))
    power = stft(noise).abs().square().mean(0)
    octaves = torch.tensor([power[8 * 2**octave : 16 * 2**octave].mean() for octave in range(5)])
    return float(np.polyfit(np.arange(5), 10 * octaves.log10().numpy(), 1)[0])


def test_white_and_pink_noise_have_their_slopes() -> None:
    assert slope("white") == pytest.approx(0, abs=0.3)
    assert slope("pink") == pytest.approx(-3.01, abs=0.3)


def test_a_clock_is_silent_between_its_ticks() -> None:
    ticks = torch.from_numpy(synthetic.noise("ticks", 4.0, np.random.default_rng(0)))
    active = ActiveBlocks([ticks])
    assert active.num_active < active.num_blocks / 4
