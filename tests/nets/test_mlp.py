"""The multi-layer perceptron."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from dlhw.nets.mlp import ACTIVATIONS, MLP
from dlhw.schema import ACTIVATIONS as ALLOWED


def num_parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def test_the_assignments_network_has_84060_parameters() -> None:
    net = MLP(784, [100, 50], 10)
    layers = [num_parameters(layer) for layer in net.layers if isinstance(layer, nn.Linear)]
    assert layers == [78_500, 5_050, 510]
    assert num_parameters(net) == 84_060


def test_the_five_by_1024_network() -> None:
    weights = 784 * 1024 + 4 * 1024 * 1024 + 1024 * 10
    assert num_parameters(MLP(784, [1024] * 5, 10)) == weights + 5 * 1024 + 10


@given(
    widths=st.lists(st.integers(1, 20), min_size=3, max_size=6),
    batch=st.integers(2, 5),
    batch_norm=st.booleans(),
    dropout=st.sampled_from([0.0, 0.3]),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
)
@settings(max_examples=40)
def test_shapes_and_counts(widths, batch, batch_norm, dropout, activation) -> None:
    net = MLP(widths[0], widths[1:-1], widths[-1], activation, batch_norm, dropout)
    assert net(torch.randn(batch, widths[0])).shape == (batch, widths[-1])
    linear = sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(widths))
    extra = (2 * sum(widths[1:-1]) if batch_norm else 0) + (len(widths) - 2) * (activation == "prelu")
    assert num_parameters(net) == linear + extra


def test_images_are_flattened() -> None:
    net = MLP(784, [10], 3)
    images = torch.randn(4, 1, 28, 28)
    assert torch.equal(net(images), net(images.view(4, 784)))


def test_weights_and_biases_start_uniform_within_the_root_of_the_fan_in() -> None:
    """PyTorch's own initialisation: He's uniform with a = sqrt(5), so a variance of 1 / (3 fan_in)."""
    torch.manual_seed(0)
    for layer in MLP(784, [1024, 512], 10).layers:
        if isinstance(layer, nn.Linear):
            bound = layer.in_features**-0.5
            assert layer.weight.var().item() == pytest.approx(bound**2 / 3, rel=0.05)
            assert max(layer.weight.abs().max(), layer.bias.abs().max()) <= bound
            assert layer.bias.any()


def test_the_layers_stand_in_their_order() -> None:
    kinds = [type(layer) for layer in MLP(4, [3], 2, batch_norm=True, dropout=0.5).layers]
    assert kinds == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Dropout, nn.Linear]


def test_the_schema_allows_exactly_the_activations_there_are() -> None:
    assert set(ALLOWED) == set(ACTIVATIONS)
