"""The straight-through layer: gradient, warm subspace against the exact projection, resuming, export."""

import copy
import importlib
import io
import pickle

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlhw.lowrank import LowRankLinear, StraightThroughLinear, export, straight_through
from dlhw.lowrank.subspace import WarmSubspace


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def best(W: Tensor, k: int) -> Tensor:
    U, S, Vh = torch.linalg.svd(W.detach().double(), full_matrices=False)
    return (U[:, :k] * S[:k]) @ Vh[:k]


def excess(W: Tensor, W_hat: Tensor, k: int) -> float:
    """||W - W_hat|| / ||W - W_k|| - 1."""
    W = W.detach().double()
    return float((W - W_hat.double()).norm() / (W - best(W, k)).norm()) - 1


def net(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(30, 40), nn.ReLU(), nn.Linear(40, 24, bias=False), nn.ReLU(), nn.Linear(24, 5))


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> None:
    model.train()
    for step in steps:
        x, y = normal(16, 30, seed=step), torch.arange(16) % 5
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


@pytest.mark.parametrize("projection", ["subspace", "exact"])
@pytest.mark.parametrize("leading", [(7,), (2, 3), ()])
def test_gradients_are_those_of_a_dense_layer_with_the_projected_weight(
    projection: str, leading: tuple[int, ...]
) -> None:
    W, b, x = (normal(*s, dtype=torch.float64) for s in ((9, 12), (9,), (*leading, 12)))
    layer = StraightThroughLinear(W, b, 3, projection)
    x = x.requires_grad_()
    out = layer(x)
    upstream = normal(*leading, 9, seed=1, dtype=torch.float64)
    grads = torch.autograd.grad(out, (x, layer.weight, layer.bias), upstream)

    W_hat, bias = best(W, 3).requires_grad_(), b.clone().requires_grad_()
    expected = F.linear(x, W_hat, bias)
    torch.testing.assert_close(out, expected)
    references = torch.autograd.grad(expected, (x, W_hat, bias), upstream)
    for grad, reference in zip(grads, references, strict=True):
        torch.testing.assert_close(grad, reference)


def test_frozen_parts_get_no_gradient() -> None:
    layer = StraightThroughLinear(normal(6, 5), None, 2)
    layer.weight.requires_grad_(False)
    x = normal(3, 5).requires_grad_()
    layer(x).sum().backward()
    assert layer.weight.grad is None
    assert x.grad is not None


@pytest.mark.parametrize("projection", ["subspace", "exact"])
def test_both_projections_train_alike(projection: str) -> None:
    model = straight_through(net(), 6, skip="4", projection=projection).double()
    reference = straight_through(net(), 6, skip="4", projection="exact").double()
    for m in (model, reference):
        optimizer = torch.optim.SGD(m.parameters(), lr=0.01)
        for step in range(30):
            optimizer.zero_grad()
            m(normal(16, 30, seed=step, dtype=torch.float64)).square().sum(1).mean().backward()
            optimizer.step()
    for a, b, start in zip(model.parameters(), reference.parameters(), net().parameters(), strict=True):
        assert (a - b).norm() <= 0.03 * (b - start).norm()  # a flat spectrum is the hard case


def test_subspace_stays_near_the_optimum_while_the_weight_moves() -> None:
    """A drift of 1e-3 of the norm at each step, a hundred times, on a slowly decaying spectrum."""
    U, V = (torch.linalg.qr(normal(n, 60, seed=n)).Q for n in (60, 80))
    W = U * torch.linspace(3, 1, 60) @ V.T
    subspace = WarmSubspace(W, 10)
    worst = 0.0
    for step in range(100):
        left, right = subspace.project(W)
        worst = max(worst, excess(W, left @ right, 10))
        W = W + 1e-3 * W.norm() * F.normalize(normal(60, 80, seed=step), dim=(0, 1))
    assert worst < 5e-4
    for _ in range(200):
        left, right = subspace.project(W)
    assert excess(W, left @ right, 10) < 1e-6


def test_a_jump_of_the_weight_is_noticed_at_once() -> None:
    layer = StraightThroughLinear(normal(40, 50), None, 5)
    for _ in range(3):
        layer(normal(2, 50))
    layer.weight.data = normal(40, 50, seed=9) * 1e-3
    x = normal(7, 50)
    torch.testing.assert_close(layer(x), x @ best(layer.weight, 5).float().T, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 1e30])
@pytest.mark.parametrize("true_rank", [1, 4, 20])
def test_extreme_and_deficient_weights_stay_finite(scale: float, true_rank: int) -> None:
    W = normal(20, true_rank) @ normal(true_rank, 30, seed=1) * scale
    subspace = WarmSubspace(W, 4, oversample=3)
    for _ in range(6):
        left, right = subspace.project(W)
        assert torch.isfinite(left).all()
        assert torch.isfinite(right).all()
    if scale:
        size = W.abs().max()
        torch.testing.assert_close(left / size @ right, (best(W, 4) / size).float(), atol=1e-2, rtol=0)


def test_a_weight_that_starts_at_zero_is_followed() -> None:
    subspace = WarmSubspace(torch.zeros(20, 30), 4)
    for _ in range(3):
        left, right = subspace.project(torch.zeros(20, 30))
        assert not (left @ right).any()
    W = normal(20, 30)
    left, right = subspace.project(W)
    assert excess(W, left @ right, 4) < 1e-6


def test_nan_is_refused() -> None:
    layer = StraightThroughLinear(normal(6, 5), None, 2)
    layer(normal(3, 5))
    layer.weight.data[0, 0] = torch.nan
    with pytest.raises(ValueError, match="NaN"):
        layer(normal(3, 5))


@pytest.mark.parametrize(("m", "n", "rank"), [(1, 8, 1), (8, 1, 1), (1, 1, 1), (6, 9, "full"), (9, 6, 6)])
def test_full_rank_is_the_dense_layer(m: int, n: int, rank: int | str) -> None:
    linear = nn.Linear(n, m)
    layer = StraightThroughLinear.from_linear(linear, rank)
    assert layer.subspace is None
    assert torch.equal(layer(normal(3, n)), linear(normal(3, n)))
    exported, table = export(layer)
    assert type(exported) is nn.Linear
    assert len(table) == 0


def test_rank_next_to_full_has_fewer_extra_columns() -> None:
    layer = StraightThroughLinear(normal(6, 9), None, 5)
    for _ in range(4):
        y = layer(normal(3, 9))
    torch.testing.assert_close(y, normal(3, 9) @ best(layer.weight, 5).float().T, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_precisions(dtype: torch.dtype) -> None:
    layer = StraightThroughLinear(normal(12, 10), normal(12), 3).to(dtype)
    x = normal(4, 10).to(dtype)
    for _ in range(3):
        y = layer(x)
    y.sum().backward()
    assert y.dtype == layer.weight.grad.dtype == dtype
    expected = F.linear(x.double(), best(layer.weight, 3), layer.bias.double())
    tolerance = {torch.float64: 1e-9, torch.bfloat16: 0.2, torch.float16: 0.02}[dtype]
    torch.testing.assert_close(y.double(), expected, atol=tolerance, rtol=0)


def test_autocast_leaves_the_layer_in_float32() -> None:
    layer = StraightThroughLinear(normal(12, 10), normal(12), 3)
    plain = layer(normal(4, 10))
    layer.subspace.num_calls.zero_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = layer(normal(4, 10))
        assert mixed.dtype == torch.float32
        torch.testing.assert_close(mixed, plain)
        mixed.sum().backward()
    inner = layer(normal(4, 10).bfloat16().float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(layer(normal(4, 10).bfloat16()), inner)
    torch.testing.assert_close(layer.weight.grad, normal(4, 10).sum(0).expand(12, 10))


# --- state: evaluation, checkpoints, copies ---


def test_evaluation_is_exact_and_leaves_the_state_alone() -> None:
    layer = StraightThroughLinear(normal(20, 30), normal(20), 4)
    for _ in range(3):
        layer(normal(2, 30))
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    layer.eval()
    x = normal(5, 30)
    torch.testing.assert_close(layer(x), F.linear(x, best(layer.weight, 4).float(), layer.bias), atol=1e-4, rtol=1e-4)
    assert all(torch.equal(before[name], value) for name, value in layer.state_dict().items())


def test_evaluation_follows_every_kind_of_change() -> None:
    """Fused optimizers and writes to .data do not raise the version counter that caches usually watch."""
    layer = StraightThroughLinear(normal(20, 30), None, 4).eval()
    x = normal(5, 30)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1, fused=True)

    def changes():
        yield lambda: None
        layer(x).sum().backward()
        yield optimizer.step
        yield lambda: layer.weight.data.mul_(2)
        yield lambda: layer.load_state_dict({**layer.state_dict(), "weight": normal(20, 30, seed=3)})
        yield lambda: setattr(layer.weight, "data", normal(20, 30, seed=4))

    for change in changes():
        change()
        torch.testing.assert_close(layer(x), x @ best(layer.weight, 4).float().T, atol=1e-4, rtol=1e-4)


def test_evaluation_computes_the_decomposition_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    module = importlib.import_module(StraightThroughLinear.__module__)  # the package has a function of this name
    monkeypatch.setattr(module, "svd", lambda W: calls.append(1) or torch.linalg.svd(W.detach(), False))
    layer = StraightThroughLinear(normal(20, 30), None, 4).eval()
    x = normal(5, 30).requires_grad_()
    with torch.inference_mode():
        layer(normal(5, 30))
    layer(x).sum().backward()  # the cached factors serve autograd too
    assert len(calls) == 1
    assert x.grad is not None


@pytest.mark.parametrize("stop", [1, 6, 7])
def test_going_on_from_a_checkpoint_equals_not_having_stopped(stop: int) -> None:
    def start() -> tuple[nn.Module, torch.optim.Optimizer]:
        model = straight_through(net(), 4, skip="4")
        return model, torch.optim.Adam(model.parameters(), lr=1e-2, fused=True)

    whole, optimizer = start()
    train(whole, optimizer, range(12))

    first, optimizer = start()
    train(first, optimizer, range(stop))
    first.eval()(normal(3, 30))  # an evaluation in between changes nothing
    file = io.BytesIO()
    torch.save([first.state_dict(), optimizer.state_dict()], file)
    file.seek(0)
    model_state, optimizer_state = torch.load(file, weights_only=True)
    second, optimizer = start()
    second.load_state_dict(model_state)
    optimizer.load_state_dict(optimizer_state)
    train(second, optimizer, range(stop, 12))

    for (name, a), (_, b) in zip(whole.state_dict().items(), second.state_dict().items(), strict=True):
        assert torch.equal(a, b), name


def test_weights_loaded_without_their_subspace_are_projected_exactly() -> None:
    layer = StraightThroughLinear(normal(20, 30), None, 4)
    layer(normal(2, 30))
    layer.load_state_dict({"weight": normal(20, 30, seed=5)}, strict=False)
    x = normal(3, 30)
    torch.testing.assert_close(layer(x), x @ best(layer.weight, 4).float().T, atol=1e-5, rtol=1e-4)


def test_a_copy_goes_its_own_way() -> None:
    model = straight_through(net(), 4)
    model(normal(3, 30))
    twin = copy.deepcopy(model)
    twin(normal(3, 30))
    assert (int(model[0].subspace.num_calls), int(twin[0].subspace.num_calls)) == (1, 2)


# --- conversion and export ---


def test_conversion_keeps_the_model_and_ties() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8))
    model[1].weight = model[0].weight
    model.append(model[2])
    converted = straight_through(model, {"0": 2, "1": 3, "2": "full"})
    assert type(model[0]) is nn.Linear
    assert [layer.rank for layer in converted] == [2, 3, 8, 8]
    assert converted[0].weight is converted[1].weight
    assert converted[2] is converted[3]
    assert converted[0].weight is not model[0].weight


@pytest.mark.parametrize("projection", ["subspace", "exact"])
@pytest.mark.parametrize("split", ["left", "right", "balanced"])
def test_export_is_a_plain_model_with_the_same_outputs(projection: str, split: str) -> None:
    model = straight_through(net(), 6, projection=projection)
    train(model, torch.optim.Adam(model.parameters(), lr=1e-2, fused=True), range(10))
    plain, table = export(model, split)
    assert [type(plain[i]) for i in (0, 2, 4)] == [LowRankLinear, LowRankLinear, nn.Linear]
    assert model.training
    x = normal(50, 30)
    torch.testing.assert_close(plain.eval()(x), model.eval()(x), atol=1e-5, rtol=1e-5)
    assert [(row.name, row.rank, row.parameters_after) for row in table] == [
        ("0", 6, 6 * 70 + 40),
        ("2", 6, 6 * 64),
    ]
    W = model[0].weight.detach()
    assert table.layers[0].relative_error == pytest.approx(float((W - best(W, 6)).norm() / W.norm()), rel=1e-4)


@pytest.mark.filterwarnings("ignore:.*nested tensor.*:UserWarning")
def test_a_transformer_layer_does_not_read_the_weight_past_the_projection() -> None:
    """In evaluation without gradients its fast path would take the whole W."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 2, dim_feedforward=32, batch_first=True)
    model = pickle.loads(pickle.dumps(straight_through(layer, 3))).eval()
    with_gradients = model(normal(2, 5, 16))
    with torch.no_grad():
        torch.testing.assert_close(model(normal(2, 5, 16)), with_gradients)
        torch.testing.assert_close(export(model)[0](normal(2, 5, 16)), with_gradients)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rank": 0}, "rank must be from 1 to 30"),
        ({"rank": 31}, "rank must be from 1 to 30"),
        ({"rank": "all"}, "rank must be an integer"),
        ({"rank": 2, "skip": "7"}, "no layer named '7'"),
        ({"rank": 2, "projection": "power"}, "projection must be one of subspace, exact"),
        ({"rank": 2, "oversample": -1}, "oversample"),
        ({"rank": 2, "oversample": 1.5}, "oversample"),
    ],
)
def test_senseless_settings_are_refused_in_one_line(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        straight_through(net(), **arguments)
    assert "\n" not in str(error.value)


def test_export_of_a_plain_model_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to export"):
        export(net())


def test_the_residual_decays_towards_the_projection_and_leaves_it_alone() -> None:
    torch.manual_seed(0)
    layer = StraightThroughLinear(torch.randn(12, 9), None, rank=3)
    x = torch.randn(5, 9)
    before, projected = layer.weight.detach().clone(), layer(x)
    U, S, Vh = torch.linalg.svd(before, full_matrices=False)
    best = U[:, :3] * S[:3] @ Vh[:3]
    layer.decay_residual_(0.25)
    torch.testing.assert_close(layer.weight.detach() - best, 0.75 * (before - best), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(layer.eval()(x), projected, atol=1e-5, rtol=1e-4)
    with pytest.raises(ValueError, match="share must be between 0 and 1"):
        layer.decay_residual_(1.5)


def test_residual_decay_leaves_a_full_rank_layer_alone() -> None:
    layer = StraightThroughLinear(torch.randn(4, 4), None, rank="full")
    before = layer.weight.detach().clone()
    layer(torch.randn(2, 4))
    layer.decay_residual_(0.5)
    assert torch.equal(layer.weight, before)
