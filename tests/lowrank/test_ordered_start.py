"""The rank-1 start: the shortest path against brute force, and classes that must be put in order."""

from itertools import pairwise, permutations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from dlhw.lowrank import LowRankLinear, compress, ordered_start
from dlhw.lowrank.ordered_start import shortest_path


@given(st.integers(1, 7), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_shortest_path_agrees_with_brute_force(c: int, seed: int) -> None:
    points = torch.rand(c, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    distances = torch.cdist(points, points)

    def length(order: tuple[int, ...] | list[int]) -> float:
        return sum(float(distances[a, b]) for a, b in pairwise(order))

    order = shortest_path(distances)
    assert sorted(order) == list(range(c))
    assert order[0] <= order[-1]
    assert length(order) == pytest.approx(min(length(p) for p in permutations(range(c))))


ORDER = [3, 0, 5, 1, 4, 2]


def classes_along_a_curve(num: int) -> tuple[Tensor, Tensor]:
    """Six classes whose means lie on a bent line, in the order above, with noise of unequal size."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(num) % 6
    place = torch.tensor([ORDER.index(c) for c in range(6)])[labels].double()
    x = torch.randn(num, 8, generator=generator, dtype=torch.float64) * 0.15
    x[:, 0] += place
    x[:, 1] += 0.1 * (place - 2.5) ** 2
    x[:, 2] += 5 * torch.randn(num, generator=generator, dtype=torch.float64)  # loud, but says nothing
    return x @ torch.linalg.qr(torch.randn(8, 8, generator=generator, dtype=torch.float64)).Q + 3, labels


def test_classes_on_a_line_are_told_apart_by_rank_1() -> None:
    features, labels = classes_along_a_curve(600)
    layer = ordered_start(nn.Linear(8, 6), features.float(), labels)
    assert isinstance(layer, LowRankLinear)
    assert (layer.rank, layer.outer.weight.dtype) == (1, torch.float32)
    assert (layer(features.float()).argmax(1) == labels).float().mean() > 0.97
    along = layer.outer.weight[:, 0].argsort().tolist()
    assert along in (ORDER, ORDER[::-1])


def test_it_beats_the_truncated_svd_of_a_trained_layer() -> None:
    """Where the classes lie in all directions, and rank 1 has to choose."""
    labels = torch.arange(600) % 6
    generator = torch.Generator().manual_seed(0)
    means = 3 * torch.randn(6, 8, generator=generator, dtype=torch.float64)
    features = means[labels] + 0.3 * torch.randn(600, 8, generator=generator, dtype=torch.float64)
    torch.manual_seed(0)
    trained = nn.Linear(8, 6).double()
    optimizer = torch.optim.Adam(trained.parameters(), lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        nn.functional.cross_entropy(trained(features), labels).backward()
        optimizer.step()
    truncated, _ = compress(trained, rank=1, calibration=[features])

    def accuracy(layer: nn.Module) -> float:
        return float((layer(features).argmax(1) == labels).double().mean())

    assert accuracy(trained) > 0.97
    assert accuracy(ordered_start(trained, features, labels)) > accuracy(truncated) + 0.1


@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        (torch.ones(4, 5), torch.arange(4) % 2, "features must be"),
        (torch.ones(4, 3), torch.arange(3), "features must be"),
        (torch.ones(4, 3), torch.zeros(4).long(), "labels must be the classes 0 to 1"),
        (torch.ones(4, 3), torch.arange(4), "labels must be the classes 0 to 1"),
        (torch.ones(4, 3), torch.ones(4), "labels must be the classes 0 to 1"),
    ],
)
def test_bad_data_are_refused(features: Tensor, labels: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ordered_start(nn.Linear(3, 2), features, labels)
