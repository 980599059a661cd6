"""Replacing a model's Linear layers by their truncated singular value decompositions."""

import copy
import warnings
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from dlhw.lowrank.calibration import second_moments, whitened_svd
from dlhw.lowrank.layers import LowRankLinear
from dlhw.lowrank.ranks import Criterion
from dlhw.lowrank.surgery import linear_layers, replace_modules, tied_groups
from dlhw.lowrank.svd import Rank, Split, eckart_young_error, relative_norm, split_factors, svd
from dlhw.lowrank.table import CompressionTable, LayerRow

Batches = Iterable[Tensor | tuple | list]


class CompressionWarning(UserWarning):
    """A rank is so high that the two factors hold at least as many numbers as the matrix."""


def compress(
    model: nn.Module,
    *,
    rank: Rank | Mapping[str, Rank] | None = None,
    compression: float | None = None,
    energy: float | None = None,
    budget: int | None = None,
    skip: str | Collection[str] = (),
    split: Split = "left",
    inner_bias: bool = False,
    calibration: Batches | None = None,
) -> tuple[nn.Module, CompressionTable]:
    """A copy of the model with its Linear layers replaced by LowRankLinear ones, and a table of what that does.

    Exactly one of these says how the ranks are chosen:
    rank: one for all layers (capped at each layer's full rank), 'full', or a mapping from layers' names to ranks;
    compression: the ratio c >= 1 in rank = int(out_features / c), at least 1;
    energy: the share, in (0, 1], of the squared singular values that each layer keeps;
    budget: the number of weights (without biases) of all compressed layers together.

    `skip` names layers to leave out (glob patterns; a module's name leaves out all within it), `split` says which factor
    takes the singular values, `inner_bias` adds a zero bias between the factors. `calibration`, batches of the model's
    inputs, makes the truncation activation-aware: optimal for the layers' outputs on these data instead of their weights.
    Warns with CompressionWarning about layers where the rank saves nothing, raises ValueError for settings that make no sense.
    """
    criterion = Criterion(rank, compression, energy, budget)
    return decompose(model, skip, calibration)._truncate(criterion, split, inner_bias)


def decompose(
    model: nn.Module, skip: str | Collection[str] = (), calibration: Batches | None = None
) -> "Decomposition":
    """The singular value decompositions of a model's Linear layers, from which any truncation is cut at no cost.

    The arguments are those of `compress`.
    """
    model = copy.deepcopy(model)
    groups = tied_groups(linear_layers(model, skip))
    moments = None if calibration is None else second_moments(model, groups, calibration)
    layers = {}
    for name, group in groups.items():
        weight = group[0].weight.detach()
        try:
            factors = svd(weight) if moments is None else whitened_svd(weight, moments[name])
        except ValueError as error:
            raise ValueError(f"layer {name!r}: {error}") from None
        layers[name] = LayerSVD(weight, *factors, whitened=moments is not None)
    return Decomposition(model, layers, skip)


@dataclass(frozen=True)
class LayerSVD:
    """The decomposition of one layer's weight, U (m, r), S (r,), Vh (r, n); whitened_svd's if `whitened`."""

    weight: Tensor
    U: Tensor
    S: Tensor
    Vh: Tensor
    whitened: bool

    def factors(self, rank: int, split: Split) -> tuple[Tensor, Tensor]:
        """The outer (m, k) and the inner factor (k, n) in the weight's dtype and on its device."""
        outer, inner = split_factors(self.U[:, :rank], self.S[:rank], self.Vh[:rank], split)
        return outer.to(self.weight), inner.to(self.weight)

    def errors(self, rank: int) -> tuple[float, float | None]:
        """The relative error of the truncated weight, and that of the layer's outputs if whitened."""
        spectral = float(eckart_young_error(self.S, relative=True)[rank])
        if not self.whitened:
            return spectral, None
        product = (self.U[:, :rank] * self.S[:rank]) @ self.Vh[:rank]
        return relative_norm(self.weight.to(product) - product, self.weight), spectral


@dataclass(frozen=True)
class Decomposition:
    """A snapshot of a model with one SVD for each of its Linear layers, by name (layers with one shared weight have one)."""

    model: nn.Module
    layers: Mapping[str, LayerSVD]
    skip: str | Collection[str] = ()

    @property
    def singular_values(self) -> dict[str, Tensor]:
        """The singular values of each layer, descending; of W L, the whitened weight, if calibrated."""
        return {name: layer.S for name, layer in self.layers.items()}

    def truncate(
        self,
        *,
        rank: Rank | Mapping[str, Rank] | None = None,
        compression: float | None = None,
        energy: float | None = None,
        budget: int | None = None,
        split: Split = "left",
        inner_bias: bool = False,
    ) -> tuple[nn.Module, CompressionTable]:
        """A compressed copy of the model and its table, as `compress` returns them."""
        return self._truncate(Criterion(rank, compression, energy, budget), split, inner_bias)

    def _truncate(self, criterion: Criterion, split: Split, inner_bias: bool) -> tuple[nn.Module, CompressionTable]:
        shapes = {name: tuple(layer.weight.shape) for name, layer in self.layers.items()}
        ranks = criterion.ranks(self.singular_values, shapes)
        model = copy.deepcopy(self.model)
        groups = tied_groups(linear_layers(model, self.skip))
        replacements: dict[nn.Module, nn.Module] = {}
        rows = []
        for name, rank in ranks.items():
            layer, group = self.layers[name], groups[name]
            factorised = factorise_group(group, *layer.factors(rank, split), inner_bias)
            replacements.update(zip(group, factorised, strict=True))
            bias = group[0].bias is not None
            rows.append(LayerRow.count(name, shapes[name], rank, bias, inner_bias, *layer.errors(rank)))
        warn_without_saving(rows)
        return replace_modules(model, replacements), CompressionTable(tuple(rows))


def factorise_group(
    group: list[nn.Linear], outer: Tensor, inner: Tensor, inner_bias: bool = False
) -> list[LowRankLinear]:
    """LowRankLinear layers for Linear layers that share one weight; they share the two factors and keep their biases."""
    layers = [LowRankLinear.from_factors(outer, inner, linear.bias, inner_bias) for linear in group]
    for layer in layers[1:]:
        layer.outer.weight, layer.inner.weight = layers[0].outer.weight, layers[0].inner.weight
    return layers


def warn_without_saving(rows: Iterable[LayerRow]) -> None:
    """One CompressionWarning that names the layers where the factors are not smaller than the matrix."""
    wasteful = [f"{row.name} ({row.shape[1]} -> {row.shape[0]}, rank {row.rank})" for row in rows if not row.saves]
    if wasteful:
        warnings.warn(
            f"no saving, as rank x (inputs + outputs) >= inputs x outputs: {', '.join(wasteful)}",
            CompressionWarning,
            stacklevel=4,
        )
