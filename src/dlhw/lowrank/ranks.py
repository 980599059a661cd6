"""One rank for each layer of a model, from a rank, a compression ratio, an energy or a parameter budget."""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from dlhw.lowrank.surgery import unknown_name
from dlhw.lowrank.svd import Rank, float64, rank_for_energy, resolve_rank

Shapes = Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Criterion:
    """How ranks are chosen: exactly one of the four is given (ValueError otherwise).

    rank: one rank for all layers, 'full', or a rank for each layer's name (layers without one are left as
    they are).
    compression: rank = int(out_features / compression), at least 1.
    energy: the smallest rank of each layer that keeps this share of its squared singular values.
    budget: the number of weights of all compressed layers together, spent where a parameter gains the most.
    """

    rank: Rank | Mapping[str, Rank] | None = None
    compression: float | None = None
    energy: float | None = None
    budget: int | None = None

    def __post_init__(self) -> None:
        given = [name for name, value in vars(self).items() if value is not None]
        if len(given) != 1:
            found = f"{' and '.join(given)} are" if given else "none is"
            raise ValueError(f"give exactly one of rank, compression, energy and budget, but {found} given")

    def ranks(self, spectra: Mapping[str, Tensor], shapes: Shapes) -> dict[str, int]:
        """A rank for each layer, from its singular values (descending) and its weight's shape (m, n)."""
        if self.rank is not None:
            return ranks_from_rank(self.rank, shapes)
        if self.compression is not None:
            return ranks_from_compression(self.compression, shapes)
        if self.energy is not None:
            return {name: rank_for_energy(S, self.energy) for name, S in spectra.items()}
        assert self.budget is not None
        return ranks_from_budget(self.budget, spectra, shapes)


def ranks_from_rank(rank: Rank | Mapping[str, Rank], shapes: Shapes) -> dict[str, int]:
    """The given rank for each layer, capped at the full rank of the layers that are smaller.

    A mapping gives layers their own ranks, and the layers that it does not name get none.
    Raises ValueError for a rank that is larger than every layer's full rank.
    """
    if isinstance(rank, Mapping):
        if not rank:
            raise ValueError("nothing to compress: rank names no layer")
        for name in rank:
            if name not in shapes:
                raise unknown_name("rank", name, shapes)
        return {name: resolve_rank(rank[name], *shape) for name, shape in shapes.items() if name in rank}
    widest = max(shapes.values(), key=min)
    largest = resolve_rank(rank, *widest)
    return {name: min(largest, *shape) for name, shape in shapes.items()}


def ranks_from_compression(compression: float, shapes: Shapes) -> dict[str, int]:
    """Rank int(m / compression), at least 1 and at most min(m, n), for each weight (m, n)."""
    if isinstance(compression, bool) or not isinstance(compression, int | float) or not compression >= 1:
        raise ValueError(f"compression is a ratio of at least 1, but is {compression!r}")
    return {name: min(max(1, int(m / compression)), m, n) for name, (m, n) in shapes.items()}


def ranks_from_budget(budget: int, spectra: Mapping[str, Tensor], shapes: Shapes) -> dict[str, int]:
    """Ranks whose factors hold at most `budget` weights together, each layer at least at rank 1.

    One more rank of a layer costs m + n weights and removes S_k^2 from its squared error. The cheapest
    removal is bought first; since singular values descend, this greedy choice is the best one up to the last
    purchase.
    """
    smallest = sum(m + n for m, n in shapes.values())
    if isinstance(budget, bool) or not isinstance(budget, int) or budget < smallest:
        raise ValueError(f"budget must be an integer of at least {smallest} (rank 1 for each layer), but is {budget!r}")
    gains = {name: (float64(S).square() / sum(shapes[name])).tolist() for name, S in spectra.items()}
    ranks = dict.fromkeys(shapes, 1)
    left = budget - smallest
    queue = [(-gain[1], name) for name, gain in gains.items() if len(gain) > 1]
    heapq.heapify(queue)
    while queue:
        _, name = heapq.heappop(queue)
        if sum(shapes[name]) > left:
            continue  # this layer is too wide for what is left, a narrower one may still fit
        left -= sum(shapes[name])
        ranks[name] += 1
        if ranks[name] < len(gains[name]):
            heapq.heappush(queue, (-gains[name][ranks[name]], name))
    return ranks
