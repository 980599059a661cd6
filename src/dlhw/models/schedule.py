"""Learning-rate schedules: functions (optimizer, num_steps) -> scheduler, stepped once a batch; but the one that waits
for a plateau once an epoch, with the training loss.
"""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from dlhw.schema.fields import Positive, Share


def constant(optimizer: Optimizer, num_steps: int, warmup: Share = 0.0) -> LRScheduler:
    """A linear rise over the first `warmup` share of the steps, then the optimizer's rate."""
    rise = warmup * num_steps
    return LambdaLR(optimizer, lambda step: linear_rise(step, rise))


def cosine(optimizer: Optimizer, num_steps: int, warmup: Share = 0.0) -> LRScheduler:
    """A linear rise over the first `warmup` share of the steps, then half a cosine down to zero."""
    rise = warmup * num_steps

    def factor(step: int) -> float:
        if step < rise:
            return linear_rise(step, rise)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rise) / max(1.0, num_steps - rise))))

    return LambdaLR(optimizer, factor)


def linear_rise(step: int, rise: float) -> float:
    return min(1.0, (step + 1) / (rise + 1))


def one_cycle(optimizer: Optimizer, num_steps: int, warmup: Share = 0.3) -> LRScheduler:
    """Smith's one-cycle policy (arXiv:1708.07120): cosine up to `lr` and down to almost 0, momentum against it."""
    rates = [group["lr"] for group in optimizer.param_groups]
    total = num_steps + 1  # one step more than there are: Lightning asks for the rate after the last step too
    rise = 1.5 / total if math.isclose(warmup * total, 1) else warmup  # torch divides by the rise's steps but one
    return OneCycleLR(optimizer, max_lr=rates, total_steps=total, pct_start=rise)


def drop(
    optimizer: Optimizer,
    num_steps: int,
    num_epochs: int,
    drop_epoch: int | None = None,
    factor: Positive = 0.1,
    patience: int = 10,
    min_delta: float = 0.02,
) -> LRScheduler:
    """The optimizer's rate, multiplied once by `factor`: after `drop_epoch` epochs, or at the loss's plateau if None.

    The plateau is the end of `patience` epochs in which the loss fell by less than `min_delta` (nats).
    """
    if drop_epoch is not None:
        last_step = drop_epoch * num_steps // num_epochs
        return LambdaLR(optimizer, lambda step: 1.0 if step < last_step else factor)
    return ReduceLROnPlateau(
        optimizer,
        factor=factor,
        patience=patience - 1,  # torch counts the epochs that it bears, not those at which it acts
        threshold=min_delta,
        threshold_mode="abs",
        min_lr=[factor * group["lr"] for group in optimizer.param_groups],  # one drop only
    )
