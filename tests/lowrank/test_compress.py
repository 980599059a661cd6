"""Factorising whole models: counts, errors, ranks, names, foreign models, activation-aware truncation."""

import copy
import warnings
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from dlhw.lowrank import CompressionWarning, LowRankLinear, compress, decompose, multiply_out


def mlp(*widths: int, seed: int = 0, bias: bool = True) -> nn.Sequential:
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs, bias=bias), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def num_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def inputs(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("compression", "expected"), [(1, 96_820), (2, 48_490), (4, 24_219), (8, 11_747)])
@pytest.mark.filterwarnings("ignore::dlhw.lowrank.CompressionWarning")
def test_parameter_counts_of_assignment_b(compression: int, expected: int) -> None:
    model, table = compress(mlp(784, 100, 50, 10), compression=compression, inner_bias=True)
    assert num_parameters(model) == table.total("parameters_after") == expected
    assert table.total("parameters_before") == 84_060
    assert table.total("multiply_adds_before") == 83_900


def test_each_layer_becomes_its_best_approximation_and_the_model_stays() -> None:
    model = mlp(20, 16, 12)
    before = copy.deepcopy(model.state_dict())
    new, table = compress(model, rank=3)
    for name, row in zip(("0", "2"), table, strict=True):
        old, layer = model.get_submodule(name), new.get_submodule(name)
        assert isinstance(layer, LowRankLinear)
        U, S, Vh = torch.linalg.svd(old.weight.detach())
        torch.testing.assert_close(layer.weight, (U[:, :3] * S[:3]) @ Vh[:3])
        torch.testing.assert_close(layer.bias, old.bias)
        assert row.relative_error == pytest.approx(float(S[3:].norm() / S.norm()), rel=1e-4)
        assert row.activation_error is None
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


@pytest.mark.parametrize("inner_bias", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.filterwarnings("ignore::dlhw.lowrank.CompressionWarning")
def test_full_rank_changes_no_output(bias: bool, inner_bias: bool) -> None:
    model = mlp(9, 7, 4, bias=bias).double()
    x = inputs(5, 9).double()
    for split in ("left", "right", "balanced"):
        new, _ = compress(model, rank="full", split=split, inner_bias=inner_bias)
        torch.testing.assert_close(new(x), model(x))
        assert (new[0].inner.bias is not None) == inner_bias
        torch.testing.assert_close(new[0].to_linear()(x), model[0](x))


def test_two_thin_layers_of_one_are_its_best_approximation() -> None:
    linear = nn.Linear(6, 4)
    U, S, Vh = np.linalg.svd(linear.weight.detach().double().numpy())
    for split in ("left", "right", "balanced"):
        layer = LowRankLinear.from_linear(linear, 2, split)
        np.testing.assert_allclose(layer.weight.detach().numpy(), (U[:, :2] * S[:2]) @ Vh[:2], atol=1e-6)
        assert torch.equal(layer.bias, linear.bias)
    assert "6 -> 2 -> 4" in repr(layer)


def test_inner_bias_reaches_the_dense_layer() -> None:
    layer = LowRankLinear(6, 4, 2, inner_bias=True)
    x = inputs(3, 6)
    torch.testing.assert_close(layer.to_linear()(x), layer(x))
    torch.testing.assert_close(nn.functional.linear(x, layer.weight, layer.bias), layer(x))
    no_outer = LowRankLinear(6, 4, 2, bias=False, inner_bias=True)
    torch.testing.assert_close(no_outer.to_linear()(x), no_outer(x))


def test_no_random_number_is_drawn() -> None:
    model = mlp(8, 8, 8)
    state = torch.get_rng_state()
    compress(model, rank=2, inner_bias=True)
    assert torch.equal(torch.get_rng_state(), state)


def test_many_ranks_from_one_decomposition() -> None:
    model = mlp(20, 16, 12)
    decomposition = decompose(model)
    for rank in (2, 5):
        once, table = decomposition.truncate(rank=rank)
        again, _ = compress(model, rank=rank)
        assert [row.rank for row in table] == [rank, rank]
        assert all(torch.equal(a, b) for a, b in zip(once.parameters(), again.parameters(), strict=True))
    assert {name: len(S) for name, S in decomposition.singular_values.items()} == {"0": 16, "2": 12}


def test_a_decomposition_does_not_follow_the_model() -> None:
    model = mlp(20, 16, 12)
    decomposition = decompose(model, skip="2")
    expected = model[2].weight.detach().clone()
    model[2].weight.data.zero_()
    torch.testing.assert_close(decomposition.truncate(rank=2)[0][2].weight, expected)


def test_a_layer_that_saves_nothing_is_named_in_a_warning() -> None:
    model = mlp(20, 16, 4)
    with pytest.warns(CompressionWarning, match=r"2 \(16 -> 4, rank 4\)") as record:
        _, table = compress(model, rank=5)
    assert len(record) == 1
    assert record[0].filename == __file__
    assert [(row.rank, row.saves) for row in table] == [(5, True), (4, False)]


def test_ranks_by_name_leave_the_other_layers() -> None:
    model = mlp(20, 16, 12, 10)
    new, table = compress(model, rank={"2": 3})
    assert [row.name for row in table] == ["2"]
    assert type(new[0]) is nn.Linear


@given(st.integers(1, 9), st.integers(9, 60), st.integers(1, 9))
@settings(max_examples=20, deadline=None)
def test_budget_is_kept_and_used_up(first: int, second: int, third: int) -> None:
    model = mlp(first, second, third)
    shapes = [(second, first), (third, second)]
    smallest = sum(map(sum, shapes))
    for extra in (0, 40, 200):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CompressionWarning)
            _, table = compress(model, budget=smallest + extra)
        left = smallest + extra - table.total("multiply_adds_after")
        assert left >= 0
        for row in table:
            assert row.rank == min(row.shape) or left < sum(row.shape)


def test_budget_goes_where_the_singular_values_are() -> None:
    model = mlp(30, 30, 30)
    model[0].weight.data = torch.diag(torch.cat([torch.ones(12), torch.full((18,), 0.01)]))
    model[2].weight.data = torch.diag(torch.cat([torch.ones(2), torch.full((28,), 0.01)]))
    _, table = compress(model, budget=14 * 60)
    assert [row.rank for row in table] == [12, 2]


def test_energy_chooses_each_layers_rank() -> None:
    model = mlp(30, 30, 30)
    model[0].weight.data = torch.diag(torch.arange(30.0) < 9).float()
    model[2].weight.data = torch.diag(torch.arange(30.0) < 3).float()
    assert [row.rank for row in compress(model, energy=1)[1]] == [9, 3]
    assert [row.rank for row in compress(model, energy=0.5)[1]] == [5, 2]


# --- names, sharing, foreign models ---


class Foreign(nn.Module):
    """Linear layers in a list, in a nested module, used twice and with a tied weight."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.blocks = nn.ModuleList([nn.Linear(12, 12) for _ in range(2)])
        self.inside = nn.ModuleDict({"deep": nn.Sequential(nn.Tanh(), nn.Linear(12, 12, bias=False))})
        self.again = self.blocks[0]
        self.tied = nn.Linear(12, 12)
        self.tied.weight = self.blocks[1].weight
        self.embedding = nn.Embedding(9, 12)
        self.head = nn.Linear(12, 9, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = x + torch.relu(block(x))
        return self.head(self.tied(self.again(self.inside["deep"](x))))


def test_shared_layers_stay_shared_and_tied_weights_tied() -> None:
    model = Foreign()
    new, table = compress(model, rank=2)
    assert [row.name for row in table] == ["blocks.0", "blocks.1", "inside.deep.1"]
    assert new.again is new.blocks[0]
    assert new.tied.inner.weight is new.blocks[1].inner.weight
    assert new.tied.outer.weight is new.blocks[1].outer.weight
    torch.testing.assert_close(new.tied.bias, model.tied.bias)
    assert not torch.equal(new.tied.bias, new.blocks[1].bias)
    assert new.head.weight is new.embedding.weight
    x = inputs(3, 12)
    dense = copy.deepcopy(model)
    for name in ("blocks.0", "blocks.1", "inside.deep.1"):
        dense.get_submodule(name).weight.data = new.get_submodule(name).weight.data
    torch.testing.assert_close(new(x), dense(x))


def test_a_lone_linear_layer_is_a_model() -> None:
    linear = nn.Linear(10, 8)
    new, _ = compress(linear, rank=2)
    assert isinstance(new, LowRankLinear)
    torch.testing.assert_close(new(inputs(3, 10)), new.to_linear()(inputs(3, 10)))


@pytest.mark.filterwarnings("ignore:.*nested tensor.*:UserWarning")
@pytest.mark.parametrize("training", [True, False])
def test_transformer_layer_works_also_on_its_fast_path(training: bool) -> None:
    """Its attention reads out_proj's weight directly, its evaluation mode those of linear1 and linear2."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 2, dim_feedforward=32, dropout=0.0, batch_first=True).train(training)
    new, table = compress(layer, rank=4)
    assert [row.name for row in table] == ["linear1", "linear2"]
    assert new.training == new.linear1.training == training
    dense = copy.deepcopy(layer)
    dense.linear1, dense.linear2 = new.linear1.to_linear(), new.linear2.to_linear()
    x = inputs(2, 5, 16)
    with torch.no_grad():
        torch.testing.assert_close(new(x), dense(x), atol=1e-5, rtol=1e-5)


def test_compressing_twice_leaves_the_factors_alone() -> None:
    once, _ = compress(mlp(20, 16, 12), rank=3, skip="2")
    twice, table = compress(once, rank=2)
    assert [row.name for row in table] == ["2"]
    assert twice[0].rank == 3


@pytest.mark.parametrize("skip", ["inside", ["inside.*"], ("blocks.0", "inside.deep.1"), "[ib]*"])
def test_skip_takes_names_containers_and_patterns(skip: str | list[str]) -> None:
    model = Foreign()
    if skip == "[ib]*":
        with pytest.raises(ValueError, match="nothing to compress"):
            compress(model, rank=2, skip=[skip, "tied"])
        return
    _, table = compress(model, rank=2, skip=skip)
    assert "inside.deep.1" not in [row.name for row in table]
    assert "blocks.1" in [row.name for row in table]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of rank, compression, energy and budget, but none is given"),
        ({"rank": 2, "energy": 0.5}, "rank and energy are given"),
        ({"rank": 0}, "rank must be from 1 to 16"),
        ({"rank": 17}, "rank must be from 1 to 16"),
        ({"rank": True}, "rank must be an integer"),
        ({"rank": "half"}, "rank must be an integer from 1 to 16 or 'full'"),
        ({"rank": {"2": 13}}, "rank must be from 1 to 12"),
        ({"rank": {"3": 1}}, "no layer named '3'; did you mean 0, 2"),
        ({"rank": {}}, "names no layer"),
        ({"compression": 0.5}, "compression is a ratio of at least 1"),
        ({"compression": -2}, "compression is a ratio of at least 1"),
        ({"compression": float("nan")}, "compression is a ratio of at least 1"),
        ({"compression": "2"}, "compression is a ratio of at least 1"),
        ({"energy": 0}, "energy"),
        ({"energy": 1.5}, "energy"),
        ({"budget": 63}, "at least 64"),
        ({"budget": 100.0}, "budget must be an integer"),
        ({"rank": 2, "skip": "4"}, "skip: the model has no layer named '4'; did you mean"),
        ({"rank": 2, "skip": "*"}, "all of the model's Linear layers"),
        ({"rank": 2, "calibration": []}, "calibration holds no batch"),
        ({"rank": 2, "calibration": [torch.full((2, 20), torch.nan)]}, "inputs of the layer '0' hold NaN"),
        ({"rank": 2, "split": "up"}, "split must be one of"),
    ],
)  # fmt: skip
def test_senseless_settings_are_refused_in_one_line(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        compress(mlp(20, 16, 12), **arguments)
    assert "\n" not in str(error.value)


def test_models_that_cannot_be_compressed_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no plain nn\.Linear"):
        compress(nn.Conv2d(1, 1, 1), rank=1)
    model = mlp(20, 16, 12)
    model[2].weight.data[0, 0] = torch.nan
    with pytest.raises(ValueError, match="layer '2': the weight holds NaN"):
        compress(model, rank=1)
    attention = nn.TransformerEncoderLayer(12, 2, dim_feedforward=16).self_attn
    attention.unused = nn.Linear(4, 4)
    with pytest.raises(ValueError, match="'unused' received no input; leave it out with skip"):
        compress(attention, rank=1, calibration=[(inputs(3, 12),) * 3])


def test_the_table_tells_and_prints() -> None:
    _, table = compress(mlp(20, 16, 12), rank=2, calibration=[inputs(50, 20)])
    assert len(table) == 2
    assert all(len(row) == len(table.columns) for row in table.rows())
    first = dict(zip(table.columns, table.rows()[0], strict=True))
    assert (first["name"], first["shape"], first["rank"]) == ("0", "20 -> 16", 2)
    assert (first["parameters before"], first["parameters after"]) == (16 * 21, 2 * 36 + 16)
    lines = str(table).splitlines()
    assert len(lines) == 4
    assert "output error" in lines[0]
    assert f"{16 * 21 + 12 * 17} -> {2 * 36 + 16 + 2 * 28 + 12}" in lines[-1]


# --- activation-aware truncation ---


def correlated(rows: int, features: int) -> Tensor:
    """Inputs with a mean and unequal, correlated variances, one of them constant."""
    mix = inputs(features, features, seed=5) * torch.logspace(0, -2, features)[:, None]
    x = inputs(rows, features, seed=6) @ mix + inputs(features, seed=7)
    x[:, 0] = 1.5
    return x.double()


def output_error(model: nn.Module, new: nn.Module, x: Tensor) -> float:
    with torch.no_grad():
        return float((model(x) - new(x)).square().mean())


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("rank", [1, 3, 6])
def test_calibrated_truncation_is_optimal_for_the_outputs(rank: int, bias: bool) -> None:
    """Against the plain truncation, and against the bound that the outputs' own SVD sets."""
    x = correlated(200, 14)
    model = mlp(14, 16, bias=bias).double()
    plain, _ = compress(model, rank=rank)
    aware, table = compress(model, rank=rank, calibration=x.split(60))
    with torch.no_grad():
        y = model(x) - (model(x).mean(0) if bias else 0)
    s = torch.linalg.svdvals(y)  # the outputs' own SVD bounds any rank-k map
    best = float(s[rank:].square().sum() / y.numel())
    assert output_error(model, aware, x) == pytest.approx(best, rel=1e-3)
    assert output_error(model, aware, x) < output_error(model, plain, x)
    (row,) = table
    assert row.activation_error == pytest.approx(float(s[rank:].norm() / s.norm()), rel=1e-3)
    assert row.relative_error > compress(model, rank=rank)[1].layers[0].relative_error


def test_calibration_with_constant_inputs_is_the_plain_truncation() -> None:
    model = mlp(14, 10).double()
    aware, _ = compress(model, rank=3, calibration=[torch.ones(5, 14).double()])
    plain, _ = compress(model, rank=3)
    torch.testing.assert_close(aware[0].weight, plain[0].weight)
    torch.testing.assert_close(aware(torch.ones(1, 14).double()), model(torch.ones(1, 14).double()))


def test_calibration_leaves_modes_and_running_statistics_alone() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 8))
    model[1].eval()
    before = copy.deepcopy(model.state_dict())

    def batches() -> Iterator[tuple[Tensor]]:
        yield from ((inputs(4, 8, seed=seed),) for seed in range(3))

    first, _ = compress(model, rank=3, calibration=batches())
    again, _ = compress(model, rank=3, calibration=batches())
    assert [module.training for module in model] == [True, False, True, True]
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))


def test_calibrated_full_rank_changes_no_output_for_sequences_too() -> None:
    model = mlp(6, 40, 5).double()
    x = correlated(40, 6).reshape(4, 10, 6)
    with pytest.warns(CompressionWarning):
        new, _ = compress(model, rank="full", calibration=[x])
    torch.testing.assert_close(new(x), model(x))


def test_multiplied_out_factors_give_the_same_outputs() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 5))
    small, _ = compress(model, rank=2)
    dense = multiply_out(small)
    x = torch.randn(7, 6)
    assert [type(layer) for layer in dense] == [nn.Linear, nn.ReLU, nn.Linear]
    assert torch.linalg.matrix_rank(dense[0].weight) == 2
    torch.testing.assert_close(dense(x), small(x))
