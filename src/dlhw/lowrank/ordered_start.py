"""A start for a classifier's last layer at rank 1 or 2: the classes in a good order along a line or around a circle."""

import math

import torch
from torch import Tensor, nn

from dlhw.lowrank.layers import LowRankLinear


def ordered_start(
    layer: nn.Linear | LowRankLinear, features: Tensor, labels: Tensor, rank: int = 1, ridge: float = 1e-3
) -> LowRankLinear:
    """A rank-1 or rank-2 replacement of a classifier's last layer from which every class can be reached.

    At rank k all logits are linear in k numbers z (k,), and a class is reachable only where its logit is the
    largest somewhere. The truncated SVD of the trained weight knows nothing of that and leaves most classes
    unreachable. Here each class c gets a place p_c: at rank 1 at equal distances on a line from -1 to 1, at rank 2 on
    the unit circle. Their order is the shortest path, or round tour, through the class means in the metric of the
    within-class covariance, so that neighbours are those classes that are near anyway. A ridge regression from the
    features (batch, n), the last layer's inputs, to the place of their class gives z, and the logits are those of a
    linear discriminant,

        logit_c = (p_c . z - |p_c|^2 / 2) / s^2,   s^2 = E|z - p_c|^2 / k,

    so that the class with the nearest place has the largest. (The means of z within the classes, in place of the
    places, would crowd the classes that overlap; networks refine to less from there.) The two factors get equal norms.

    `layer` gives the shape, the dtype and the device; `ridge` is relative to the mean variance of the features.
    Raises ValueError for another rank, features or labels that do not fit the layer, or a class without samples.
    """
    if rank not in (1, 2):
        raise ValueError(f"rank must be 1 (a line) or 2 (a circle), but is {rank}; higher ranks start from the SVD")
    c, n = layer.out_features, layer.in_features
    X, y = features.detach().cpu().double(), labels.detach().cpu()
    _check(X, y, c, n)
    mean = X.mean(0)
    X = X - mean
    total = X.T @ X / len(X)  # (n, n)
    noise = ridge * total.trace() / n * torch.eye(n, dtype=X.dtype)
    places = class_places(class_distances(X, y, c, total, noise), rank)  # (c, k)

    target = places[y]  # (batch, k)
    W = torch.linalg.solve(total + noise, X.T @ target / len(X))  # (n, k), ridge regression
    Z = X @ W
    W = W * ((target * Z).sum(0) / Z.square().sum(0))  # undoes the ridge's shrinkage
    variance = (X @ W - target).square().mean()

    outer, inner = places / variance, W.T
    bias = -outer @ (inner @ mean) - places.square().sum(1) / (2 * variance)
    balance = (outer.norm() / inner.norm()).sqrt()
    like = next(layer.parameters())
    return LowRankLinear.from_factors((outer / balance).to(like), (inner * balance).to(like), bias.to(like))


def class_distances(X: Tensor, y: Tensor, c: int, total: Tensor, noise: Tensor) -> Tensor:
    """Distances (c, c) between the class means of centred features, in the metric of the within-class covariance."""
    member = nn.functional.one_hot(y.long(), c).double()  # (batch, c)
    counts = member.sum(0)
    means = member.T @ X / counts[:, None]  # (c, n)
    within = total - means.T @ (means * counts[:, None]) / len(X)
    whitened = torch.linalg.solve_triangular(torch.linalg.cholesky(within + noise), means.T, upper=False).T
    return torch.cdist(whitened, whitened)


def class_places(distances: Tensor, rank: int) -> Tensor:
    """The classes' places (c, rank): along a line by their shortest path, or around a circle by their shortest tour."""
    c = len(distances)
    places = torch.empty(c, rank, dtype=distances.dtype)
    if rank == 1:
        places[shortest_path(distances), 0] = torch.linspace(-1, 1, c, dtype=distances.dtype)
    else:
        angles = torch.arange(c, dtype=distances.dtype) * (2 * math.pi / c)
        places[shortest_path(distances, closed=True)] = torch.stack([angles.cos(), angles.sin()], 1)
    return places


def shortest_path(distances: Tensor, closed: bool = False) -> list[int]:
    """The order of c points that makes the path through all of them shortest, from distances (c, c).

    A closed path, or tour, returns to its first point, which is point 0; an open one begins at the lower-numbered of
    its two ends. Exact, by the dynamic programme over subsets of Held and Karp (1962): c^2 2^c steps, so for c up to
    16 or so.
    """
    c = len(distances)
    d = distances.tolist()
    starts = [0] if closed else range(c)
    best = {(1 << j, j): (0.0, -1) for j in starts}  # (visited set, last point): (length, the point before)
    for visited in range(1, 1 << c):
        for last in range(c):
            before = visited ^ 1 << last
            steps = [(best[before, j][0] + d[j][last], j) for j in range(c) if (before, j) in best]
            if visited >> last & 1 and steps:
                best[visited, last] = min(steps)
    visited = (1 << c) - 1
    ends = [j for j in range(c) if (visited, j) in best]
    last = min(ends, key=lambda j: best[visited, j][0] + (d[j][0] if closed else 0.0))
    order = []
    while last >= 0:
        order.append(last)
        visited, last = visited ^ 1 << last, best[visited, last][1]
    return order if order[0] <= order[-1] else order[::-1]


def _check(X: Tensor, y: Tensor, c: int, n: int) -> None:
    if X.dim() != 2 or X.shape[1] != n or y.shape != X.shape[:1]:
        raise ValueError(
            f"features must be (batch, {n}), labels (batch,), but are {tuple(X.shape)} and {tuple(y.shape)}"
        )
    if y.is_floating_point() or set(y.unique().tolist()) != set(range(c)):
        raise ValueError(f"labels must be the classes 0 to {c - 1}, each with at least one sample")
