"""The in-memory batch loader: whole tensors, batches cut by index, no per-sample Python."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from dlhw.distributed import Share, check_shares

# Draws a transformed copy of a whole block of inputs; the generator is the only source of its randomness
Transform = Callable[[Tensor, torch.Generator], Tensor]

BLOCK = 2000  # inputs transformed at once: large enough to be fast, small enough to stay in the cache


class BatchLoader:
    """Yields tuples of tensors, `batch_size` rows at a time, in an order that depends on (seed, epoch) alone.

    Nothing is remembered between epochs, so a resumed run sees the batches that it would have seen.
    With several processes each takes its share of every global batch, so that their union is
    the batch that one process would have had.

    Args:
        tensors: equally long tensors; the first holds the inputs that `transform` is applied to.
        batch_size: rows of a global batch; the last one of an epoch may be smaller.
        shuffle: a new order each epoch, drawn from (seed, epoch).
        transform: applied to blocks of whole batches, seeded by (seed, epoch, block).
        rank, world_size: which process of how many this is.
    """

    def __init__(
        self,
        tensors: tuple[Tensor, ...],
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        transform: Transform | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        check_shares(len(tensors[0]), batch_size, world_size)
        self.tensors = tensors
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.transform = transform
        self.rank, self.world_size = rank, world_size
        self.epoch = 0
        # Lightning tells the sampler of a loader which epoch comes next; here that is the loader itself
        self.sampler, self.batch_sampler = self, None

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-len(self.tensors[0]) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        order = self._order()
        block = max(1, BLOCK // self.batch_size) * self.batch_size
        for number, start in enumerate(range(0, len(self.tensors[0]), block)):
            rows = self._rows(order, start, start + block)
            if self.transform is not None:
                generator = seeded(rows[0].device, self.seed, self.epoch, number)
                rows = (self.transform(rows[0], generator), *rows[1:])
            for batch in zip(*(tensor.split(self.batch_size) for tensor in rows), strict=True):
                yield self._share(batch)

    def _order(self) -> Tensor | None:
        if not self.shuffle:
            return None
        # drawn on the CPU, so that every device sees the same order
        generator = seeded(torch.device("cpu"), self.seed, self.epoch)
        return torch.randperm(len(self.tensors[0]), generator=generator).to(self.tensors[0].device)

    def _rows(self, order: Tensor | None, start: int, stop: int) -> tuple[Tensor, ...]:
        if order is None:
            return tuple(tensor[start:stop] for tensor in self.tensors)
        return tuple(tensor[order[start:stop]] for tensor in self.tensors)

    def _share(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        if self.world_size == 1:
            return batch
        rows = Share(len(batch[0]), self.rank, self.world_size).rows
        return tuple(tensor[rows] for tensor in batch)


def seeded(device: torch.device, *key: int) -> torch.Generator:
    """A generator whose stream is a function of the key alone."""
    mixed = 0
    for part in key:  # a linear congruential mix, so that neighbouring keys give unrelated streams
        mixed = (mixed * 6364136223846793005 + part + 1442695040888963407) % 2**63
    return torch.Generator(device).manual_seed(mixed)
