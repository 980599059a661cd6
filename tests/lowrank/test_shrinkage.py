"""Singular value thresholding against the SVD and against its defining property."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dlhw.lowrank import shrink_singular_values_


@given(st.integers(1, 9), st.integers(1, 9), st.floats(0, 4), st.integers(0, 100))
def test_each_singular_value_is_lowered(m: int, n: int, threshold: float, seed: int) -> None:
    W = torch.randn(m, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    U, S, Vh = torch.linalg.svd(W, full_matrices=False)
    expected = (U * (S - threshold).clamp_min(0)) @ Vh
    assert shrink_singular_values_(W, threshold) is W
    torch.testing.assert_close(W, expected, atol=1e-7, rtol=0)


def test_it_is_the_proximal_step_of_the_nuclear_norm() -> None:
    generator = torch.Generator().manual_seed(0)
    W = torch.randn(8, 6, generator=generator, dtype=torch.float64)
    shrunk = shrink_singular_values_(W.clone(), 0.7)

    def objective(A: torch.Tensor) -> torch.Tensor:
        return 0.5 * (A - W).square().sum() + 0.7 * torch.linalg.svdvals(A).sum()

    for _ in range(50):
        step = 0.1 * torch.randn(8, 6, generator=generator, dtype=torch.float64)
        assert objective(shrunk) < objective(shrunk + step)


def test_a_parameter_in_training_is_shrunk_in_place() -> None:
    layer = torch.nn.Linear(6, 4)
    before = torch.linalg.svdvals(layer.weight.detach())
    shrink_singular_values_(layer.weight, 0.1)
    torch.testing.assert_close(torch.linalg.svdvals(layer.weight.detach()), (before - 0.1).clamp_min(0))
    assert shrink_singular_values_(torch.zeros(3, 2), 0.5).tolist() == [[0, 0]] * 3
    with pytest.raises(ValueError, match="at least 0"):
        shrink_singular_values_(layer.weight, -0.1)
