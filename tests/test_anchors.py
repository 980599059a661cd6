"""Samplers by the moments of what they draw, projections against scikit-learn's PCA, blurring against scipy's."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from sklearn.decomposition import PCA
from torch import Tensor

from dlhw import anchors as library
from dlhw.anchors import (
    anchors,
    apportioned,
    blurred,
    class_gaussian_samples,
    gaussian_samples,
    noisy,
    pca_images,
    uniform_noise,
)

NUM = 20_000  # samples whose moments are looked at
SIZES = {"many": 300, "few": 7}  # training images of 12 pixels: more and fewer than their pixels


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def grey(num: int, *shape: int, level: float = 0.5, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Images (num, *shape) around a grey level, far from black and white, whose pixels vary together."""
    num_pixels = torch.Size(shape).numel()
    mixing = torch.randn(num_pixels, num_pixels, generator=seeded(99)) / num_pixels**0.5
    pixels = torch.randn(num, num_pixels, generator=seeded(seed)) @ mixing
    return (level + 0.03 * pixels).view(num, *shape).to(dtype)


def random_images(num: int, *shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(num, *shape, generator=seeded(seed), dtype=dtype)


def assert_moments(samples: Tensor, images: Tensor) -> None:
    """Mean and covariance of samples are those of images, to four standard errors of `NUM` samples or so."""
    samples, images = samples.flatten(1).double(), images.flatten(1).double()
    cov = torch.cov(images.T, correction=0)
    largest = cov.diagonal().max().item()
    torch.testing.assert_close(samples.mean(0), images.mean(0), rtol=0, atol=4 * (largest / len(samples)) ** 0.5)
    expected = 4 * largest * (2 / len(samples)) ** 0.5
    torch.testing.assert_close(torch.cov(samples.T, correction=0), cov, rtol=0, atol=expected)


@pytest.mark.parametrize("num_images", SIZES.values(), ids=SIZES)
def test_samples_have_the_mean_and_the_covariance_of_the_images(num_images: int) -> None:
    train = grey(num_images, 3, 4)
    samples = gaussian_samples(train, NUM, seeded())
    assert samples.shape == (NUM, 3, 4)
    assert_moments(samples, train)


def test_each_class_has_its_own_mean_covariance_and_share() -> None:
    dark, light = grey(200, 1, 3, 4, level=0.25), grey(100, 1, 3, 4, level=0.75, seed=1).flip(-1)
    train = torch.stack([dark[0::2], light, dark[1::2]], dim=1).flatten(0, 1)
    labels = torch.tensor([5, 2, 5]).repeat(100)
    samples = class_gaussian_samples(train, labels, NUM, seeded())
    assert samples.shape == (NUM, 1, 3, 4)
    is_dark = samples.flatten(1).mean(1) < 0.5
    assert is_dark.sum() == round(NUM * 2 / 3)
    assert is_dark[: NUM // 2].sum() == pytest.approx(NUM / 3, rel=0.05), "the order is random"
    assert_moments(samples[is_dark], dark)
    assert_moments(samples[~is_dark], light)


@pytest.mark.parametrize("num_weights", [2**16, 1], ids=["in chunks", "one by one"])
def test_of_a_single_class_they_are_the_gaussians(num_weights: int, monkeypatch) -> None:
    monkeypatch.setattr(library, "NUM_WEIGHTS", num_weights)
    train = grey(300, 3, 4)
    assert_moments(class_gaussian_samples(train, torch.full((300,), 7), NUM, seeded()), train)


def test_components_found_in_chunks_are_the_same(monkeypatch) -> None:
    train = random_images(100, 4, 5)
    whole = pca_images(train, train, 8)
    monkeypatch.setattr(library, "CHUNK", 7)
    torch.testing.assert_close(pca_images(train, train, 8), whole)


def test_the_sample_of_a_class_of_one_image_is_that_image() -> None:
    train = random_images(21, 3, 4)
    labels = torch.tensor([1] + [0] * 20)
    samples = class_gaussian_samples(train, labels, 42, seeded())
    equal = (samples - train[0]).abs().flatten(1).max(1).values < 1e-6
    assert equal.sum() == 2
    assert class_gaussian_samples(train[:1], labels[:1], 3, seeded()).allclose(train[:1])
    assert gaussian_samples(train[:1], 3, seeded()).allclose(train[:1])


@given(num=st.integers(1, 200), sizes=st.lists(st.integers(1, 50), min_size=1, max_size=12))
def test_counts_are_the_shares_rounded_up_or_down(num: int, sizes: list[int]) -> None:
    counts = apportioned(num, torch.tensor(sizes))
    assert counts.sum() == num
    assert (counts - num * torch.tensor(sizes) / sum(sizes)).abs().max() < 1
    if len(set(sizes)) == 1:
        assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("num_images", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("components", [1, 3, 6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_images_through_components_are_scikit_learns(num_images: int, components: int, dtype: torch.dtype) -> None:
    train, images = grey(num_images, 3, 4, dtype=dtype), grey(50, 3, 4, seed=1, dtype=dtype)
    pca = PCA(components, svd_solver="full").fit(train.flatten(1).double())
    expected = pca.inverse_transform(pca.transform(images.flatten(1).double()))
    found = pca_images(images, train, components)
    assert found.dtype == dtype
    np.testing.assert_allclose(found.flatten(1), expected, atol=1e-5 if dtype == torch.float32 else 1e-9)


@pytest.mark.parametrize("components", [20, 1000])
def test_through_all_components_images_stay_as_they_are(components: int) -> None:
    train, images = random_images(100, 1, 4, 5), random_images(30, 1, 4, 5, seed=1)
    torch.testing.assert_close(pca_images(images, train, components), images, rtol=0, atol=1e-6)


def test_of_few_images_there_are_fewer_components() -> None:
    train = random_images(5, 4, 5)
    torch.testing.assert_close(pca_images(train, train, 64), train, rtol=0, atol=1e-6)
    torch.testing.assert_close(pca_images(train, train[:1], 64), train[:1].expand(5, 4, 5))


@pytest.mark.parametrize("sigma", [0.3, 1, 2.5, 10])
@pytest.mark.parametrize("shape", [(7, 9), (1, 7, 9), (1, 1)])
def test_blurred_images_are_scipys(sigma: float, shape: tuple[int, ...]) -> None:
    images = random_images(4, *shape)
    radius = int(np.ceil(3 * sigma))
    expected = [
        gaussian_filter(image, sigma, mode="reflect", radius=radius) for image in images.view(-1, *shape[-2:]).numpy()
    ]
    np.testing.assert_allclose(blurred(images, sigma).view(-1, *shape[-2:]), np.stack(expected), atol=1e-6)


@given(sigma=st.floats(0.01, 20), height=st.integers(1, 9), width=st.integers(1, 9), level=st.floats(0, 1, width=32))
@settings(max_examples=40)
def test_blurring_keeps_the_mean_and_a_constant_image(sigma: float, height: int, width: int, level: float) -> None:
    images = random_images(3, height, width)
    torch.testing.assert_close(blurred(images, sigma).mean((1, 2)), images.mean((1, 2)), rtol=0, atol=1e-6)
    constant = torch.full((2, 1, height, width), level)
    torch.testing.assert_close(blurred(constant, sigma), constant, rtol=0, atol=1e-6)


def test_noise_is_independent_with_the_deviation_asked_for() -> None:
    noise = noisy(torch.full((NUM, 1, 2, 2), 0.5), 0.1, seeded()).flatten(1) - 0.5
    torch.testing.assert_close(noise.mean(0), torch.zeros(4), rtol=0, atol=0.003)
    torch.testing.assert_close(torch.cov(noise.T), 0.01 * torch.eye(4), rtol=0, atol=0.0004)


def test_uniform_noise_is_uniform() -> None:
    noise = uniform_noise(NUM, (1, 2, 2), seeded())
    assert noise.shape == (NUM, 1, 2, 2)
    shares = torch.histc(noise, bins=10, min=0, max=1) / noise.numel()
    torch.testing.assert_close(shares, torch.full((10,), 0.1), rtol=0, atol=0.005)
    torch.testing.assert_close(torch.cov(noise.flatten(1).T), torch.eye(4) / 12, rtol=0, atol=0.003)


@pytest.mark.parametrize("shape", [(6, 5), (1, 6, 5)])
@pytest.mark.parametrize("num", [1, 25, 500])
def test_anchors_are_images_like_the_training_images(shape: tuple[int, ...], num: int) -> None:
    train, labels = random_images(100, *shape).round(), torch.arange(100) % 4
    sets = anchors(train, labels, num, seeded())
    assert list(sets) == [
        "real images, training part",
        "per-class Gaussian sampler",
        "real images through 30 components",
        "real images, blurred (1 pixel)",
        "real images, noise 0.1",
        "one Gaussian for all",
        "uniform noise",
    ]
    for name, images in sets.items():
        expected = min(num, 100) if name.startswith("real") else num
        assert images.shape == (expected, *shape), name
        assert images.dtype == torch.float32, name
        assert images.min() >= 0, name
        assert images.max() <= 1, name


def test_the_real_anchors_are_different_training_images_and_others_are_made_of_them() -> None:
    train, labels = random_images(100, 9, 9), torch.arange(100) % 4
    sets = anchors(train, labels, 60, seeded())
    real = sets["real images, training part"]
    places = [(train == image).all((1, 2)).nonzero().item() for image in real]
    assert len(set(places)) == 60
    assert max(places) > 60
    torch.testing.assert_close(sets["real images through 64 components"], pca_images(real, train))
    torch.testing.assert_close(sets["real images, blurred (1 pixel)"], blurred(real, 1))
    assert (sets["real images, noise 0.1"] - real).abs().max() < 0.6


def test_the_generator_is_the_only_source_of_randomness() -> None:
    train, labels = random_images(40, 5, 5), torch.arange(40) % 4
    kept = train.clone()
    first, again, other = (anchors(train, labels, 10, seeded(seed)) for seed in (3, 3, 4))
    assert torch.equal(train, kept), "the images stay as they were"
    for name in first:
        assert torch.equal(first[name], again[name]), name
        assert not torch.equal(first[name], other[name]), name


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda train, labels: anchors(train, labels, 0, seeded()), "num=0"),
        (lambda train, labels: anchors(train, labels[1:], 5, seeded()), "one label each"),
        (lambda train, labels: anchors(train[:0], labels[:0], 5, seeded()), "there must be images"),
        (lambda train, labels: gaussian_samples(train, -1, seeded()), "num=-1"),
        (lambda train, labels: gaussian_samples(train[:0], 5, seeded()), "at least one"),
        (lambda train, labels: class_gaussian_samples(train, labels, 0, seeded()), "num=0"),
        (lambda train, labels: class_gaussian_samples(train, labels[:, None], 5, seeded()), "one label each"),
        (lambda train, labels: uniform_noise(0, (2, 2), seeded()), "num=0"),
        (lambda train, labels: pca_images(train, train, 0), "components=0"),
        (lambda train, labels: pca_images(train, train[:, 1:]), "of one size"),
        (lambda train, labels: blurred(train, 0), "sigma=0"),
        (lambda train, labels: blurred(train, float("nan")), "sigma=nan"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(call, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        call(random_images(10, 3, 4), torch.arange(10) % 2)
    assert "\n" not in str(error.value)
