"""The Frechet distance against scipy's matrix root, neighbours and manifolds against brute force."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from torch import Tensor

from dlhw.metrics import generation
from dlhw.metrics.generation import (
    checkerboard,
    chunks,
    class_shares,
    distances,
    feature_distance,
    frechet_distance,
    nearest_distances,
    precision_recall,
)

SEEDS = st.integers(0, 10_000)


def gaussian(num_features: int, rng: np.random.Generator, rank: int | None = None) -> tuple[Tensor, Tensor]:
    factor = rng.standard_normal((num_features, rank or num_features + 2))
    return torch.from_numpy(rng.standard_normal(num_features)), torch.from_numpy(factor @ factor.T)


def grid_points(num: int, num_features: int, seed: int) -> Tensor:
    """Points of small integers: many coincide or are equally far, and every distance is exact."""
    return torch.randint(3, (num, num_features), generator=torch.Generator().manual_seed(seed)).float()


@given(num_features=st.integers(1, 12), seed=SEEDS)
@settings(max_examples=40)
def test_the_distance_of_two_gaussians_is_scipys(num_features: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    (mean_a, cov_a), (mean_b, cov_b) = gaussian(num_features, rng), gaussian(num_features, rng)
    root = sqrtm((cov_a @ cov_b).numpy()).real
    expected = (mean_a - mean_b).square().sum() + torch.trace(cov_a + cov_b) - 2 * np.trace(root)
    assert frechet_distance(mean_a, cov_a, mean_b, cov_b) == pytest.approx(float(expected), rel=1e-7, abs=1e-7)


@given(
    means=st.tuples(st.floats(-5, 5), st.floats(-5, 5)),
    stds=st.tuples(st.floats(0, 5), st.floats(0, 5)),
)
def test_in_one_dimension_it_is_that_of_means_and_deviations(means, stds) -> None:
    mean_a, mean_b = (torch.tensor([mean], dtype=torch.float64) for mean in means)
    cov_a, cov_b = (torch.tensor([[std**2]], dtype=torch.float64) for std in stds)
    expected = (means[0] - means[1]) ** 2 + (stds[0] - stds[1]) ** 2
    assert frechet_distance(mean_a, cov_a, mean_b, cov_b) == pytest.approx(expected, abs=1e-12)


def test_of_diagonal_covariances_it_adds_up() -> None:
    mean, stds_a, stds_b = torch.zeros(3), torch.tensor([1.0, 2, 0]), torch.tensor([4.0, 2, 3])
    distance = frechet_distance(mean, torch.diag(stds_a**2), mean + 2, torch.diag(stds_b**2))
    assert distance == pytest.approx(3 * 2**2 + 3**2 + 0 + 3**2, abs=1e-12)


@given(num_features=st.integers(1, 30), rank=st.integers(1, 30), seed=SEEDS)
@settings(max_examples=40)
def test_it_is_0_for_equal_gaussians_symmetric_and_at_least_the_means(num_features: int, rank: int, seed: int) -> None:
    """Also where the covariances are singular, as those of fewer samples than features are."""
    rng = np.random.default_rng(seed)
    a, b = gaussian(num_features, rng, rank), gaussian(num_features, rng, rank)
    assert frechet_distance(*a, *a) == pytest.approx(0, abs=1e-12 * a[1].trace().item())
    # A root of a rounding error is large: 1e-8 of the scale
    scale = (a[1] + b[1]).trace().item()
    assert frechet_distance(*a, *b) == pytest.approx(frechet_distance(*b, *a), abs=1e-6 * scale)
    assert frechet_distance(*a, *b) >= (a[0] - b[0]).square().sum().item() - 1e-6 * scale


def test_features_are_judged_by_their_means_and_covariances() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((50, 6)), 2 * rng.standard_normal((70, 6)) + 1
    moments = [torch.from_numpy(array) for x in (a, b) for array in (x.mean(0), np.cov(x.T))]
    expected = frechet_distance(*moments)
    assert feature_distance(torch.from_numpy(a), torch.from_numpy(b)) == pytest.approx(expected, rel=1e-12)
    floats = [torch.from_numpy(x).float() for x in (a, b)]
    assert feature_distance(*floats) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shape", [(200, 8), (5, 20), (9, 1)])
def test_a_set_is_at_0_from_itself_in_any_order(shape: tuple[int, int]) -> None:
    features = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    assert feature_distance(features, features) == pytest.approx(0, abs=1e-10)
    assert feature_distance(features, features.flip(0)) == pytest.approx(0, abs=1e-10)


def test_more_noise_is_farther() -> None:
    generator = torch.Generator().manual_seed(0)
    real, other, noise = torch.randn(3, 1000, 5, generator=generator)
    found = [feature_distance(real, other + amount * noise) for amount in (0, 0.5, 1, 2)]
    assert found[0] < 0.1
    assert found == sorted(found)


def reference_share(points: np.ndarray, manifold: np.ndarray, k: int) -> float:
    """Kynkaanniemi et al. (2019), equations 1 and 2: the share of points in the balls, one by one."""
    own = cdist(manifold, manifold)
    np.fill_diagonal(own, np.inf)
    radii = np.sort(own, axis=1)[:, k - 1]
    inside = [
        any(np.linalg.norm(point - centre) <= r for centre, r in zip(manifold, radii, strict=True)) for point in points
    ]
    return float(np.mean(inside))


@given(
    num_real=st.integers(5, 25), num_generated=st.integers(5, 25), k=st.integers(1, 4), ties=st.booleans(), seed=SEEDS
)
@settings(max_examples=40)
def test_precision_and_recall_are_brute_forces(num_real, num_generated, k, ties, seed) -> None:
    if ties:
        real, generated = grid_points(num_real, 3, seed), grid_points(num_generated, 3, seed + 1)
    else:
        generator = torch.Generator().manual_seed(seed)
        real = torch.randn(num_real, 3, generator=generator)
        generated = 1.5 * torch.randn(num_generated, 3, generator=generator)
    precision, recall = precision_recall(real, generated, k)
    real, generated = real.double().numpy(), generated.double().numpy()
    assert precision == pytest.approx(reference_share(generated, real, k))
    assert recall == pytest.approx(reference_share(real, generated, k))


def test_precision_and_recall_tell_collapse_from_junk() -> None:
    real = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    assert precision_recall(real, real) == (1, 1)
    precision, recall = precision_recall(real, real[:10].repeat(20, 1))
    assert precision == 1
    assert recall == pytest.approx(10 / 200)
    assert precision_recall(real, real + 100) == (0, 0)


@pytest.mark.parametrize("shift", [0, 2.0**30])
def test_sets_that_repeat_each_other_and_themselves_are_brute_forces_wherever_they_lie(shift: float) -> None:
    real = torch.randn(60, 100, generator=torch.Generator().manual_seed(0)).double() + shift
    generated = torch.cat([real[:5].repeat(4, 1), real[5:6].repeat(10, 1), real[6:20] + 0.5])
    precision, recall = precision_recall(real, generated)
    assert precision == reference_share(generated.numpy(), real.numpy(), 3)
    assert recall == reference_share(real.numpy(), generated.numpy(), 3)
    assert precision_recall(real, real[:2].repeat(10, 1)) == (1, 2 / 60)


def test_distances_are_brute_forces_and_0_where_points_coincide() -> None:
    a = torch.randn(50, 300, generator=torch.Generator().manual_seed(0)).double() + 5
    b = torch.cat([a[:20], a[:20] + 1e-3])
    found = distances(a, b)
    np.testing.assert_allclose(found, cdist(a, b), rtol=1e-6)
    assert (found[:20, :20].diagonal() == 0).all()


@given(num_generated=st.integers(1, 20), num_training=st.integers(1, 30), seed=SEEDS)
@settings(max_examples=40)
def test_nearest_images_are_brute_forces(num_generated: int, num_training: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    generated = torch.rand(num_generated, 1, 3, 4, generator=generator)
    training = torch.rand(num_training, 3, 4, generator=generator)
    found, index = nearest_distances(generated, training)
    between = cdist(generated.flatten(1).double(), training.flatten(1).double())
    np.testing.assert_allclose(found, between.min(1), rtol=1e-12)
    np.testing.assert_array_equal(index, between.argmin(1))


def test_a_memorised_image_is_at_0_from_its_original() -> None:
    training = torch.rand(50, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    found, index = nearest_distances(training[[7, 3, 41]], training)
    assert found.tolist() == [0, 0, 0]
    assert index.tolist() == [7, 3, 41]


def test_chunks_change_nothing(monkeypatch) -> None:
    generator = torch.Generator().manual_seed(0)
    real, generated = torch.randn(40, 5, generator=generator), torch.randn(33, 5, generator=generator)
    whole = precision_recall(real, generated), nearest_distances(generated, real)
    monkeypatch.setattr(generation, "CHUNK_BYTES", 7 * 8 * 40)
    assert len(list(chunks(33, 40))) == 5
    in_chunks = precision_recall(real, generated), nearest_distances(generated, real)
    assert in_chunks[0] == whole[0]
    torch.testing.assert_close(in_chunks[1], whole[1])


@given(num_rows=st.integers(1, 500), row_length=st.integers(1, 10**8))
def test_chunks_cover_all_rows_once_and_fit(num_rows: int, row_length: int) -> None:
    slices = list(chunks(num_rows, row_length))
    assert [row for rows in slices for row in range(num_rows)[rows]] == list(range(num_rows))
    longest = max(rows.stop - rows.start for rows in slices)
    assert longest == 1 or longest * row_length * 8 <= generation.CHUNK_BYTES


@given(num=st.integers(1, 50), num_classes=st.integers(1, 12), seed=SEEDS)
def test_class_shares_are_counts_over_the_number(num: int, num_classes: int, seed: int) -> None:
    logits = torch.randn(num, num_classes, generator=torch.Generator().manual_seed(seed))
    labels = logits.argmax(1)
    expected = np.bincount(labels.numpy(), minlength=num_classes) / num
    for predictions in (logits, labels):
        shares = class_shares(predictions, num_classes)
        assert shares.dtype == torch.float64
        np.testing.assert_array_equal(shares, expected)


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        (torch.zeros(4, 3), "must be logits"),
        (torch.zeros(4), "must be logits"),
        (torch.zeros(0, 10), "no predictions"),
        (torch.tensor([0, 10]), r"0\.\.9"),
        (torch.tensor([-1, 2]), r"0\.\.9"),
    ],
)
def test_predictions_that_are_none_are_refused(predictions: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        class_shares(predictions, 10)


@pytest.mark.parametrize(
    ("measure", "sets", "message"),
    [
        (feature_distance, [(5, 3), (5, 4)], "features alike"),
        (feature_distance, [(5, 3), (1, 3)], "at least 2"),
        (feature_distance, [(5, 0), (5, 0)], "features alike"),
        (precision_recall, [(5, 3), (3, 3)], "at least 4"),
        (precision_recall, [(5, 3, 1), (5, 3)], "features alike"),
        (nearest_distances, [(5, 4, 4), (5, 5, 5)], "features alike"),
        (nearest_distances, [(5, 4), (0, 4)], "at least 1"),
        (frechet_distance, [(3,), (3, 3), (2,), (2, 2)], "means and covariances"),
        (frechet_distance, [(3,), (3,), (3,), (3,)], "means and covariances"),
    ],
)
def test_sets_that_do_not_fit_are_refused(measure, sets, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        measure(*(torch.zeros(shape) for shape in sets))


def test_no_neighbour_and_no_number_are_refused() -> None:
    with pytest.raises(ValueError, match="k=0"):
        precision_recall(torch.zeros(5, 2), torch.zeros(5, 2), k=0)
    with pytest.raises(ValueError, match="not finite"):
        feature_distance(torch.tensor([[0.0], [1.0], [torch.nan]]), torch.zeros(3, 1))


def test_a_checkerboard_is_told_from_flat_and_striped_images() -> None:
    rows, columns = torch.meshgrid(torch.arange(6), torch.arange(8), indexing="ij")
    board = ((rows + columns) % 2).double()[None, None]
    assert checkerboard(board) == pytest.approx(1)  # (1 - 0 - 0 + 1) / 2, squared
    assert checkerboard(3 * board) == pytest.approx(9)
    assert checkerboard(torch.full((2, 1, 5, 5), 0.3)) == pytest.approx(0, abs=1e-12)
    assert checkerboard((rows % 2).double()[None, None]) == 0, "stripes are no checkerboard"
    noise = torch.randn(400, 1, 9, 9, generator=torch.Generator().manual_seed(0))
    assert checkerboard(noise) == pytest.approx(1, rel=0.05), "four independent pixels, halved: their variance"
