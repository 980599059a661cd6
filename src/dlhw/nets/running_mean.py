"""The mean of what a sequence has been so far, the recent counting most."""

from typing import NamedTuple

import torch
from torch import Tensor

BLOCK = 512  # frames whose means are one product of matrices


class History(NamedTuple):
    """What is remembered of the frames before: their weighted sum (batch, features) and the sum of their weights ()."""

    total: Tensor
    weight: Tensor


def running_mean(values: Tensor, memory: float, history: History | None = None) -> tuple[Tensor, History]:
    """The means (batch, time, features) of each frame of `values` and those before it, and the history after the last.

    A frame that is d frames old counts exp(-d / memory); the weights are scaled to a sum of 1, so that the mean of a
    sequence's first frame is that frame.

    Args:
        memory: frames.
        history: of the frames before these; None: there were none.
    """
    if history is None:
        history = History(torch.zeros_like(values[:, 0]), values.new_zeros(()))
    means = []
    for block in values.split(BLOCK, dim=1):
        age = torch.arange(block.shape[1], device=values.device, dtype=values.dtype)
        weights = (-(age[:, None] - age).clamp_min(0) / memory).exp().tril()  # (time, time)
        kept = (-(age + 1) / memory).exp()  # (time,), of the history
        totals = weights @ block + kept[:, None] * history.total[:, None]
        sums = weights.sum(1) + kept * history.weight
        means.append(totals / sums[:, None])
        history = History(totals[:, -1], sums[-1])
    return torch.cat(means, 1), history
