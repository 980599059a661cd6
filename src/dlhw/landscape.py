"""The loss on the plane in which a training trajectory varies the most.

Parameters are vectors here: `torch.nn.utils.parameters_to_vector(net.parameters())`. Losses are mean cross entropies in
nats, with the network in evaluation mode; the networks handed in stay as they are.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional as F

from dlhw.precision import double

ROWS = 40_000  # examples times networks in one batch: enough to keep the cores busy, little enough for their cache


@dataclass(frozen=True)
class Plane:
    """The points origin + x directions[0] + y directions[1] of parameter space.

    Attributes:
        origin: (num_parameters,).
        directions: (2, num_parameters), orthonormal, so that distances on the plane are distances between networks.
        explained: the share of the trajectory's variance along each direction.
    """

    origin: Tensor
    directions: Tensor
    explained: tuple[float, float]

    def at(self, coordinates: Tensor) -> Tensor:
        """The parameters (..., num_parameters) at coordinates (..., 2); exactly the origin's at (0, 0)."""
        return self.origin + coordinates @ self.directions

    def project(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Coordinates (num_points, 2) of the nearest points of the plane, and the distances (num_points,) to them."""
        directions = double(self.directions)
        offsets = double(points) - double(self.origin)  # (num_points, num_parameters)
        coordinates = offsets @ directions.T
        distances = torch.linalg.vector_norm(offsets - coordinates @ directions, dim=1)
        return coordinates.to(points), distances.to(points)


def main_plane(trajectory: Tensor, origin: Tensor) -> Plane:
    """The plane through `origin` along the first two principal components of a trajectory (num_points, num_parameters).

    Li et al. (2018), "Visualizing the loss landscape of neural nets", section 7.

    Raises:
        ValueError: all points are the same, or there is but one.
    """
    from sklearn.decomposition import PCA

    points = trajectory.double().numpy()
    if (points == points[0]).all():
        raise ValueError(f"a plane needs a trajectory that moves; {len(points)} point(s), all the same")
    solver = "arpack" if len(points) > 2 else "full"  # arpack, which finds two directions only, takes three points
    pca = PCA(2, svd_solver=solver, random_state=0).fit(points)
    first, second = pca.explained_variance_ratio_.tolist()
    return Plane(origin, torch.from_numpy(pca.components_.copy()).to(origin.dtype), (first, second))


@torch.no_grad()
def losses(net: nn.Module, points: Tensor, inputs: Tensor, labels: Tensor) -> Tensor:
    """The loss (num_points,) of the network with each of the parameters `points` (num_points, num_parameters)."""
    return in_batches(loss_of_parameters(net, inputs, labels), points.to(inputs.device), len(labels))


@torch.no_grad()
def losses_on_plane(net: nn.Module, plane: Plane, coordinates: Tensor, inputs: Tensor, labels: Tensor) -> Tensor:
    """The loss (num_points,) at coordinates (num_points, 2) of a plane."""
    return in_batches(loss_of_coordinates(net, plane, inputs, labels), coordinates.to(inputs.device), len(labels))


def loss_on_grid(net: nn.Module, plane: Plane, x: Tensor, y: Tensor, inputs: Tensor, labels: Tensor) -> Tensor:
    """The loss (len(y), len(x)) on a grid of a plane."""
    return losses_on_plane(net, plane, grid_points(x, y), inputs, labels).view(len(y), len(x))


def grid_points(x: Tensor, y: Tensor) -> Tensor:
    """The coordinates (len(y) * len(x), 2) of a grid's points, x running fastest."""
    return torch.cartesian_prod(y, x).flip(1)


def in_batches(function: Callable[[Tensor], Tensor], points: Tensor, num_examples: int) -> Tensor:
    """The function at each row of `points`, many rows in one batched call."""
    return vmap(function, chunk_size=max(1, ROWS // num_examples))(points)


def loss_of_parameters(net: nn.Module, inputs: Tensor, labels: Tensor) -> Callable[[Tensor], Tensor]:
    """The loss () as a function of the parameters (num_parameters,)."""
    net = copy.deepcopy(net).eval()

    def loss(vector: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(net, by_name(net, vector), (inputs,)), labels)

    return loss


def loss_of_coordinates(net: nn.Module, plane: Plane, inputs: Tensor, labels: Tensor) -> Callable[[Tensor], Tensor]:
    """The loss () as a function of the coordinates (2,) on a plane."""
    corners = by_name(net, torch.cat([plane.origin[None], plane.directions]).to(inputs.device))
    net, corners = with_first_layer_on_plane(copy.deepcopy(net).eval(), corners, inputs)

    def loss(coordinates: Tensor) -> Tensor:
        place = torch.cat([coordinates.new_ones(1), coordinates])  # (3,)
        parameters = {name: torch.tensordot(place, corner, 1) for name, corner in corners.items()}
        return F.cross_entropy(functional_call(net, parameters, (inputs,)), labels)

    return loss


def by_name(net: nn.Module, vectors: Tensor) -> dict[str, Tensor]:
    """Parameter vectors (..., num_parameters) cut into the network's parameters, each (..., *shape)."""
    own = dict(net.named_parameters())
    parts = vectors.split([parameter.numel() for parameter in own.values()], dim=-1)
    return {
        name: part.unflatten(-1, parameter.shape) for (name, parameter), part in zip(own.items(), parts, strict=True)
    }


class LinearOnPlane(nn.Module):
    """A linear layer whose inputs are known, anywhere on a plane of its parameters.

    Its output is linear in its parameters. So three outputs, for the origin and for each direction, give all others,
    with no further product by the inputs.

    Args:
        outputs: (3, batch, out_features).
    """

    def __init__(self, outputs: Tensor) -> None:
        super().__init__()
        self.outputs = outputs
        self.place = nn.Parameter(outputs.new_tensor([1.0, 0.0, 0.0]))  # how much of each

    def forward(self, _: Tensor) -> Tensor:
        return torch.tensordot(self.place, self.outputs, 1)


def with_first_layer_on_plane(
    net: nn.Module, corners: dict[str, Tensor], inputs: Tensor
) -> tuple[nn.Module, dict[str, Tensor]]:
    """The network with its first layer as `LinearOnPlane`, if it is linear: that is most of an MLP's work.

    Args:
        corners: each parameter at the plane's origin and along its directions, (3, *shape).

    Returns:
        The network, changed in place, and the parameters that it has now.
    """
    name, layer, features = first_layer(net, inputs)
    if not isinstance(layer, nn.Linear):
        return net, corners
    own = {key: corner for key, corner in corners.items() if key.startswith(f"{name}.")}
    outputs = [F.linear(features, *parts) for parts in zip(*own.values(), strict=True)]  # (batch, out_features) each
    net.set_submodule(name, LinearOnPlane(torch.stack(outputs)))
    others = {key: corner for key, corner in corners.items() if key not in own}
    return net, others | {f"{name}.place": torch.eye(3, dtype=inputs.dtype, device=inputs.device)}


def first_layer(net: nn.Module, inputs: Tensor) -> tuple[str, nn.Module, Tensor]:
    """The first of the layers with parameters that the inputs meet, its name, and what it is given then."""
    met: list[tuple[str, nn.Module, Tensor]] = []
    hooks = [
        layer.register_forward_pre_hook(lambda layer, args, name=name: met.append((name, layer, args[0])))
        for name, layer in net.named_modules()
        if list(layer.parameters(recurse=False))
    ]
    net(inputs)
    for hook in hooks:
        hook.remove()
    return met[0]


def grid_axes(coordinates: Tensor, num_points: int, margin: float = 0.25) -> tuple[Tensor, Tensor]:
    """Equally spaced x and y (num_points,) that cover the `coordinates` (n, 2), a margin around them, and hold 0.

    `margin` is the share of the covered range that is added at each end, give or take half a step.
    """
    low, high = coordinates.amin(0).clamp(max=0), coordinates.amax(0).clamp(min=0)
    width = high - low
    width = width.clamp(min=0.4 * width.max().item())  # a straight trajectory needs a surface beside it too
    step = (1 + 2 * margin) * width / (num_points - 1)
    first = torch.round(((low + high) / 2 - (0.5 + margin) * width) / step)
    x, y = (step[:, None] * (first[:, None] + torch.arange(num_points))).unbind()
    return x, y
