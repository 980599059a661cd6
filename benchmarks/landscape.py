"""The loss landscape's 41 x 41 grid on 2,500 images: in batches of parameter vectors against point by point."""

import statistics
import time
from collections.abc import Callable
from itertools import product

import torch
from timing import heading, line
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from dlhw.landscape import Plane, loss_on_grid, losses
from dlhw.nets.mlp import MLP

GRID, NUM_IMAGES, ROUNDS = 41, 2500, 3


def main() -> None:
    torch.manual_seed(0)
    net = MLP(784, [50, 50, 50], 10)
    inputs, labels = torch.randn(NUM_IMAGES, 1, 28, 28), torch.randint(10, (NUM_IMAGES,))
    origin = parameters_to_vector(net.parameters()).detach()
    directions = torch.linalg.qr(torch.randn(len(origin), 2)).Q.T.contiguous()
    plane, axis = Plane(origin, directions, (0.5, 0.3)), torch.linspace(-5, 5, GRID)
    points = torch.cartesian_prod(axis, axis).flip(1)
    candidates: dict[str, Callable[[], Tensor]] = {
        "as loss_landscape does it": lambda: loss_on_grid(net, plane, axis, axis, inputs, labels).flatten(),
        "batches of whole parameter vectors": lambda: torch.cat(
            [losses(net, plane.at(part), inputs, labels) for part in points.split(64)]
        ),
        "point by point": lambda: point_by_point(net, plane, axis, inputs, labels),
    }
    heading(f"a {GRID} x {GRID} grid of the loss on {NUM_IMAGES:,} images, 784-50-50-50-10")
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    values: dict[str, Tensor] = {}
    for _, (name, compute) in product(range(ROUNDS), candidates.items()):  # in turn: a busy machine slows all alike
        start = time.perf_counter()
        values[name] = compute()
        seconds[name].append(time.perf_counter() - start)
    median = {name: statistics.median(times) for name, times in seconds.items()}
    own, *others = median
    line(f"{own}: seconds", f"{median[own]:.2f}", "seconds")
    for other in others:
        line(f"{other}: times as long", f"{median[other] / median[own]:.1f}")
        difference = (values[other] / values[own] - 1).abs().max()
        line(f"{other}: largest relative difference", f"{difference:.1e}")


@torch.no_grad()
def point_by_point(net: nn.Module, plane: Plane, axis: Tensor, inputs: Tensor, labels: Tensor) -> Tensor:
    """Each point's parameters put into the network, as one writes it first."""
    values = []
    for y, x in product(axis, axis):
        vector_to_parameters(plane.at(torch.stack([x, y])), net.parameters())
        values.append(F.cross_entropy(net(inputs), labels).item())
    vector_to_parameters(plane.origin, net.parameters())
    return torch.tensor(values)
