"""Learning-rate schedules, as the sequence of rates that the steps see."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.optim import SGD, Optimizer

from dlhw.models import schedule


def optimizer(lr: float = 0.5) -> Optimizer:
    return SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9)


def rates(make, num_steps: int, **settings: float) -> list[float]:
    """The rate of each step, and the one that is asked for after the last."""
    sgd = optimizer()
    scheduler = make(sgd, num_steps=num_steps, **settings)
    seen = []
    for _ in range(num_steps):
        seen.append(sgd.param_groups[0]["lr"])
        sgd.step()
        scheduler.step()
    return [*seen, sgd.param_groups[0]["lr"]]


@given(num_steps=st.integers(1, 60))
@settings(max_examples=20)
def test_cosine_is_half_a_cosine(num_steps) -> None:
    expected = [0.25 * (1 + math.cos(math.pi * step / num_steps)) for step in range(num_steps + 1)]
    assert rates(schedule.cosine, num_steps) == pytest.approx(expected, abs=1e-12)


@given(num_steps=st.integers(2, 60), warmup=st.floats(0.05, 0.9))
@settings(max_examples=30)
def test_cosine_rises_then_falls_to_zero(num_steps, warmup) -> None:
    assume((1 - warmup) * num_steps >= 1)
    seen = rates(schedule.cosine, num_steps, warmup=warmup)
    rise = math.ceil(warmup * num_steps)
    assert all(a < b for a, b in pairwise(seen[:rise]))
    assert all(a >= b for a, b in pairwise(seen[rise:]))
    assert all(0 < rate <= 0.5 for rate in seen[:-1])
    assert seen[-1] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("num_steps", [1, 2, 10, 1000])
def test_one_cycle_peaks_at_the_rate_and_ends_near_zero(num_steps: int) -> None:
    seen = rates(schedule.one_cycle, num_steps, warmup=0.3)
    assert max(seen) <= 0.5 + 1e-12
    assert seen[-1] < 1e-4
    if num_steps >= 10:
        assert seen[0] == pytest.approx(0.5 / 25)
        assert max(seen) == pytest.approx(0.5, rel=0.05)
        assert seen.index(max(seen)) == pytest.approx(0.3 * num_steps, abs=1)


def test_constant_rises_and_stays() -> None:
    seen = rates(schedule.constant, 20, warmup=0.25)
    assert all(a < b for a, b in pairwise(seen[:5]))
    assert len(set(seen[5:])) == 1
    assert len(set(rates(schedule.constant, 20))) == 1
