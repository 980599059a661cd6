"""Learning-rate schedules, as the sequence of rates that the steps see."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

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


@pytest.mark.parametrize(("num_steps", "warmup"), [(9, 0.1), (3, 0.25), (1, 0.5)])
def test_a_rise_of_just_one_step_is_no_division_by_zero(num_steps: int, warmup: float) -> None:
    assert all(0 <= rate <= 0.5 for rate in rates(schedule.one_cycle, num_steps, warmup=warmup))


def test_constant_rises_and_stays() -> None:
    seen = rates(schedule.constant, 20, warmup=0.25)
    assert all(a < b for a, b in pairwise(seen[:5]))
    assert len(set(seen[5:])) == 1
    assert len(set(rates(schedule.constant, 20))) == 1


def test_the_rate_drops_by_hand_after_the_epoch_that_is_named() -> None:
    seen = rates(schedule.drop, 40, num_epochs=8, drop_epoch=3)  # five steps an epoch
    assert seen == [0.5] * 15 + [0.05] * 26


def rates_along(losses: list[float], **settings: float) -> list[float]:
    """The rate after each epoch, given the epochs' losses."""
    sgd = optimizer()
    scheduler = schedule.drop(sgd, num_steps=100, num_epochs=100, **settings)
    assert isinstance(scheduler, ReduceLROnPlateau)
    seen = []
    for loss in losses:
        scheduler.step(loss)
        seen.append(sgd.param_groups[0]["lr"])
    return seen


def test_a_plateau_is_found_on_a_made_curve() -> None:
    """The loss falls by 0.1 an epoch for 20 epochs, then by 0.0005: the plateau is 10 epochs old after epoch 30."""
    losses = [3 - 0.1 * epoch for epoch in range(1, 21)] + [1 - 0.0005 * epoch for epoch in range(1, 41)]
    seen = rates_along(losses, patience=10, min_delta=0.01)
    assert seen == pytest.approx([0.5] * 29 + [0.05] * 31)


@given(
    losses=st.lists(st.floats(0, 5), min_size=1, max_size=60),
    patience=st.integers(1, 12),
    min_delta=st.floats(0, 0.5),
)
@settings(max_examples=100)
def test_the_rate_drops_once_and_only_at_a_plateau(losses: list[float], patience: int, min_delta: float) -> None:
    seen = rates_along(losses, patience=patience, min_delta=min_delta)
    assert set(seen) <= {0.5, 0.05}
    assert sorted(seen, reverse=True) == seen
    best, waited = math.inf, 0
    for loss, rate in zip(losses, seen, strict=True):  # the plateau by its definition
        waited = 0 if loss < best - min_delta else waited + 1
        best = loss if waited == 0 else best
        if waited == patience:
            assert rate == pytest.approx(0.05)
            return
        assert rate == 0.5
