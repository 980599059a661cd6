"""Activation-aware truncation: the statistics of each layer's inputs, and the SVD weighted by them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dlhw.lowrank.svd import float64, svd

RIDGE = 1e-6  # relative to the mean input energy: where calibration says nothing, the plain SVD decides


@dataclass(frozen=True)
class InputMoments:
    """E[x] (n,) and E[x x^T] (n, n) of a layer's inputs, in float64."""

    mean: Tensor
    second: Tensor

    @property
    def covariance(self) -> Tensor:
        return self.second - torch.outer(self.mean, self.mean)


def input_moments(
    model: nn.Module, groups: Mapping[str, Sequence[nn.Linear]], batches: Iterable[Tensor | tuple | list]
) -> dict[str, InputMoments]:
    """The moments of the inputs of each group of layers, over the calibration batches.

    A batch is a tensor, the model's input, or a tuple of its positional arguments. The model runs in
    evaluation mode. Raises ValueError if there is no batch, or if a layer receives no input or one that is
    not finite.
    """
    sums: dict[str, Tensor] = {}
    products: dict[str, Tensor] = {}
    counts = dict.fromkeys(groups, 0)

    def record(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(layer: nn.Module, args: tuple[Tensor, ...]) -> None:
            x = float64(args[0]).reshape(-1, args[0].shape[-1])  # (rows, n)
            sums[name] = sums.get(name, 0) + x.sum(0)
            products[name] = products.get(name, 0) + x.T @ x
            counts[name] += len(x)

        return hook

    handles = [layer.register_forward_pre_hook(record(name)) for name, group in groups.items() for layer in group]
    try:
        with evaluation(model), torch.no_grad():
            empty = True
            for batch in batches:
                empty = False
                model(*batch) if isinstance(batch, tuple | list) else model(batch)
    finally:
        for handle in handles:
            handle.remove()
    if empty:
        raise ValueError("calibration holds no batch: give at least one batch of the model's inputs")
    for name, count in counts.items():
        if count == 0:
            raise ValueError(f"calibration: the layer {name!r} received no input; leave it out with skip")
        if not torch.isfinite(products[name]).all():
            raise ValueError(f"calibration: the inputs of the layer {name!r} hold NaN or infinite values")
    return {name: InputMoments(sums[name] / count, products[name] / count) for name, count in counts.items()}


def whitened_svd(weight: Tensor, moment: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """U (m, r), S (r,), Vh (r, n) of a weight (m, n) whose truncations are the best for the layer's outputs.

    With moment = E[x x^T] = L L^T and W L = U diag(S) V^T, the product of the first k triplets of U, S and Vh
    = V^T L^-1 minimises E||(W - W_k) x||^2 over all matrices of rank k, and the minimum is the sum of S_i^2
    over i > k (Eckart-Young applied to W L; "truncation-aware data whitening" of SVD-LLM, Wang et al., 2024).
    With the covariance in place of the second moment the same holds for x - E[x]; the rest, (W - W_k) E[x],
    is a constant that the layer's bias takes over. The rows of Vh are orthonormal in the metric of the
    moment. All in float64.
    """
    n = len(moment)
    ridge = RIDGE * moment.trace() / n
    ridge = torch.where(ridge > 0, ridge, torch.ones_like(ridge))  # an input that is always zero: the plain SVD
    L = torch.linalg.cholesky(moment + ridge * torch.eye(n, dtype=moment.dtype, device=moment.device))
    U, S, Vh = svd(float64(weight) @ L)
    return U, S, torch.linalg.solve_triangular(L, Vh, upper=False, left=False)


@contextmanager
def evaluation(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode; on leaving, every module has its own mode again."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
