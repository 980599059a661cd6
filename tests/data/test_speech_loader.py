"""Batches of mixtures: what is in them, how often, at which SNR, and that (seed, epoch) alone decides."""

import math
from collections import Counter

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from dlhw.audio.mix import cut
from dlhw.audio.stft import HOP, stft
from dlhw.data.clip_bank import ClipBank
from dlhw.data.speech_batch import SpeechBatch
from dlhw.data.speech_loader import SpeechLoader
from dlhw.data.speech_plan import Plan, Planner
from dlhw.data.speech_sources import Clip, SpeechPart

# LibriSpeech's lengths in seconds: percentiles 0, 5, ... 100 of the training part of a manifest with 212 sentences
PERCENTILES = (
    1.6, 2.8, 4.4, 6.3, 7.9, 10.3, 11.7, 12.6, 12.8, 13.5, 13.8, 14.1, 14.3, 14.5, 14.7, 14.8, 15.0, 15.3, 15.7, 16.0,
    17.0,
)  # fmt: skip


def noise(length: int, seed: int) -> Tensor:
    return torch.randn(length, generator=torch.Generator().manual_seed(seed))


def part(num_sentences: int = 7, num_noises: int = 5) -> SpeechPart:
    """Sentences of different lengths, and noises of three types, the first of which is silent in its second half."""
    sentences = [Clip(f"s{number}", "a", noise(3000 + 700 * number, number)) for number in range(num_sentences)]
    noises = [
        Clip(f"n{number}", str(number % 3), noise(9000 + 500 * number, 50 + number)) for number in range(num_noises)
    ]
    noises[0].samples[4608:] = 0
    return SpeechPart(sentences, noises)


def plans(source: SpeechPart, num_noises: int = 3):
    planner = Planner(source)
    return lambda epoch: planner.drawn(num_noises, (-5.0, 10.0), torch.Generator().manual_seed(epoch))


def loader(source: SpeechPart | None = None, batch_size: int = 4, **options) -> SpeechLoader:
    source = source or part()
    speech = ClipBank([clip.samples for clip in source.sentences])
    periodic = ClipBank([clip.samples for clip in source.noises], periodic=True)
    return SpeechLoader(speech, periodic, plans(source), batch_size, **({"shuffle": True} | options))


def epoch_of(batches: SpeechLoader, epoch: int = 0) -> list[SpeechBatch]:
    batches.set_epoch(epoch)
    return list(batches)


def same(one: list[SpeechBatch], other: list[SpeechBatch]) -> bool:
    pairs = [pair for both in zip(one, other, strict=True) for pair in zip(*both, strict=True)]
    return all(a.shape == b.shape and torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("truncate", [None, 3])
def test_batches_depend_on_seed_and_epoch_alone(truncate: int | None) -> None:
    first = loader(seed=5, truncate=truncate)
    for epoch in range(3):  # what came before must not matter, nor the global random state
        epoch_of(first, epoch)
    torch.manual_seed(1)
    assert same(epoch_of(first, 1), epoch_of(loader(seed=5, truncate=truncate), 1))


def test_another_epoch_is_another_order_of_other_mixtures() -> None:
    sums = {round(float(batch.noise.abs().sum()), 3) for epoch in range(4) for batch in epoch_of(loader(), epoch)}
    assert len(sums) == 4 * len(loader())


def test_each_sentence_comes_as_often_as_said_with_different_noises() -> None:
    plan = plans(part())(0)
    assert Counter(plan.sentences.tolist()) == dict.fromkeys(range(7), 3)
    pairs = list(zip(plan.sentences.tolist(), plan.noises.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    samples = Counter(int(n) for batch in epoch_of(loader()) for n in batch.num_samples)
    assert samples == {3000 + 700 * number: 3 for number in range(7)}


def test_types_of_noise_come_alike_often_however_many_files_they_have() -> None:
    source = part(num_sentences=1, num_noises=10)  # four of the first type, three of each other
    source = SpeechPart(source.sentences * 2000, source.noises)
    plan = Planner(source).drawn(1, (0.0, 0.0), torch.Generator().manual_seed(0))
    counts = torch.bincount(plan.noises % 3)
    assert (counts - 2000 / 3).abs().max() < 5 * math.sqrt(2000 * 2 / 9)


def test_balanced_noises_are_of_different_types_all_alike_often() -> None:
    plan = Planner(part(num_sentences=9, num_noises=7)).balanced(2, 0.0, torch.Generator().manual_seed(0))
    kinds = (plan.noises % 3).view(9, 2)
    assert (kinds[:, 0] != kinds[:, 1]).all()
    assert torch.bincount(kinds.flatten()).tolist() == [6, 6, 6]
    assert set(plan.noises.tolist()) == set(range(7)), "all files of a type"


@pytest.mark.parametrize("snrs", [(0.0, 0.0), (-5.0, 10.0), (20.0, 20.0)])
def test_mixtures_have_the_snr_that_was_drawn(snrs: tuple[float, float]) -> None:
    """Measured on the samples: the sentence's power over that of the noise's cut where it is not silent."""
    source = part()
    planner = Planner(source)
    plan = planner.drawn(5, snrs, torch.Generator().manual_seed(3))
    found = []
    for sentence, number, block, gain in zip(*plan, strict=True):
        speech = source.sentences[sentence].samples
        added = gain * cut(source.noises[number].samples, int(block), len(speech) // HOP * HOP)
        blocks = added.view(-1, HOP).double().square().mean(1)
        level = blocks[blocks > 0].mean()
        found.append(float(10 * (speech.double().square().mean() / level).log10()))
    assert found == pytest.approx(planner.snrs(plan).tolist(), abs=1e-3)
    assert snrs[0] - 1e-3 <= min(found) <= max(found) <= snrs[1] + 1e-3
    if snrs[0] < snrs[1]:
        assert max(found) - min(found) > 0.7 * (snrs[1] - snrs[0])


def test_a_batch_is_the_transform_of_mixed_signals() -> None:
    """The whole of the speech; of the noise all frames but those that reach beyond the mixture's ends."""
    source = part()
    plan = plans(source)(0)
    rows = {(int(p[0]), round(float(p[3]), 6)): p for p in zip(*plan, strict=True)}
    lengths = {len(clip.samples): number for number, clip in enumerate(source.sentences)}
    num_seen = 0
    for batch in epoch_of(loader(source)):
        for speech, added, frames, samples in zip(*batch, strict=True):
            number = lengths[int(samples)]
            signal = source.sentences[number].samples
            torch.testing.assert_close(speech[:frames], stft(signal), atol=1e-4, rtol=1e-4)
            candidates = [p for (sentence, _), p in rows.items() if sentence == number]
            mixed = [
                stft(signal + gain * cut(source.noises[n].samples, int(b), len(signal))) for _, n, b, gain in candidates
            ]
            inner = slice(1, int(samples) // HOP)
            errors = [float((speech[:frames] + added[:frames] - whole)[inner].abs().max()) for whole in mixed]
            assert min(errors) < 1e-2
            num_seen += 1
    assert num_seen == 21


@pytest.mark.parametrize("truncate", [None, 4])
def test_padding_is_zero_and_nothing_else_is(truncate: int | None) -> None:
    for batch in epoch_of(loader(truncate=truncate)):
        own = torch.arange(batch.speech.shape[1]) < batch.num_frames[:, None]
        assert batch.speech.shape[1] == batch.num_frames.max()
        assert (batch.speech[~own] == 0).all()
        assert (batch.noise[~own] == 0).all()
        assert (batch.speech[own].abs().sum(1) > 0).all()


def test_pieces_make_up_their_sentences() -> None:
    batches = epoch_of(loader(truncate=4))
    assert {int(n) for batch in batches for n in batch.num_frames} <= {1, 2, 3, 4}
    pieces = torch.cat([batch.num_frames for batch in batches])
    assert int(pieces.sum()) == sum(3 * (1 - -len(clip.samples) // HOP) for clip in part().sentences)
    frames = torch.cat([batch.speech[row, :n] for batch in batches for row, n in enumerate(batch.num_frames.tolist())])
    expected = 3 * sum(stft(clip.samples).abs().double().sum() for clip in part().sentences)
    assert float(frames.abs().double().sum()) == pytest.approx(float(expected), rel=1e-4)
    assert len(batches) == len(loader(truncate=4))


@settings(max_examples=15)
@given(batch_size=st.integers(1, 12), world_size=st.integers(2, 3), truncate=st.sampled_from([None, 3]))
def test_the_processes_shares_make_up_the_global_batch(batch_size: int, world_size: int, truncate: int | None) -> None:
    options = {"batch_size": batch_size, "truncate": truncate, "seed": 3}
    assume((loader(**options).num_pieces % batch_size or batch_size) >= world_size)
    whole = epoch_of(loader(**options), 2)
    shares = [epoch_of(loader(**options, rank=rank, world_size=world_size), 2) for rank in range(world_size)]
    assert all(len(share) == len(whole) for share in shares), "every process takes as many steps"
    joined = [
        SpeechBatch(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))
        for parts in zip(*shares, strict=True)
    ]
    assert same(joined, whole)


def test_unshuffled_batches_go_by_length_and_stay() -> None:
    fixed = loader(shuffle=False)
    lengths = torch.cat([batch.num_frames for batch in epoch_of(fixed)])
    assert torch.equal(lengths, lengths.sort().values)


@pytest.mark.parametrize("epoch", [0, 1])
def test_padding_wastes_less_than_a_tenth(epoch: int) -> None:
    """Lengths as LibriSpeech has them, ten times each; counted, not gathered."""
    places = torch.linspace(0, len(PERCENTILES) - 1, 212)
    percentiles = torch.tensor(PERCENTILES)
    below = places.long().clamp_max(len(PERCENTILES) - 2)
    seconds = percentiles[below] + (places - below) * (percentiles[below + 1] - percentiles[below])
    frames = (seconds * 31.25).long().repeat_interleave(10)
    empty = Plan(*(torch.zeros(1).long() for _ in range(3)), torch.ones(1))
    some = SpeechLoader(*(ClipBank([noise(2000, 0)]) for _ in range(2)), lambda _: empty, 10, shuffle=True)
    some.set_epoch(epoch)
    padded = sum(int(frames[rows].max()) * len(rows) for rows in some._batches(frames))
    assert 1 - int(frames.sum()) / padded < 0.1
    assert 1 - int(frames.sum()) / (int(frames.max()) * len(frames)) > 0.1, "what padding to the longest wastes"
