"""A Linear layer in factorised form."""

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from dlhw.lowrank.svd import Rank, Split, split_factors, truncated_svd


class LowRankLinear(nn.Module):
    """Two Linear layers with nothing between them: in_features -> rank -> out_features.

    y = (x A^T + a) B^T + b with A = `inner.weight` (rank, in), B = `outer.weight` (out, rank); the bias a of
    the inner layer is optional. It holds rank (in + out) weights in place of in x out.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        rank: int,
        bias: bool = True,
        inner_bias: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features, self.rank = in_features, out_features, rank
        self.inner = nn.Linear(in_features, rank, bias=inner_bias, device=device, dtype=dtype)
        self.outer = nn.Linear(rank, out_features, bias=bias, device=device, dtype=dtype)

    @classmethod
    def from_factors(cls, outer: Tensor, inner: Tensor, bias: Tensor | None = None, inner_bias: bool = False) -> Self:
        """The layer with weight outer @ inner, from factors (out, rank) and (rank, in), which are copied.

        An inner bias starts at zero, so that it changes nothing before training.
        """
        (out_features, rank), in_features = outer.shape, inner.shape[1]
        layer = skip_init(  # no random start: nothing is drawn from the global generator
            cls,
            in_features,
            out_features,
            rank,
            bias is not None,
            inner_bias,
            device=outer.device,
            dtype=outer.dtype,
        )
        layer.outer.weight.data.copy_(outer)
        layer.inner.weight.data.copy_(inner)
        if bias is not None:
            layer.outer.bias.data.copy_(bias)
        if inner_bias:
            layer.inner.bias.data.zero_()
        return layer

    @classmethod
    def from_linear(cls, linear: nn.Linear, rank: Rank, split: Split = "left", inner_bias: bool = False) -> Self:
        """The best approximation of a Linear layer's weight at the given rank; its bias is kept."""
        outer, inner = split_factors(*truncated_svd(linear.weight, rank), split)
        return cls.from_factors(outer, inner, linear.bias, inner_bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(self.inner(x))

    @property
    def weight(self) -> Tensor:
        """The product B A (out, in), the weight of the Linear layer that this one equals."""
        return self.outer.weight @ self.inner.weight

    @property
    def bias(self) -> Tensor | None:
        """The bias of the Linear layer that this one equals, B a + b (out,), or None without any bias."""
        if self.inner.bias is None:
            return self.outer.bias
        through = self.outer.weight @ self.inner.bias
        return through if self.outer.bias is None else through + self.outer.bias

    def to_linear(self) -> nn.Linear:
        """One dense Linear layer with the same outputs."""
        return dense_linear(self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"{self.in_features} -> {self.rank} -> {self.out_features}"


def dense_linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """A Linear layer with copies of the given weight (out, in) and bias (out,)."""
    out_features, in_features = weight.shape
    linear = skip_init(nn.Linear, in_features, out_features, bias is not None, device=weight.device, dtype=weight.dtype)
    linear.weight.data.copy_(weight.detach())
    if bias is not None:
        linear.bias.data.copy_(bias.detach())
    return linear
