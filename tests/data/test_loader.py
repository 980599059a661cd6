"""The batch loader: what it yields is a function of (seed, epoch) alone."""

import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from dlhw.data import loader as module
from dlhw.data.loader import BatchLoader, seeded

sizes = st.integers(1, 40)
seeds = st.integers(0, 2**31)


def rows(num: int) -> tuple[Tensor, Tensor]:
    return torch.arange(num).float().view(-1, 1), torch.arange(num)


def labels(loader: BatchLoader, epoch: int = 0) -> list[Tensor]:
    loader.set_epoch(epoch)
    return [batch[1] for batch in loader]


def noise(block: Tensor, generator: torch.Generator) -> Tensor:
    return block + torch.rand(block.shape, generator=generator)


@given(num=sizes, batch_size=sizes, seed=seeds, epoch=st.integers(0, 1000), shuffle=st.booleans())
def test_every_row_comes_exactly_once_an_epoch(num, batch_size, seed, epoch, shuffle) -> None:
    loader = BatchLoader(rows(num), batch_size, shuffle=shuffle, seed=seed)
    batches = labels(loader, epoch)
    assert len(batches) == len(loader)
    assert [len(batch) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    seen = torch.cat(batches)
    assert seen.sort().values.tolist() == list(range(num))
    if not shuffle:
        assert seen.tolist() == list(range(num))


@given(num=sizes, batch_size=sizes)
def test_tensors_stay_aligned(num, batch_size) -> None:
    for inputs, targets in BatchLoader(rows(num), batch_size, shuffle=True):
        assert torch.equal(inputs[:, 0].long(), targets)


@given(seed=seeds, epoch=st.integers(0, 1000))
def test_the_order_depends_on_seed_and_epoch_alone(seed, epoch) -> None:
    first = BatchLoader(rows(40), 7, shuffle=True, seed=seed)
    for other_epoch in range(3):  # what came before must not matter, nor the global random state
        labels(first, other_epoch)
    torch.manual_seed(epoch)
    second = BatchLoader(rows(40), 7, shuffle=True, seed=seed)
    assert torch.equal(torch.cat(labels(first, epoch)), torch.cat(labels(second, epoch)))


def test_another_seed_or_epoch_is_another_order() -> None:
    orders = {
        tuple(torch.cat(labels(BatchLoader(rows(40), 7, shuffle=True, seed=seed), epoch)).tolist())
        for seed in range(5)
        for epoch in range(5)
    }
    assert len(orders) == 25


@given(num=sizes, batch_size=sizes, world_size=st.integers(2, 3))
def test_the_processes_shares_make_up_the_global_batch(num, batch_size, world_size) -> None:
    assume((num % batch_size or batch_size) >= world_size)
    whole = labels(BatchLoader(rows(num), batch_size, shuffle=True, seed=3), epoch=2)
    shares = [
        labels(BatchLoader(rows(num), batch_size, shuffle=True, seed=3, rank=rank, world_size=world_size), epoch=2)
        for rank in range(world_size)
    ]
    assert all(len(share) == len(whole) for share in shares), "every process takes as many steps"
    for number, batch in enumerate(whole):
        assert torch.equal(torch.cat([share[number] for share in shares]), batch)


@given(seed=seeds, epoch=st.integers(0, 50))
def test_a_transform_is_seeded_by_seed_epoch_and_block(seed, epoch) -> None:
    def inputs(loader: BatchLoader) -> Tensor:
        loader.set_epoch(epoch)
        return torch.cat([batch[0] for batch in loader])

    plain = BatchLoader(rows(40), 7, shuffle=True, seed=seed, transform=noise)
    again = BatchLoader(rows(40), 7, shuffle=True, seed=seed, transform=noise)
    plain.set_epoch(epoch + 1)
    list(plain)
    torch.rand(3)
    assert torch.equal(inputs(plain), inputs(again))


def test_every_block_draws_anew(monkeypatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 8)
    zeros = (torch.zeros(24, 1), torch.arange(24))
    loader = BatchLoader(zeros, 4, transform=noise)
    blocks = torch.cat([batch[0] for batch in loader])[:, 0].view(3, 8)
    loader.set_epoch(1)
    later = torch.cat([batch[0] for batch in loader])[:, 0].view(3, 8)
    assert len({tuple(block.tolist()) for block in [*blocks, *later]}) == 6


def test_the_block_size_is_a_multiple_of_the_batch(monkeypatch) -> None:
    """Batches are whole even where the block is not a multiple of them."""
    monkeypatch.setattr(module, "BLOCK", 10)
    sizes = [len(batch[1]) for batch in BatchLoader(rows(25), 4, transform=noise)]
    assert sizes == [4, 4, 4, 4, 4, 4, 1]


def test_keys_that_are_neighbours_give_unrelated_streams() -> None:
    streams = torch.stack(
        [
            torch.rand(1000, generator=seeded(torch.device("cpu"), seed, epoch))
            for seed in range(4)
            for epoch in range(4)
        ]
    )
    correlation = torch.corrcoef(streams) - torch.eye(16)
    assert correlation.abs().max() < 0.15  # 5 standard deviations of chance
