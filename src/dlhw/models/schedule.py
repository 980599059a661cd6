"""Learning-rate schedules, stepped once a batch: functions (optimizer, num_steps) -> scheduler."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR


def constant(optimizer: Optimizer, num_steps: int, warmup: float = 0.0) -> LRScheduler:
    """A linear rise over the first `warmup` share of the steps, then the optimizer's rate."""
    rise = warmup * num_steps
    return LambdaLR(optimizer, lambda step: linear_rise(step, rise))


def cosine(optimizer: Optimizer, num_steps: int, warmup: float = 0.0) -> LRScheduler:
    """A linear rise over the first `warmup` share of the steps, then half a cosine down to zero."""
    rise = warmup * num_steps

    def factor(step: int) -> float:
        if step < rise:
            return linear_rise(step, rise)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rise) / max(1.0, num_steps - rise))))

    return LambdaLR(optimizer, factor)


def linear_rise(step: int, rise: float) -> float:
    return min(1.0, (step + 1) / (rise + 1))


def one_cycle(optimizer: Optimizer, num_steps: int, warmup: float = 0.3) -> LRScheduler:
    """Smith's one-cycle policy (arXiv:1708.07120): cosine up to `lr` and down to almost 0, momentum against it."""
    rates = [group["lr"] for group in optimizer.param_groups]
    # one step more than there are: Lightning asks for the rate after the last step too
    return OneCycleLR(optimizer, max_lr=rates, total_steps=num_steps + 1, pct_start=warmup)
