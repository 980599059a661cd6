"""A start for a rank-1 classifier layer: the classes in a good order along a line."""

import torch
from torch import Tensor, nn

from dlhw.lowrank.layers import LowRankLinear


def shortest_path(distances: Tensor) -> list[int]:
    """The order of c points that makes the open path through all of them shortest, from distances (c, c).

    Exact, by the dynamic programme over subsets of Held and Karp (1962): c^2 2^c steps, so for c up to 16 or
    so. The path begins at the lower-numbered of its two ends.
    """
    c = len(distances)
    d = distances.tolist()
    best = {(1 << j, j): (0.0, -1) for j in range(c)}  # (visited set, last point): (length, the point before)
    for visited in range(1, 1 << c):
        for last in range(c):
            if visited >> last & 1 and visited != 1 << last:
                before = visited ^ 1 << last
                best[visited, last] = min((best[before, j][0] + d[j][last], j) for j in range(c) if before >> j & 1)
    visited = (1 << c) - 1
    last = min(range(c), key=lambda j: best[visited, j][0])
    order = []
    while last >= 0:
        order.append(last)
        visited, last = visited ^ 1 << last, best[visited, last][1]
    return order if order[0] <= order[-1] else order[::-1]


def line_start(
    layer: nn.Linear | LowRankLinear, features: Tensor, labels: Tensor, ridge: float = 1e-3
) -> LowRankLinear:
    """A rank-1 replacement of a classifier's last layer that separates the classes along a line.

    At rank 1 all logits are linear in one number z = w^T x, so z must hold the classes in an order, and the
    truncated SVD of the trained weight, which knows of no order, leaves most of them unreachable. Here the
    order is the shortest path through the class means in the metric of the within-class covariance
    (neighbours on the line are those classes that are near anyway). The class c gets a place p_c, at equal
    distances from -1 to 1 in this order; a ridge regression from the features (batch, n), the last layer's
    inputs, to the place of their class gives w; and the logits are those of a linear discriminant on z,

        logit_c = (p_c z - p_c^2 / 2) / s^2,   s^2 = E[(z - p_c)^2],

    so that the class with the nearest place has the largest. (The means of z within the classes, in place of
    the places, would crowd the classes that overlap; networks refine to less from there.) The two factors
    get equal norms.

    `layer` gives the shape, the dtype and the device; `ridge` is relative to the mean variance of the
    features. Raises ValueError for features or labels that do not fit the layer, or a class without samples.
    """
    c, n = layer.out_features, layer.in_features
    X, y = features.detach().cpu().double(), labels.detach().cpu()
    _check(X, y, c, n)
    member = nn.functional.one_hot(y.long(), c).double()  # (batch, c)
    counts = member.sum(0)
    mean = X.mean(0)
    X = X - mean
    class_means = member.T @ X / counts[:, None]  # (c, n)
    total = X.T @ X / len(X)
    within = total - class_means.T @ (class_means * counts[:, None]) / len(X)
    eye = ridge * total.trace() / n * torch.eye(n, dtype=X.dtype)
    whitened = torch.linalg.solve_triangular(torch.linalg.cholesky(within + eye), class_means.T, upper=False)
    order = shortest_path(torch.cdist(whitened.T, whitened.T))

    places = torch.empty(c, dtype=X.dtype)
    places[order] = torch.linspace(-1, 1, c, dtype=X.dtype)
    target = places[y]  # (batch,)
    w = torch.linalg.solve(total + eye, X.T @ target / len(X))  # (n,), ridge regression
    w = w * (target @ (X @ w)) / (X @ w).square().sum()  # undoes the ridge's shrinkage
    variance = (X @ w - target).square().mean()

    outer, bias = places / variance, -(places / variance) * (places / 2 + mean @ w)
    balance = (outer.norm() / w.norm()).sqrt()
    outer, inner = outer[:, None] / balance, w[None] * balance
    like = next(layer.parameters())
    return LowRankLinear.from_factors(outer.to(like), inner.to(like), bias.to(like))


def _check(X: Tensor, y: Tensor, c: int, n: int) -> None:
    if X.dim() != 2 or X.shape[1] != n or y.shape != X.shape[:1]:
        raise ValueError(
            f"features must be (batch, {n}), labels (batch,), but are {tuple(X.shape)} and {tuple(y.shape)}"
        )
    if y.is_floating_point() or set(y.unique().tolist()) != set(range(c)):
        raise ValueError(f"labels must be the classes 0 to {c - 1}, each with at least one sample")
