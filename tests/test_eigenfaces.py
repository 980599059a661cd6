"""Eigenfaces against scikit-learn's PCA, angles against scipy's, filled-in pixels against numpy and Gauss."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.linalg import subspace_angles
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch import Tensor

from dlhw.eigenfaces import Eigenfaces, covariance, direct, fill, fit, principal_angles, snapshot

WAYS = [direct, snapshot, covariance, fit]


def smooth_faces(num_faces: int = 30, side: int = 12, seed: int = 0) -> Tensor:
    """Images (num_faces, side * side) in 0..1 that differ by broad light and shade more than by fine detail."""
    generator = torch.Generator().manual_seed(seed)
    waves = torch.cos(torch.arange(side)[:, None] * torch.arange(side) * math.pi / side)  # (side, side), one a column
    damping = 0.6 ** torch.arange(side)
    amounts = torch.randn(num_faces, side, side, generator=generator) * damping * damping[:, None]
    return (0.5 + 0.1 * waves @ amounts @ waves.T).clamp(0, 1).flatten(1)


def random_faces(num_faces: int = 40, num_pixels: int = 100, seed: int = 0) -> Tensor:
    return torch.rand(num_faces, num_pixels, generator=torch.Generator().manual_seed(seed))


def digits(num_faces: int = 100) -> Tensor:
    """Images (num_faces, 64) of which some pixels are black in all."""
    return torch.from_numpy(load_digits().data[:num_faces] / 16).float()


FACES = {"random": random_faces(), "smooth": smooth_faces(), "digits": digits(), "few digits": digits(20)}


def random_known(images: Tensor, share: float, seed: int = 0) -> Tensor:
    return torch.rand(images.shape, generator=torch.Generator().manual_seed(seed)) < share


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("faces", FACES.values(), ids=FACES.keys())
def test_every_way_finds_scikit_learns_components(way, faces: Tensor) -> None:
    n = 15
    found = way(faces, n)
    pca = PCA(n, svd_solver="full").fit(faces.double().numpy())
    signs = np.sign((pca.components_ * found.basis.numpy().T).sum(1))
    np.testing.assert_allclose(found.mean, pca.mean_, atol=1e-6)
    np.testing.assert_allclose(found.basis.T, signs[:, None] * pca.components_, atol=1e-5)
    np.testing.assert_allclose(found.singular_values, pca.singular_values_, rtol=1e-5)
    np.testing.assert_allclose(found.explained, pca.explained_variance_ratio_, rtol=1e-5)
    np.testing.assert_allclose(found.codes(faces), signs * pca.transform(faces.numpy()), atol=1e-5)
    unbiased = len(faces) / (len(faces) - 1)
    assert found.noise_variance * unbiased == pytest.approx(pca.noise_variance_ * noise_share(faces, n), rel=1e-4)


def noise_share(faces: Tensor, n: int) -> float:
    """scikit-learn takes the mean over the directions that the faces can differ in, we over all that there are."""
    num_faces, num_pixels = faces.shape
    return (min(num_faces, num_pixels) - n) / (num_pixels - n)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("faces", FACES.values(), ids=FACES.keys())
def test_snapshots_and_covariance_agree_with_the_direct_decomposition_in_all_components(faces, dtype) -> None:
    faces = faces.to(dtype)
    expected = direct(faces)
    unseen = faces.flip(1)
    for way in (snapshot, covariance):
        found = way(faces)
        torch.testing.assert_close(found.basis, expected.basis, rtol=0, atol=1e-5)
        torch.testing.assert_close(found.reconstruct(unseen), expected.reconstruct(unseen), rtol=0, atol=1e-5)
        torch.testing.assert_close(found.singular_values, expected.singular_values, rtol=1e-5, atol=0)


@given(num_faces=st.integers(1, 12), num_pixels=st.integers(1, 12), seed=st.integers(0, 1000))
def test_there_are_as_many_as_the_faces_can_differ_in(num_faces: int, num_pixels: int, seed: int) -> None:
    faces = random_faces(num_faces, num_pixels, seed).double()
    kept = min(num_faces - 1, num_pixels)
    singular_values = np.linalg.svd(faces - faces.mean(0), compute_uv=False)
    assume(kept == 0 or singular_values[kept - 1] > 1e-3 * singular_values[0])
    for way in WAYS:
        found = way(faces)
        assert found.basis.shape == (num_pixels, kept)
        assert found.singular_values.shape == (kept,)
        torch.testing.assert_close(found.basis.T @ found.basis, torch.eye(kept).double(), rtol=0, atol=1e-6)
        torch.testing.assert_close(found.reconstruct(faces), faces, rtol=0, atol=1e-6)
        largest = found.basis.abs().argmax(0, keepdim=True)
        assert (found.basis.gather(0, largest) > 0).all()


@pytest.mark.parametrize("way", WAYS)
def test_directions_in_which_no_face_differs_are_dropped(way) -> None:
    three = torch.tensor([[0.1, 0.7, 0.3, 0.3], [0.2, 0.7, 0.3, 0.3], [0.1, 0.7, 0.4, 0.3]])
    assert way(three.repeat(7, 1)).basis.shape == (4, 2)
    for num_faces in range(1, 12):  # the mean of some of these numbers is one bit off
        same = torch.full((num_faces, 4), 0.1, dtype=torch.float64)
        assert way(same).basis.shape == (4, 0)
        torch.testing.assert_close(way(same).reconstruct(same), same)
    assert way(torch.zeros(2, 3)).explained.tolist() == []


@pytest.mark.parametrize("way", WAYS)
def test_more_than_there_are_is_refused_with_their_number(way) -> None:
    faces = random_faces(5, 20)
    assert way(faces, 4).basis.shape == (20, 4)
    for n in (5, -1):
        with pytest.raises(ValueError, match=f"^{n} eigenfaces are asked for, but 5 faces have 4; must be 0 to 4$"):
            way(faces, n)
    with pytest.raises(ValueError, match=r"at least one, but their shape is \(0, 20\)"):
        way(faces[:0])


def test_fit_takes_the_smaller_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    eigh = torch.linalg.eigh
    monkeypatch.setattr(torch.linalg, "eigh", lambda matrix: (sizes.append(len(matrix)), eigh(matrix))[1])
    fit(random_faces(10, 30))
    fit(random_faces(30, 8))
    assert sizes == [10, 8]


@pytest.mark.parametrize("faces", FACES.values(), ids=FACES.keys())
def test_errors_are_those_of_reconstructing_with_each_number_of_components(faces: Tensor) -> None:
    half = len(faces) // 2
    model = fit(faces[:half])
    for some in (faces[:half], faces[half:]):
        firsts = [model.first(n) for n in range(len(model.singular_values) + 1)]
        one_by_one = [(first.reconstruct(some) - some).square().mean() for first in firsts]
        torch.testing.assert_close(model.errors(some), torch.stack(one_by_one), rtol=1e-4, atol=1e-8)
    assert model.errors(faces[half:])[-1] > 1e-5, "unseen faces have something that no component makes"


def test_the_faces_own_error_is_the_variance_left_out() -> None:
    faces = smooth_faces().double()
    model = fit(faces)
    assert model.discarded == 0
    for n in (0, 3, 8):
        few = model.first(n)
        assert few.discarded == pytest.approx(few.errors(faces)[-1].item() * faces.shape[1], rel=1e-9)
        assert few.first(0).discarded == pytest.approx(model.variances.sum().item())
        assert few.noise_variance == pytest.approx(few.discarded / (faces.shape[1] - n))
        torch.testing.assert_close(few.explained, model.explained[:n])


@given(n=st.integers(1, 6), seed=st.integers(0, 1000))
def test_no_other_basis_reconstructs_the_faces_better(n: int, seed: int) -> None:
    faces = smooth_faces().double()
    model = fit(faces, n)
    generator = torch.Generator().manual_seed(seed)
    moved = model.basis + 0.1 * torch.randn(model.basis.shape, generator=generator, dtype=torch.float64)
    other = Eigenfaces(model.mean, torch.linalg.qr(moved)[0], model.singular_values, model.num_faces)
    assert model.errors(faces)[n] < other.errors(faces)[n]


@given(
    num_pixels=st.integers(1, 9),
    p=st.integers(1, 9),
    q=st.integers(1, 9),
    closeness=st.sampled_from([0.0, 0.999, 1.0]),
    seed=st.integers(0, 1000),
)
def test_principal_angles_are_scipys(num_pixels: int, p: int, q: int, closeness: float, seed: int) -> None:
    p, q = min(p, num_pixels), min(q, num_pixels)
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((num_pixels, p)), rng.standard_normal((num_pixels, q))
    shared = min(p, q)
    b[:, :shared] = closeness * a[:, :shared] + (1 - closeness) * b[:, :shared]
    angles = principal_angles(torch.from_numpy(a), torch.from_numpy(b))
    # scipy takes some of the angles from their cosines where only the sines would be exact
    np.testing.assert_allclose(angles, subspace_angles(a, b)[::-1], rtol=0, atol=1e-7)


@pytest.mark.parametrize("angle", [1e-12, 1e-7, 0.3, math.pi / 2 - 1e-7, math.pi / 2])
def test_small_and_nearly_right_angles_are_exact(angle: float) -> None:
    shared = [0.0, 0.0, 1.0]
    a = torch.tensor([shared, [1.0, 0.0, 0.0]], dtype=torch.float64).T
    b = torch.tensor([shared, [math.cos(angle), math.sin(angle), 0.0]], dtype=torch.float64).T
    expected = torch.tensor([0, angle], dtype=torch.float64)
    torch.testing.assert_close(principal_angles(a, b), expected, rtol=1e-14, atol=1e-15)
    torch.testing.assert_close(principal_angles(b[:, 1:], a), expected[1:], rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_columns_that_add_nothing_are_left_out_of_the_span(dtype) -> None:
    a, b = random_faces(3, 20).T.to(dtype), random_faces(5, 20, seed=1).T.to(dtype)
    expected = principal_angles(a, b)
    assert expected.shape == (3,)
    assert expected.dtype == dtype
    dead, dependent = torch.zeros(20, 2, dtype=dtype), a @ torch.tensor([[2.0], [-1.0], [3.0]], dtype=dtype)
    torch.testing.assert_close(principal_angles(torch.cat([dead, a, dependent], 1), b), expected, rtol=0, atol=1e-6)
    assert principal_angles(dead, b).shape == principal_angles(b, a[:, :0]).shape == (0,)


def test_a_columns_length_does_not_matter_to_its_span() -> None:
    a, b = random_faces(3, 20).T, random_faces(5, 20, seed=1).T
    shrunk = a * torch.tensor([1.0, 1e-8, 1e8])
    torch.testing.assert_close(principal_angles(shrunk, b), principal_angles(a, b), rtol=0, atol=1e-5)


@pytest.mark.parametrize("share", [0.03, 0.1, 0.5, 0.9])  # of 144 pixels, for 8 components: too few at first
@pytest.mark.parametrize("chunk", [1, 10**9])
def test_filling_in_is_numpys_least_squares_of_smallest_norm(share, chunk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlhw.eigenfaces.CHUNK", chunk)
    faces = smooth_faces().double()
    model, images = fit(faces[:20], 8), faces[20:]
    known = random_known(images, share)
    basis, mean = model.basis.numpy(), model.mean.numpy()
    codes = [
        np.linalg.lstsq(basis[mask], (image - mean)[mask], rcond=1e-6)[0]
        for image, mask in zip(images.numpy(), known.numpy(), strict=True)
    ]
    np.testing.assert_allclose(fill(model, images, known), mean + np.stack(codes) @ basis.T, rtol=0, atol=1e-8)


@pytest.mark.parametrize("noise_variance", [1e-6, 1e-3, 0.1])
@pytest.mark.parametrize("share", [0.0, 0.03, 0.5, 1.0])
def test_with_noise_it_is_the_conditional_mean_of_a_gaussian(share: float, noise_variance: float) -> None:
    """Probabilistic PCA is a Gaussian over pixels; its mean given some of them is in every textbook."""
    faces = smooth_faces().double()
    model, images = fit(faces[:20], 8), faces[20:]
    known = random_known(images, share)
    signal = np.maximum(model.variances.numpy() - noise_variance, 0)
    covariance = (model.basis.numpy() * signal) @ model.basis.numpy().T  # of the faces without the noise
    expected = []
    for image, mask in zip(images.numpy(), known.numpy(), strict=True):
        of_known = covariance[mask][:, mask] + noise_variance * np.eye(mask.sum())
        offsets = np.linalg.solve(of_known, (image - model.mean.numpy())[mask])
        expected.append(model.mean.numpy() + covariance[:, mask] @ offsets)
    np.testing.assert_allclose(fill(model, images, known, noise_variance), np.stack(expected), rtol=0, atol=1e-7)


@pytest.mark.parametrize("noise_variance", [0.0, 1e-3])
def test_lost_pixels_are_not_looked_at(noise_variance: float) -> None:
    faces = smooth_faces()
    model, images = fit(faces[:20], 8), faces[20:]
    known = random_known(images, 0.5)
    filled = fill(model, images, known, noise_variance)
    assert filled.dtype == images.dtype
    assert torch.equal(fill(model, images.where(known, torch.nan), known, noise_variance), filled)


def test_the_ends_of_filling_in() -> None:
    faces = smooth_faces()
    model, images = fit(faces[:20], 8), faces[20:]
    none, every, half = torch.zeros_like(images).bool(), torch.ones_like(images).bool(), random_known(images, 0.5)
    torch.testing.assert_close(fill(model, images, none), model.mean.expand_as(images), rtol=0, atol=0)
    torch.testing.assert_close(fill(model, images, every), model.reconstruct(images))
    within = model.reconstruct(images)
    torch.testing.assert_close(fill(model, within, half), within, rtol=0, atol=1e-5)
    torch.testing.assert_close(fill(model.first(0), images, half), model.mean.expand_as(images))
    assert fill(model, images[:0], none[:0]).shape == (0, images.shape[1])
    with pytest.raises(ValueError, match="noise variance must be 0 or more, but is -1"):
        fill(model, images, half, -1)


def test_a_prior_helps_where_few_pixels_are_known() -> None:
    faces = smooth_faces(60)
    model, images = fit(faces[:40], 16), faces[40:]
    known = random_known(images, 0.12)  # some 17 pixels for 16 components

    def error(noise_variance: float) -> float:
        return (fill(model, images, known, noise_variance) - images).square().mean().item()

    assert error(model.noise_variance) < 0.5 * error(0)
