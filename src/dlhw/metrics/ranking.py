"""Judging a ranking: how many of those in front are what was looked for."""

import torch
from torch import Tensor

from dlhw.precision import double


def precision_and_recall(relevant: Tensor) -> tuple[Tensor, Tensor]:
    """After each place of a ranking, the share of those so far that are relevant, and of the relevant that are so far.

    `relevant` (num,) says of each in the ranking's order whether it is; both results are (num,) float64.
    """
    found = double(relevant).cumsum(0)
    return found / torch.arange(1, len(relevant) + 1, device=found.device), found / found[-1]
