import torch

from dlhw.audio.masks import ideal_binary, ideal_ratio, spectral_subtraction
from dlhw.audio.stft import istft, stft
from dlhw.metrics.speech import snr

RATE = 16_000


def tone(hertz: float, seconds: float = 1.0) -> torch.Tensor:
    return torch.sin(2 * torch.pi * hertz * torch.arange(int(seconds * RATE)) / RATE)


def test_the_binary_mask_tells_two_tones_apart() -> None:
    """Tones of 1 and 3 kHz, which lie in bins 64 and 192."""
    mask = ideal_binary(stft(tone(1000)), stft(tone(3000)))
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    inner = mask[1:-1]  # the mirrored ends bend the tones
    assert (inner[:, 63:66] == 1).all()
    assert (inner[:, 191:194] == 0).all()


def test_the_binary_mask_is_zero_where_both_are_equal() -> None:
    spectra = stft(tone(1000))
    assert not ideal_binary(spectra, spectra).any()
    assert not ideal_binary(torch.zeros_like(spectra), torch.zeros_like(spectra)).any()


def test_the_ratio_mask_is_a_wiener_gains_root() -> None:
    speech, noise = torch.tensor([3.0 + 0j, 1.0, 0.0, 0.0]), torch.tensor([4.0j, 0.0, 2.0, 0.0])
    torch.testing.assert_close(ideal_ratio(speech, noise), torch.tensor([0.6, 1.0, 0.0, 0.0]))


def test_an_ideal_mask_takes_nearly_all_of_a_distant_noise_away() -> None:
    speech, noise = tone(1000), tone(3000)
    spectra, noises = stft(speech), stft(noise)
    for mask in (ideal_binary(spectra, noises), ideal_ratio(spectra, noises)):
        made = istft(mask * (spectra + noises), len(speech))
        assert snr(speech, speech + noise).item() < 1
        assert snr(speech, made).item() > 30


def test_subtraction_takes_a_steady_hum_away_and_leaves_what_comes_and_goes() -> None:
    """A tone that sounds half of the time over a hum that never stops."""
    there = (torch.arange(2 * RATE) // (RATE // 4) % 2).float()
    speech, hum = there * tone(1000, 2.0), 0.5 * tone(3000, 2.0)
    spectra = stft(speech + hum)
    mask = spectral_subtraction(spectra)
    assert (mask[:, 192] == 0.05).all()  # the floor
    made = istft(mask * spectra, len(speech))
    assert snr(speech, made).item() > snr(speech, speech + hum).item() + 10


def test_subtraction_of_silence_is_finite() -> None:
    assert spectral_subtraction(torch.zeros(4, 513, dtype=torch.complex64)).isfinite().all()
