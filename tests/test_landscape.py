"""The plane, the projection and the losses, against numpy and against one network at a time."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from dlhw.landscape import (
    Plane,
    first_layer,
    grid_axes,
    in_batches,
    loss_of_parameters,
    loss_on_grid,
    losses,
    losses_on_plane,
    main_plane,
)
from dlhw.nets.mlp import MLP

NUM_CLASSES = 3


def examples(num: int = 40) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(num, 1, 2, 3, generator=generator), torch.randint(NUM_CLASSES, (num,), generator=generator)


def make_net(kind: str = "mlp") -> nn.Module:
    torch.manual_seed(0)
    if kind == "convolution":  # its first layer is not linear
        return nn.Sequential(nn.Conv2d(1, 2, 2), nn.Tanh(), nn.Flatten(), nn.Linear(4, NUM_CLASSES))
    if kind == "no bias":
        return nn.Sequential(nn.Flatten(), nn.Linear(6, 4, bias=False), nn.ReLU(), nn.Linear(4, NUM_CLASSES))
    return MLP(6, [5, 4], NUM_CLASSES, activation="prelu", dropout=0.5)


def walk(net: nn.Module, num_points: int = 12, seed: int = 2) -> Tensor:
    """A trajectory (num_points, num_parameters) that begins at the network's parameters."""
    start = parameters_to_vector(net.parameters()).detach()
    steps = 0.3 * torch.randn(num_points, len(start), generator=torch.Generator().manual_seed(seed))
    return start + torch.cat([torch.zeros(1, len(start)), steps[1:].cumsum(0)])


def loss_at(net: nn.Module, point: Tensor) -> float:
    """The usual way: the parameters put into the network, the network run."""
    inputs, labels = examples()
    vector_to_parameters(point, net.parameters())
    with torch.no_grad():
        return F.cross_entropy(net.eval()(inputs), labels).item()


@pytest.mark.parametrize("kind", ["mlp", "no bias", "convolution"])
def test_the_plane_reproduces_the_final_weights_and_their_loss_at_the_origin(kind: str) -> None:
    net = make_net(kind)
    trajectory = walk(net)
    plane = main_plane(trajectory, origin=trajectory[-1])
    assert torch.equal(plane.at(torch.zeros(2)), trajectory[-1]), "the very same weights"
    coordinates, distances = plane.project(trajectory)
    assert coordinates[-1].tolist() == [0, 0]
    assert distances[-1] == 0
    (at_origin,) = losses_on_plane(net, plane, torch.zeros(1, 2), *examples())
    assert at_origin.item() == pytest.approx(loss_at(net, trajectory[-1]), rel=1e-6)


def test_in_double_precision_the_loss_at_the_origin_is_exact_to_rounding() -> None:
    net = make_net().double()
    inputs, labels = examples()
    trajectory = walk(make_net()).double()
    plane = main_plane(trajectory, origin=trajectory[-1])
    (at_origin,) = losses_on_plane(net, plane, torch.zeros(1, 2).double(), inputs.double(), labels)
    vector_to_parameters(trajectory[-1], net.parameters())
    assert at_origin.item() == pytest.approx(F.cross_entropy(net.eval()(inputs.double()), labels).item(), rel=1e-14)


@pytest.mark.parametrize("kind", ["mlp", "no bias", "convolution"])
def test_the_grid_agrees_with_point_by_point(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlhw.landscape.ROWS", 200)  # five networks a batch: 20 points make four
    net = make_net(kind).train()
    trajectory = walk(net)
    plane = main_plane(trajectory, origin=trajectory[-1])
    x, y = torch.linspace(-3, 3, 5), torch.linspace(-2, 1, 4)
    before = parameters_to_vector(net.parameters()).clone()
    surface = loss_on_grid(net, plane, x, y, *examples())
    assert net.training
    assert torch.equal(parameters_to_vector(net.parameters()), before), "the network stays as it was"
    assert surface.shape == (4, 5)
    one_by_one = [[loss_at(net, plane.at(torch.stack([a, b]))) for a in x] for b in y]
    torch.testing.assert_close(surface, torch.tensor(one_by_one), rtol=1e-5, atol=1e-6)


def test_losses_of_any_points_agree_with_one_by_one() -> None:
    net = make_net()
    trajectory = walk(net)
    expected = torch.tensor([loss_at(make_net(), point) for point in trajectory])
    torch.testing.assert_close(losses(net, trajectory, *examples()), expected, rtol=1e-5, atol=1e-6)
    assert expected.std() > 0.01


@pytest.mark.parametrize("num_examples", [1, 10**9])
def test_batches_of_any_size_give_the_same(num_examples: int) -> None:
    net = make_net()
    points = walk(net)
    loss = loss_of_parameters(net, *examples())
    torch.testing.assert_close(in_batches(loss, points, num_examples), torch.stack([loss(point) for point in points]))


@settings(max_examples=25, deadline=None)
@given(num_points=st.integers(2, 15), num_parameters=st.integers(3, 30), seed=st.integers(0, 1000))
def test_plane_and_projection_against_numpy(num_points: int, num_parameters: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((num_points, num_parameters)).cumsum(0)
    origin = points[-1]
    plane = main_plane(torch.from_numpy(points), torch.from_numpy(origin))
    _, sigma, rows = np.linalg.svd(points - points.mean(0), full_matrices=False)
    directions = plane.directions.numpy()
    np.testing.assert_allclose(directions @ directions.T, np.eye(2), atol=1e-8)
    np.testing.assert_allclose(plane.explained, (sigma**2 / (sigma**2).sum())[:2], atol=1e-8)
    np.testing.assert_allclose(abs(directions[0] @ rows[0]), 1, atol=1e-6)

    coordinates, distances = plane.project(torch.from_numpy(points))
    solution, *_ = np.linalg.lstsq(directions.T, (points - origin).T, rcond=None)
    np.testing.assert_allclose(coordinates, solution.T, atol=1e-8)
    residual = (points - origin).T - directions.T @ solution
    np.testing.assert_allclose(distances, np.linalg.norm(residual, axis=0), atol=1e-8)
    np.testing.assert_allclose(  # Pythagoras: what is on the plane is at its coordinates' distance from the origin
        coordinates.numpy() ** 2 @ [1, 1] + distances.numpy() ** 2, ((points - origin) ** 2).sum(1), atol=1e-7
    )


def test_points_on_the_plane_are_found_at_their_coordinates() -> None:
    directions = torch.linalg.qr(torch.randn(50, 2, generator=torch.Generator().manual_seed(0))).Q.T
    plane = Plane(torch.arange(50.0), directions, (0.5, 0.5))
    coordinates = torch.tensor([[1.0, -2.0], [0.0, 3.0]])
    found, distances = plane.project(plane.at(coordinates))
    torch.testing.assert_close(found, coordinates, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(distances, torch.zeros(2), rtol=0, atol=1e-4)


def test_the_same_trajectory_gives_the_same_plane() -> None:
    trajectory = walk(make_net())
    one, other = (main_plane(trajectory, trajectory[-1]) for _ in range(2))
    assert torch.equal(one.directions, other.directions)


@pytest.mark.parametrize("num_points", [1, 4])
def test_a_trajectory_that_does_not_move_has_no_plane(num_points: int) -> None:
    with pytest.raises(ValueError, match=rf"{num_points} point\(s\), all the same"):
        main_plane(torch.ones(num_points, 6), torch.ones(6))


def test_the_first_layer_is_the_one_that_the_inputs_meet_first() -> None:
    class Backwards(nn.Module):
        """Defined in another order than run."""

        def __init__(self) -> None:
            super().__init__()
            self.second, self.first = nn.Linear(4, NUM_CLASSES), nn.Linear(6, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.second(self.first(2 * x.flatten(1)))

    net, inputs = Backwards(), examples()[0]
    name, layer, features = first_layer(net, inputs)
    assert (name, layer) == ("first", net.first)
    assert torch.equal(features, 2 * inputs.flatten(1))
    assert not net.first._forward_pre_hooks
    trajectory = walk(net)
    plane = main_plane(trajectory, trajectory[-1])
    (loss,) = losses_on_plane(net, plane, torch.tensor([[0.5, -0.7]]), *examples())
    assert loss.item() == pytest.approx(loss_at(net, plane.at(torch.tensor([0.5, -0.7]))), rel=1e-5)


finite = st.floats(-100, 100, allow_nan=False, width=32)


@settings(max_examples=50, deadline=None)
@given(points=st.lists(st.tuples(finite, finite), min_size=2, max_size=6, unique=True), size=st.integers(5, 60))
def test_the_axes_cover_the_trajectory_and_hold_zero(points: list[tuple[float, float]], size: int) -> None:
    coordinates = torch.tensor(points)
    if coordinates.abs().max() < 1e-3:
        return
    axes = grid_axes(coordinates, size)
    for axis, values in zip(axes, coordinates.T, strict=True):
        assert axis.shape == (size,)
        assert (axis == 0).sum() == 1
        assert axis[0] <= values.min()
        assert axis[-1] >= values.max()
        assert torch.allclose(axis.diff(), axis.diff()[0], rtol=1e-3)
