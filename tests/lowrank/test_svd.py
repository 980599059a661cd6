"""The mathematics of one matrix, against numpy and against random competitors."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dlhw.lowrank import (
    eckart_young_error,
    rank_for_energy,
    rank_for_parameters,
    resolve_rank,
    split_factors,
    truncated_svd,
)

shapes = st.tuples(st.integers(1, 12), st.integers(1, 12))


def matrix(shape: tuple[int, int], seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@given(shapes, st.data())
def test_truncation_agrees_with_numpy(shape: tuple[int, int], data: st.DataObject) -> None:
    W = matrix(shape)
    k = data.draw(st.integers(1, min(shape)))
    U, S, Vh = truncated_svd(W, k)
    u, s, vh = np.linalg.svd(W.numpy(), full_matrices=False)
    assert U.shape == (shape[0], k)
    assert Vh.shape == (k, shape[1])
    np.testing.assert_allclose((U * S) @ Vh, (u[:, :k] * s[:k]) @ vh[:k], atol=1e-12)
    np.testing.assert_allclose(eckart_young_error(S.new_tensor(s))[k], np.linalg.norm(s[k:]), atol=1e-12)


@given(shapes, st.integers(0, 1000), st.data())
def test_no_matrix_of_the_same_rank_is_nearer(shape: tuple[int, int], seed: int, data: st.DataObject) -> None:
    """Eckart-Young, against random factors, each with its best partner (by least squares)."""
    W = matrix(shape, seed)
    k = data.draw(st.integers(1, min(shape)))
    U, S, Vh = truncated_svd(W, k)
    error = torch.linalg.norm(W - (U * S) @ Vh)
    torch.testing.assert_close(error, eckart_young_error(torch.linalg.svdvals(W))[k], atol=1e-12, rtol=1e-10)
    nearby = U + 0.1 * matrix((shape[0], k), seed + 1)
    for columns in (nearby, matrix((shape[0], k), seed + 2)):
        Q = torch.linalg.qr(columns).Q
        assert torch.linalg.norm(W - Q @ (Q.T @ W)) >= error - 1e-12


def test_error_runs_from_the_norm_to_zero() -> None:
    W = matrix((5, 3))
    error = eckart_young_error(torch.linalg.svdvals(W))
    assert error.shape == (4,)
    torch.testing.assert_close(error[0], torch.linalg.norm(W))
    assert error[-1] == 0
    torch.testing.assert_close(eckart_young_error(torch.linalg.svdvals(W), relative=True), error / error[0])
    assert eckart_young_error(torch.zeros(3), relative=True).tolist() == [0, 0, 0, 0]


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=8), st.floats(1e-3, 1))
def test_energy_rank_is_the_smallest_that_suffices(values: list[float], energy: float) -> None:
    S = torch.tensor(sorted(values, reverse=True), dtype=torch.float64)
    k = rank_for_energy(S, energy)
    kept = S.square().cumsum(0)
    slack = 1e-9 * kept[-1]
    assert kept[k - 1] >= energy * kept[-1] - slack
    assert k == 1 or kept[k - 2] < energy * kept[-1] + slack


def test_full_energy_is_the_numerical_rank() -> None:
    W = matrix((20, 3), 1) @ matrix((3, 15), 2)
    assert rank_for_energy(torch.linalg.svdvals(W), 1) == 3
    assert rank_for_energy(torch.linalg.svdvals(W.float()), 1.0) == 3
    assert rank_for_energy(torch.zeros(4), 0.5) == 1


@given(shapes, st.integers(0, 500))
def test_parameter_rank_is_the_largest_that_fits(shape: tuple[int, int], extra: int) -> None:
    m, n = shape
    k = rank_for_parameters(m, n, m + n + extra)
    assert k * (m + n) <= m + n + extra
    assert k == min(m, n) or (k + 1) * (m + n) > m + n + extra


@pytest.mark.parametrize("split", ["left", "right", "balanced"])
def test_splits_give_the_same_product(split: str) -> None:
    U, S, Vh = truncated_svd(matrix((6, 4)), 3)
    outer, inner = split_factors(U, S, Vh, split)
    torch.testing.assert_close(outer @ inner, (U * S) @ Vh)
    norms = {"left": (S.norm(), 3**0.5), "right": (3**0.5, S.norm()), "balanced": (S.sum() ** 0.5,) * 2}
    assert float(outer.norm()) == pytest.approx(float(norms[split][0]))
    assert float(inner.norm()) == pytest.approx(float(norms[split][1]))


@pytest.mark.parametrize("shape", [(1, 7), (7, 1), (1, 1)])
def test_thin_matrices_are_kept_whole(shape: tuple[int, int]) -> None:
    W = matrix(shape)
    U, S, Vh = truncated_svd(W, "full")
    assert S.shape == (1,)
    torch.testing.assert_close((U * S) @ Vh, W)


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-12), (torch.float32, 1e-5), (torch.bfloat16, 3e-2), (torch.float16, 4e-3)],
)
def test_factors_have_the_weights_precision(dtype: torch.dtype, tolerance: float) -> None:
    W = matrix((6, 5)).to(dtype)
    U, S, Vh = truncated_svd(W, "full")
    assert U.dtype == S.dtype == Vh.dtype == dtype
    torch.testing.assert_close((U * S) @ Vh, W, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("rank", [0, -1, 6, True, False, "many", "5", 2.0, None])
def test_bad_ranks_are_refused_in_one_line(rank: object) -> None:
    with pytest.raises(ValueError, match="rank must be") as error:
        resolve_rank(rank, 5, 9)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)
    assert "5" in str(error.value)


@pytest.mark.parametrize("energy", [0, -0.1, 1.01, float("nan"), True, "0.9"])
def test_bad_energies_are_refused(energy: object) -> None:
    with pytest.raises(ValueError, match="energy"):
        rank_for_energy(torch.ones(3), energy)  # type: ignore[arg-type]


def test_what_has_no_decomposition_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        truncated_svd(torch.tensor([[1.0, float("nan")]]), 1)
    with pytest.raises(ValueError, match="must be a matrix"):
        truncated_svd(torch.ones(3), 1)
    with pytest.raises(ValueError, match="needs 5 parameters"):
        rank_for_parameters(2, 3, 4)
    with pytest.raises(ValueError, match="split must be one of left, right, balanced"):
        split_factors(torch.ones(2, 1), torch.ones(1), torch.ones(1, 2), "middle")  # type: ignore[arg-type]
