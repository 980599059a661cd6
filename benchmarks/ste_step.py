"""A whole training step of the 5 x 1024 network at rank 20: straight-through against dense and against a full SVD."""

from collections.abc import Callable

import torch
from timing import heading, interleaved, line
from torch import Tensor, nn
from torch.nn import functional as F

from dlhw import lowrank
from dlhw.nets.mlp import MLP
from dlhw.start import last_linear

RANK, BATCH, LAYERS = 20, 128, 5


def training_step(net: nn.Module) -> Callable[[], None]:
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-4, fused=True)
    inputs, labels = torch.randn(BATCH, 784), torch.randint(10, (BATCH,))

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(net(inputs), labels).backward()
        optimizer.step()

    return step


def main() -> None:
    heading(f"a straight-through training step, {LAYERS} hidden layers, rank {RANK}, batch {BATCH}, fused Adam")
    for width in (512, 1024, 2048, 4096):
        dense = MLP(784, [width] * LAYERS, 10)
        skip = [last_linear(dense)]
        candidates = {
            "dense": training_step(dense),
            "subspace": training_step(lowrank.straight_through(dense, RANK, skip=skip)),
        }
        median = interleaved(candidates, rounds=60 if width <= 1024 else 15)
        ratio = median["subspace"] / median["dense"]
        line(
            f"width {width}: subspace / dense step",
            f"{ratio:.2f}",
            "<= 0.8" if width == 1024 else "",
        )
        if width <= 2048:
            exact = lowrank.straight_through(dense, RANK, skip=skip, projection="exact")
            slow = interleaved({**candidates, "exact": training_step(exact)}, rounds=3, warmup=1)
            asked = ">= 25" if width == 1024 else ""
            line(f"width {width}: exact / subspace step", f"{slow['exact'] / slow['subspace']:.0f}", asked)


def excess_along_training(images: Tensor, labels: Tensor, name: str, steps: int = 400) -> None:
    """The largest ||W - W_hat|| / ||W - W_20|| - 1 of any layer, looked at every 20 steps of real training.

    The network has been trained densely before, as svd_ste's baseline has.
    """
    torch.manual_seed(0)
    dense = MLP(784, [1024] * LAYERS, 10)
    train(dense, images, labels, rate=1e-3, steps=steps)
    skip = [last_linear(dense)]
    for rate in (1e-4, 5e-4, 1e-3):
        net = lowrank.straight_through(dense, RANK, skip=skip)
        largest = train(net, images, labels, rate, steps)
        asked = "<= 5e-5"
        line(f"largest relative excess over {steps} steps on {name}, rate {rate:g}", f"{largest:.1e}", asked)


def train(net: nn.Module, images: Tensor, labels: Tensor, rate: float, steps: int) -> float:
    """Train, and return the largest excess seen of a straight-through layer, 0 where there is none."""
    optimizer = torch.optim.Adam(net.parameters(), lr=rate, fused=True)
    largest = 0.0
    for step in range(steps):
        rows = torch.randint(len(images), (BATCH,))
        optimizer.zero_grad()
        F.cross_entropy(net(images[rows]), labels[rows]).backward()
        if step % 20 == 19:
            largest = max([largest, *(excess(layer) for layer in net.modules() if is_ste(layer))])
        optimizer.step()
    return largest


def is_ste(layer: nn.Module) -> bool:
    return isinstance(layer, lowrank.StraightThroughLinear)


@torch.no_grad()
def excess(layer: lowrank.StraightThroughLinear) -> float:
    """What the next call's projection would miss, relative to the best rank-k approximation's own error."""
    state = {key: value.clone() for key, value in layer.subspace.state_dict().items()}
    outer, inner = layer.factors()
    layer.subspace.load_state_dict(state)
    weight = layer.weight.double()
    best = torch.linalg.svdvals(weight)[layer.rank :].square().sum().sqrt()
    return ((weight - outer.double() @ inner.double()).norm() / best - 1).item()
