import pytest
import torch
from torch import Tensor

from dlhw.nets import running_mean as module
from dlhw.nets.running_mean import running_mean


def values(num_frames: int) -> Tensor:
    return torch.randn(3, num_frames, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def one_by_one(sequence: Tensor, memory: float) -> Tensor:
    """The same mean as a recursion: what was is forgotten a little at each frame."""
    keep = torch.tensor(-1 / memory).double().exp()
    total, weight, means = torch.zeros_like(sequence[:, 0]), 0.0, []
    for frame in sequence.unbind(1):
        total, weight = keep * total + frame, keep * weight + 1
        means.append(total / weight)
    return torch.stack(means, 1)


@pytest.mark.parametrize("memory", [0.5, 10.0, 1e6])
@pytest.mark.parametrize("block", [1, 7, 512])
def test_it_is_the_mean_that_a_recursion_gives(monkeypatch: pytest.MonkeyPatch, memory: float, block: int) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    torch.testing.assert_close(running_mean(values(40), memory)[0], one_by_one(values(40), memory))


def test_it_goes_on_where_it_stopped() -> None:
    sequence = values(40)
    first, history = running_mean(sequence[:, :13], 5.0)
    rest, _ = running_mean(sequence[:, 13:], 5.0, history)
    torch.testing.assert_close(torch.cat([first, rest], 1), one_by_one(sequence, 5.0))


def test_it_stays_finite_however_long_the_sequence() -> None:
    means, _ = running_mean(torch.ones(1, 5000, 1), 0.1)
    torch.testing.assert_close(means, torch.ones_like(means))


def test_with_an_endless_memory_it_is_the_mean_of_all() -> None:
    sequence = values(40)
    counts = torch.arange(1, 41)[:, None]
    torch.testing.assert_close(running_mean(sequence, 1e9)[0], sequence.cumsum(1) / counts)
