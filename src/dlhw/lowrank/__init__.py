"""Low-rank compression of Linear layers by the singular value decomposition, for any torch model."""

from dlhw.lowrank.batch_norm import fold_batch_norm
from dlhw.lowrank.compress import CompressionWarning, Decomposition, compress, decompose, multiply_out
from dlhw.lowrank.layers import LowRankLinear
from dlhw.lowrank.ordered_start import ordered_start
from dlhw.lowrank.shrinkage import shrink_singular_values_
from dlhw.lowrank.straight_through import StraightThroughLinear, export, straight_through
from dlhw.lowrank.svd import (
    eckart_young_error,
    rank_for_energy,
    rank_for_parameters,
    resolve_rank,
    split_factors,
    truncated_svd,
)
from dlhw.lowrank.table import CompressionTable, LayerRow

__all__ = [
    "CompressionTable",
    "CompressionWarning",
    "Decomposition",
    "LayerRow",
    "LowRankLinear",
    "StraightThroughLinear",
    "compress",
    "decompose",
    "eckart_young_error",
    "export",
    "fold_batch_norm",
    "multiply_out",
    "ordered_start",
    "rank_for_energy",
    "rank_for_parameters",
    "resolve_rank",
    "shrink_singular_values_",
    "split_factors",
    "straight_through",
    "truncated_svd",
]
