"""Batches of mixtures as spectra, gathered on the device: no file is read, no sentence looked at by itself.

The short-time Fourier transform is linear: the spectra of a mixture are those of its speech plus a gain times those of
its noise. So those of all sentences and noises are computed once, and any number of mixtures are sums of their frames.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from dlhw.audio.stft import HOP
from dlhw.data.clip_bank import ClipBank
from dlhw.data.loader import seeded
from dlhw.data.speech_batch import SpeechBatch
from dlhw.data.speech_plan import Plan
from dlhw.distributed import Share, check_shares

POOL = 50  # batches in which mixtures are sorted by length: enough that those of a batch are nearly alike
ORDER_STREAM = 3  # of the seed's random streams, the one of the order; the plan's is another


class Pieces(NamedTuple):
    """Pieces of mixtures in the order of their batches, all (pieces,)."""

    sentences: Tensor
    noises: Tensor
    first: Tensor  # frame of the sentence
    noise_first: Tensor  # frame of the noise; it may be beyond its end, and goes round
    gains: Tensor
    num_frames: Tensor
    num_samples: Tensor


class SpeechLoader:
    """Yields SpeechBatches of mixtures of like lengths, each once an epoch, as a function of (seed, epoch) alone.

    Nothing is remembered between epochs, so a resumed run sees the batches that it would have seen. With several
    processes each takes its share of every global batch.

    Args:
        speech, noise: the sentences and the noises, on the same device.
        plan: the mixtures of an epoch; as many pieces in each.
        batch_size: mixtures of a global batch; one of an epoch may be smaller.
        truncate: mixtures are cut into pieces of that many frames, a last one may be shorter; None: they stay whole.
        shuffle: a new order each epoch; else by length.
    """

    def __init__(
        self,
        speech: ClipBank,
        noise: ClipBank,
        plan: Callable[[int], Plan],
        batch_size: int,
        *,
        truncate: int | None = None,
        shuffle: bool = False,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.speech, self.noise, self.plan = speech, noise, plan
        self.batch_size, self.truncate, self.shuffle, self.seed = batch_size, truncate, shuffle, seed
        self.rank, self.world_size = rank, world_size
        self.epoch = 0
        self.num_pieces = len(self._pieces(plan(0)).gains)
        check_shares(self.num_pieces, batch_size, world_size)
        # Lightning tells the sampler of a loader which epoch comes next; here that is the loader itself
        self.sampler, self.batch_sampler = self, None

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.num_pieces // self.batch_size)

    def __iter__(self) -> Iterator[SpeechBatch]:
        pieces = self._pieces(self.plan(self.epoch))
        batches = self._batches(pieces.num_frames)
        longest = [int(pieces.num_frames[rows].max()) for rows in batches]
        order = torch.cat(batches)
        pieces = Pieces(*(values[order].to(self.speech.device) for values in pieces))  # all of the epoch at once
        start = 0
        for rows, frames in zip(batches, longest, strict=True):
            own = Share(len(rows), self.rank, self.world_size).rows
            yield self._batch(Pieces(*(values[start + own.start : start + own.stop] for values in pieces)), frames)
            start += len(rows)

    def _pieces(self, plan: Plan) -> Pieces:
        """The mixtures cut into pieces, on the CPU."""
        num_frames, num_samples = self.speech.num_frames[plan.sentences], self.speech.num_samples[plan.sentences]
        length = self.truncate or int(num_frames.max())
        counts = -(-num_frames // length)
        mixture = torch.arange(len(counts)).repeat_interleave(counts)
        first = length * (torch.arange(len(mixture)) - (counts.cumsum(0) - counts)[mixture])
        frames = (num_frames[mixture] - first).clamp_max(length)
        is_last = first + frames == num_frames[mixture]
        samples = torch.where(is_last, num_samples[mixture] - HOP * first, HOP * (frames - 1)).clamp_min(0)
        noise_first = plan.blocks[mixture] + first
        return Pieces(
            plan.sentences[mixture], plan.noises[mixture], first, noise_first, plan.gains[mixture], frames, samples
        )

    def _batches(self, num_frames: Tensor) -> list[Tensor]:
        """The rows of each batch: of like lengths, those of a pool; in random order."""
        if not self.shuffle:
            return list(num_frames.argsort(stable=True).split(self.batch_size))
        generator = seeded(torch.device("cpu"), self.seed, ORDER_STREAM, self.epoch)
        order = torch.randperm(len(num_frames), generator=generator)
        pool = torch.arange(len(order)) // (POOL * self.batch_size)
        order = order[(pool * (int(num_frames.max()) + 1) + num_frames[order]).argsort(stable=True)]
        batches = order.split(self.batch_size)
        return [batches[number] for number in torch.randperm(len(batches), generator=generator).tolist()]

    def _batch(self, pieces: Pieces, longest: int) -> SpeechBatch:
        counts = pieces.num_frames
        speech = self.speech.gather(pieces.sentences, pieces.first, counts, longest)
        noise = self.noise.gather(pieces.noises, pieces.noise_first, counts, longest)
        noise *= pieces.gains[:, None, None]
        return SpeechBatch(speech, noise, counts, pieces.num_samples)
