"""Training under a rank constraint: forward with the best rank-k approximation, identity gradient."""

import copy
from collections.abc import Collection, Mapping
from typing import Any, Literal, Self, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlhw.lowrank.layers import LowRankLinear, dense_linear
from dlhw.lowrank.ranks import ranks_from_rank
from dlhw.lowrank.subspace import WarmSubspace
from dlhw.lowrank.surgery import linear_layers, replace_modules
from dlhw.lowrank.svd import Rank, Split, eckart_young_error, matrix_shape, resolve_rank, split_factors, svd
from dlhw.lowrank.table import CompressionTable, LayerRow

Projection = Literal["subspace", "exact"]


class StraightThroughLinear(nn.Module):
    """A Linear layer that acts through the best rank-k approximation W_hat of its weight.

    Forward y = x W_hat^T + b; backward dL/dW := dL/dW_hat (the straight-through estimator, Bengio et al.,
    2013) and dL/dx through W_hat. The parameter is the whole W (out, in), so that the subspace can still turn
    during training.

    In training, projection 'subspace' keeps W_hat's subspace warm from call to call (see WarmSubspace) and
    'exact' does a full SVD at each call. In evaluation both use an exact SVD, cached until W changes. W_hat
    is never built: x goes through its two factors, in the weight's precision, also under autocast. At full
    rank W_hat is W, and the layer a plain Linear one. Raises ValueError for a rank outside 1..min(m, n) or an
    unknown projection.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        rank: Rank,
        projection: Projection = "subspace",
        oversample: int = 8,
    ) -> None:
        super().__init__()
        if projection not in get_args(Projection):
            raise ValueError(f"projection must be one of {', '.join(get_args(Projection))}, but is {projection!r}")
        if isinstance(oversample, bool) or not isinstance(oversample, int) or oversample < 0:
            raise ValueError(f"oversample is a number of extra columns, at least 0, but is {oversample!r}")
        self.out_features, self.in_features = weight.shape
        self.rank = resolve_rank(rank, *weight.shape)
        self.projection = projection
        self.weight = weight if isinstance(weight, nn.Parameter) else nn.Parameter(weight)
        self.bias = bias if bias is None or isinstance(bias, nn.Parameter) else nn.Parameter(bias)
        self.subspace = None
        if projection == "subspace" and not self.full_rank:
            self.subspace = WarmSubspace(self.weight.detach(), self.rank, oversample)
        self._cache: tuple[Tensor, tuple[Tensor, Tensor, Tensor]] | None = None
        self._projection: tuple[Tensor, Tensor] | None = None  # of the last training call
        self.register_forward_pre_hook(_do_nothing)

    @classmethod
    def from_linear(
        cls, linear: nn.Linear, rank: Rank, projection: Projection = "subspace", oversample: int = 8
    ) -> "StraightThroughLinear":
        """A layer that takes over the Linear layer's own parameters."""
        return cls(linear.weight, linear.bias, rank, projection, oversample)

    @property
    def full_rank(self) -> bool:
        return self.rank == min(self.weight.shape)

    def exact_svd(self) -> tuple[Tensor, Tensor, Tensor]:
        """All singular triplets of W, U (m, r), S (r,), Vh (r, n); leaves the warm subspace as it is.

        In evaluation they are cached beside a copy of W, to which W is compared at each call: fused
        optimizers and writes through `.data` do not raise a tensor's version counter.
        """
        if self.training:
            return svd(self.weight)
        if self._cache is None or not torch.equal(self._cache[0], self.weight):
            with torch.inference_mode(False), torch.no_grad():  # the cache must serve outside of it too
                self._cache = self.weight.detach().clone(), svd(self.weight)
        return self._cache[1]

    def train(self, mode: bool = True) -> Self:
        if mode:  # W is about to change
            self._cache = None
        return super().train(mode)

    def factors(self) -> tuple[Tensor, Tensor]:
        """W_hat's factors (out, k) and (k, in) for this call; in training they advance the warm subspace."""
        if self.training and self.subspace is not None:
            return self.subspace.project(self.weight)
        U, S, Vh = self.exact_svd()
        return U[:, : self.rank] * S[: self.rank], Vh[: self.rank]

    def forward(self, x: Tensor) -> Tensor:
        if self.full_rank:
            return F.linear(x, self.weight, self.bias)
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(self.weight.dtype)
        with torch.autocast(x.device.type, enabled=False):
            outer, inner = (factor.to(self.weight.dtype) for factor in self.factors())
            if self.training:
                self._projection = outer.detach(), inner.detach()
            return _LowRankProduct.apply(x, self.weight, self.bias, outer, inner)

    @torch.no_grad()
    def decay_residual_(self, share: float) -> None:
        """Move W by a share of the way to the projection that the last training call used, W += share (W_hat - W).

        The residual W - W_hat takes no part in the forward pass, so the loss does not keep it in bounds: the
        optimizer's noise gathers there until it drives directions in and out of the projection. To let the residual
        forget is the proximal step of ||W - W_hat||_F^2; what it gathered lately stays and turns the subspace.
        Does nothing at full rank. Raises ValueError for a share outside 0..1.
        """
        if not 0 <= share <= 1:
            raise ValueError(f"share must be between 0 and 1, but is {share}")
        if self._projection is not None:
            self.weight.mul_(1 - share).addmm_(*self._projection, alpha=share)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}, rank={self.rank}, projection={self.projection!r}"
        )


def _do_nothing(module: nn.Module, args: tuple[Any, ...]) -> None:
    """A hook that keeps nn.TransformerEncoderLayer off its fast path, which reads `weight` past the layer."""


class _LowRankProduct(torch.autograd.Function):
    """y = x (outer inner)^T + bias, with the gradient of the product passed straight on to the weight."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, outer: Tensor, inner: Tensor) -> Tensor:
        ctx.save_for_backward(x, outer, inner)
        return F.linear(F.linear(x, inner), outer, bias)

    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor | None, ...]:
        x, outer, inner = ctx.saved_tensors
        grad_x = grad_weight = grad_bias = None
        with torch.autocast(grad_y.device.type, enabled=False):
            if ctx.needs_input_grad[0]:
                grad_x = grad_y @ outer @ inner
            flat = grad_y.reshape(-1, grad_y.shape[-1])  # (rows, out)
            if ctx.needs_input_grad[1]:
                grad_weight = flat.T @ x.reshape(-1, x.shape[-1])
            if ctx.needs_input_grad[2]:
                grad_bias = flat.sum(0)
        return grad_x, grad_weight, grad_bias, None, None


def straight_through(
    model: nn.Module,
    rank: Rank | Mapping[str, Rank],
    skip: str | Collection[str] = (),
    projection: Projection = "subspace",
    oversample: int = 8,
) -> nn.Module:
    """A copy of the model whose Linear layers are StraightThroughLinear ones.

    rank and skip are those of `compress`: one rank for all layers (capped at each layer's full rank), 'full',
    or a mapping from names to ranks. Raises ValueError as `compress` does.
    """
    model = copy.deepcopy(model)
    layers = linear_layers(model, skip)
    ranks = ranks_from_rank(rank, {name: matrix_shape(layer.weight) for name, layer in layers.items()})
    return replace_modules(
        model,
        {
            layers[name]: StraightThroughLinear.from_linear(layers[name], k, projection, oversample)
            for name, k in ranks.items()
        },
    )


def export(model: nn.Module, split: Split = "left") -> tuple[nn.Module, CompressionTable]:
    """A copy of the model with LowRankLinear in place of StraightThroughLinear, and a table of what it saves.

    The outputs are those of the layers in evaluation mode, up to rounding. Layers at full rank become plain
    Linear layers. Raises ValueError if the model has no straight-through layer.
    """
    model = copy.deepcopy(model)
    layers = {name: module for name, module in model.named_modules() if isinstance(module, StraightThroughLinear)}
    if not layers:
        raise ValueError("nothing to export: the model has no StraightThroughLinear layer")
    replacements: dict[nn.Module, nn.Module] = {}
    rows = []
    for name, layer in layers.items():
        if layer.full_rank:
            replacements[layer] = dense_linear(layer.weight, layer.bias)
            continue
        U, S, Vh = layer.exact_svd()
        k = layer.rank
        outer, inner = split_factors(U[:, :k], S[:k], Vh[:k], split)
        replacements[layer] = LowRankLinear.from_factors(outer.to(layer.weight), inner.to(layer.weight), layer.bias)
        error = float(eckart_young_error(S, relative=True)[k])
        rows.append(LayerRow.count(name, matrix_shape(layer.weight), k, layer.bias is not None, False, error))
    return replace_modules(model, replacements), CompressionTable(tuple(rows))
