"""What is minimised and measured of masks, against sums by hand."""

from functools import partial

import pytest
import torch
from torch import Tensor

from dlhw.audio.masks import ideal_binary
from dlhw.audio.stft import istft, num_frames, stft
from dlhw.data.speech_batch import SpeechBatch
from dlhw.metrics.speech import snr
from dlhw.models.mask_estimator import MaskEstimator, mean_snr
from dlhw.nets.mask_rnn import MaskRNN

LENGTHS = (5000, 3333, 4096)


def signals(seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    return [(torch.randn(n, generator=generator), 0.5 * torch.randn(n, generator=generator)) for n in LENGTHS]


def batch_of(pairs: list[tuple[Tensor, Tensor]], longest: int | None = None) -> SpeechBatch:
    lengths = [len(speech) for speech, _ in pairs]
    frames = [num_frames(length) for length in lengths]
    spectra = torch.zeros(2, len(pairs), longest or max(frames), 513, dtype=torch.complex64)
    for row, (pair, count) in enumerate(zip(pairs, frames, strict=True)):
        for part, signal in enumerate(pair):
            spectra[part, row, :count] = stft(signal)
    return SpeechBatch(spectra[0], spectra[1], torch.tensor(frames), torch.tensor(lengths))


def estimator(**settings: object) -> MaskEstimator:
    torch.manual_seed(0)
    return MaskEstimator(MaskRNN(513, units=8), partial(torch.optim.Adam, lr=1e-3), **settings)


LOSSES: list[dict[str, object]] = [
    {}, {"target": "irm"}, {"weight_power": 0.7}, {"loss": "magnitude"}, {"loss": "snr"}, {"snr_weight": 0.3},
]  # fmt: skip


@pytest.mark.parametrize("settings", LOSSES)
def test_padding_changes_no_loss(settings: dict[str, object]) -> None:
    module = estimator(**settings).eval()
    pairs = signals()
    torch.testing.assert_close(module._loss(batch_of(pairs))[0], module._loss(batch_of(pairs, longest=40))[0])


@pytest.mark.parametrize("settings", LOSSES)
def test_a_batch_is_the_mean_of_its_mixtures(settings: dict[str, object]) -> None:
    module = estimator(**settings).eval()
    pairs = signals()
    alone = torch.stack([module._loss(batch_of([pair]))[0] for pair in pairs])
    torch.testing.assert_close(module._loss(batch_of(pairs))[0], alone.mean())


def test_cross_entropy_is_the_mean_over_a_mixtures_bins() -> None:
    module = estimator().eval()
    batch = batch_of(signals()[:1])
    loss, logits = module._loss(batch)
    target = ideal_binary(batch.speech, batch.noise)
    share = logits.sigmoid()
    by_hand = -(target * share.log() + (1 - target) * (1 - share).log()).mean()
    torch.testing.assert_close(loss, by_hand)


def test_the_loss_in_decibels_is_that_of_the_masked_spectrum() -> None:
    module = estimator(loss="snr").eval()
    batch = batch_of(signals()[:1])
    loss, logits = module._loss(batch)
    masked = logits.sigmoid() * (batch.speech + batch.noise)
    error = (masked - batch.speech).abs().square().sum()
    torch.testing.assert_close(loss, -10 * (batch.speech.abs().square().sum() / error).log10())


@pytest.mark.parametrize("loss", ["bce", "magnitude"])
def test_a_weight_adds_the_loss_in_decibels_to_another(loss: str) -> None:
    batch = batch_of(signals())
    plain, decibels, both = (
        estimator(**settings).eval()._loss(batch)[0]
        for settings in ({"loss": loss}, {"loss": "snr"}, {"loss": loss, "snr_weight": 0.3})
    )
    torch.testing.assert_close(both, plain + 0.3 * decibels)


def test_the_loss_of_magnitudes_knows_no_phase() -> None:
    module = estimator(loss="magnitude").eval()
    batch = batch_of(signals()[:1])
    loss, logits = module._loss(batch)
    difference = logits.sigmoid() * (batch.speech + batch.noise).abs() - batch.speech.abs()
    torch.testing.assert_close(loss, difference.square().sum() / batch.speech.abs().square().sum())


def test_the_snr_is_that_of_the_signals() -> None:
    pairs = signals()
    batch = batch_of(pairs, longest=30)
    mask = torch.rand(3, 30, 513, generator=torch.Generator().manual_seed(1))
    by_hand = [
        snr(speech, istft(mask[row, : num_frames(len(speech))] * stft(speech + noise), len(speech)))
        for row, (speech, noise) in enumerate(pairs)
    ]
    torch.testing.assert_close(mean_snr(batch, mask), torch.stack(by_hand).mean(), atol=1e-4, rtol=1e-4)
    unmasked = torch.stack([snr(speech, speech + noise) for speech, noise in pairs]).mean()
    torch.testing.assert_close(mean_snr(batch, torch.ones_like(mask)), unmasked, atol=1e-4, rtol=1e-4)


def test_levels_are_drawn_within_their_range_and_both_parts_keep_their_ratio() -> None:
    module = estimator(gain=6.0)
    batch = batch_of(signals())
    torch.manual_seed(0)
    changed = module._at_another_level(batch)
    own = batch.speech.abs() > 0.1
    factors = [(changed.speech / batch.speech)[row][own[row]].real for row in range(3)]
    for row, factor in enumerate(factors):
        assert factor.std() < 1e-5
        assert -6 <= 20 * factor[0].log10() <= 6
        torch.testing.assert_close(changed.noise[row], factor[0] * batch.noise[row])
    assert len({round(factor[0].item(), 4) for factor in factors}) == 3


def test_it_learns_one_batch_by_heart() -> None:
    module = estimator()
    batch = batch_of(signals())
    optimizer = torch.optim.Adam(module.parameters(), 1e-2)
    first = module._loss(batch)[0].item()
    for _ in range(60):
        optimizer.zero_grad()
        loss = module._loss(batch)[0]
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.75 * first
