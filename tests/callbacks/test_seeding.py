"""Randomness by (seed, epoch) alone."""

from types import SimpleNamespace

import torch
from torch import Tensor

from dlhw.callbacks.seeding import SeedEachEpoch


def draw(seed: int, epoch: int, rank: int = 0) -> Tensor:
    SeedEachEpoch(seed).on_train_epoch_start(SimpleNamespace(current_epoch=epoch, global_rank=rank), None)
    return torch.rand(4)


def test_what_was_drawn_before_does_not_matter() -> None:
    first = draw(0, 3)
    torch.rand(17)
    assert torch.equal(draw(0, 3), first)


def test_seeds_epochs_and_processes_differ() -> None:
    keys = [(seed, epoch, rank) for seed in range(3) for epoch in range(3) for rank in range(2)]
    assert len({tuple(draw(*key).tolist()) for key in keys}) == len(keys)
