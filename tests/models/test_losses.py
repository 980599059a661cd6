"""Generalised cross entropy against its definition and its two limits."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from dlhw.errors import UserError
from dlhw.models.losses import GeneralisedCrossEntropy


def batch(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(20, 5, generator=generator, dtype=torch.float64), torch.randint(
        5, (20,), generator=generator
    )


@given(q=st.floats(0.01, 1), seed=st.integers(0, 50))
def test_it_is_its_definition(q: float, seed: int) -> None:
    logits, labels = batch(seed)
    p = torch.softmax(logits, 1)[torch.arange(20), labels]
    assert GeneralisedCrossEntropy(q)(logits, labels).item() == pytest.approx(((1 - p**q) / q).mean().item(), rel=1e-9)


@given(q=st.floats(0.01, 1), seed=st.integers(0, 50))
def test_its_gradient_is_that_of_cross_entropy_weighted_by_p_to_the_q(q: float, seed: int) -> None:
    logits, labels = batch(seed)
    logits.requires_grad_()
    (gradient,) = torch.autograd.grad(GeneralisedCrossEntropy(q)(logits, labels), logits)
    (plain,) = torch.autograd.grad(F.cross_entropy(logits, labels), logits)
    p = torch.softmax(logits.detach(), 1)[torch.arange(20), labels]
    torch.testing.assert_close(gradient, plain * (p**q)[:, None])


def test_its_limits() -> None:
    logits, labels = batch(0)
    cross_entropy = F.cross_entropy(logits, labels).item()
    assert GeneralisedCrossEntropy(1e-7)(logits, labels).item() == pytest.approx(cross_entropy, rel=1e-5)
    p = torch.softmax(logits, 1)[torch.arange(20), labels]
    assert GeneralisedCrossEntropy(1)(logits, labels).item() == pytest.approx((1 - p).mean().item())


@pytest.mark.parametrize("q", [0, -1, 1.5])
def test_a_q_outside_its_range_is_refused(q: float) -> None:
    with pytest.raises(UserError, match="larger than 0 and at most 1"):
        GeneralisedCrossEntropy(q)
