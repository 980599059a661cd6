"""Replacing a model's Linear layers by their truncated singular value decompositions."""

import copy
import warnings
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from dlhw.lowrank.calibration import InputMoments, input_moments, whitened_svd
from dlhw.lowrank.layers import LowRankLinear
from dlhw.lowrank.ranks import Criterion
from dlhw.lowrank.surgery import linear_layers, replace_modules, tied_groups
from dlhw.lowrank.svd import Rank, Split, eckart_young_error, matrix_shape, relative_norm, split_factors, svd
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
    """A copy of the model with LowRankLinear in place of its Linear layers, and a table of what that does.

    Exactly one of these says how the ranks are chosen:
    rank: one for all layers (capped at each layer's full rank), 'full', or a mapping from layers' names to
    ranks;
    compression: the ratio c >= 1 in rank = int(out_features / c), at least 1;
    energy: the share, in (0, 1], of the squared singular values that each layer keeps;
    budget: the number of weights (without biases) of all compressed layers together.

    `skip` names layers to leave out (glob patterns; a module's name leaves out all within it), `split` says
    which factor takes the singular values, `inner_bias` adds a zero bias between the factors. `calibration`,
    batches of the model's inputs, makes the truncation activation-aware: optimal for the layers' outputs on
    these data instead of their weights; the biases then take over the mean of what is cut off. Warns with
    CompressionWarning about layers where the rank saves nothing, raises ValueError for settings that make no
    sense.
    """
    criterion = Criterion(rank, compression, energy, budget)
    return decompose(model, skip, calibration)._truncate(criterion, split, inner_bias)


def decompose(
    model: nn.Module, skip: str | Collection[str] = (), calibration: Batches | None = None
) -> "Decomposition":
    """The singular value decompositions of a model's Linear layers, from which any truncation can be cut.

    The arguments are those of `compress`.
    """
    model = copy.deepcopy(model)
    groups = tied_groups(linear_layers(model, skip))
    moments = {} if calibration is None else input_moments(model, groups, calibration)
    layers = {}
    for name, group in groups.items():
        try:
            layers[name] = LayerSVD.of(group, moments.get(name))
        except ValueError as error:
            raise ValueError(f"layer {name!r}: {error}") from None
    return Decomposition(model, layers, skip)


def multiply_out(model: nn.Module) -> nn.Module:
    """A copy of the model in which each LowRankLinear is one dense Linear layer of the same rank and outputs."""
    model = copy.deepcopy(model)
    factorised = [module for module in model.modules() if isinstance(module, LowRankLinear)]
    return replace_modules(model, {module: module.to_linear() for module in factorised})


@dataclass(frozen=True)
class LayerSVD:
    """The decomposition of the weight (m, n) that a group of layers shares: U (m, r), S (r,), Vh (r, n).

    Whitened by the inputs' covariance if calibrated and every layer of the group has a bias, which takes over
    the mean, and by their second moment if one has none.
    """

    weight: Tensor
    U: Tensor
    S: Tensor
    Vh: Tensor
    calibrated: bool
    mean: Tensor | None = None  # E[x] (n,), where the biases take over the mean of what is cut off

    @classmethod
    def of(cls, group: list[nn.Linear], moments: InputMoments | None) -> "LayerSVD":
        weight = group[0].weight.detach()
        if moments is None:
            return cls(weight, *svd(weight), calibrated=False)
        if any(layer.bias is None for layer in group):
            return cls(weight, *whitened_svd(weight, moments.second), calibrated=True)
        return cls(weight, *whitened_svd(weight, moments.covariance), calibrated=True, mean=moments.mean)

    def factorise(self, group: list[nn.Linear], rank: int, split: Split, inner_bias: bool) -> list[LowRankLinear]:
        """LowRankLinear layers for a group of Linear layers; they share the factors, not the biases."""
        outer, inner = split_factors(self.U[:, :rank], self.S[:rank], self.Vh[:rank], split)
        outer, inner = outer.to(self.weight), inner.to(self.weight)
        layers = [LowRankLinear.from_factors(outer, inner, linear.bias, inner_bias) for linear in group]
        for layer in layers:
            layer.outer.weight, layer.inner.weight = layers[0].outer.weight, layers[0].inner.weight
            if self.mean is not None:
                layer.outer.bias.data += (self._cut_off(rank) @ self.mean).to(self.weight)
        return layers

    def errors(self, rank: int) -> tuple[float, float | None]:
        """The relative error of the truncated weight, and that of the layer's outputs if calibrated."""
        spectral = float(eckart_young_error(self.S, relative=True)[rank])
        return (relative_norm(self._cut_off(rank), self.weight), spectral) if self.calibrated else (spectral, None)

    def _cut_off(self, rank: int) -> Tensor:
        return self.weight.to(self.U) - (self.U[:, :rank] * self.S[:rank]) @ self.Vh[:rank]


@dataclass(frozen=True)
class Decomposition:
    """A snapshot of a model with an SVD for each of its Linear layers (one for those that share a weight)."""

    model: nn.Module
    layers: Mapping[str, LayerSVD]
    skip: str | Collection[str] = ()

    @property
    def singular_values(self) -> dict[str, Tensor]:
        """The singular values of each layer, descending; of the whitened weight W L if calibrated."""
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
        shapes = {name: matrix_shape(layer.weight) for name, layer in self.layers.items()}
        ranks = criterion.ranks(self.singular_values, shapes)
        model = copy.deepcopy(self.model)
        groups = tied_groups(linear_layers(model, self.skip))
        replacements: dict[nn.Module, nn.Module] = {}
        rows = []
        for name, rank in ranks.items():
            layer, group = self.layers[name], groups[name]
            replacements.update(zip(group, layer.factorise(group, rank, split, inner_bias), strict=True))
            bias = group[0].bias is not None
            rows.append(LayerRow.count(name, shapes[name], rank, bias, inner_bias, *layer.errors(rank)))
        warn_without_saving(rows)
        return replace_modules(model, replacements), CompressionTable(tuple(rows))


def warn_without_saving(rows: Iterable[LayerRow]) -> None:
    """One CompressionWarning that names the layers where the factors are not smaller than the matrix."""
    wasteful = [f"{row.name} ({row.shape[1]} -> {row.shape[0]}, rank {row.rank})" for row in rows if not row.saves]
    if wasteful:
        warnings.warn(
            f"no saving, as rank x (inputs + outputs) >= inputs x outputs: {', '.join(wasteful)}",
            CompressionWarning,
            stacklevel=4,
        )
