"""Batch augmentation, against rolls and scipy's own rotation."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch import Tensor

from dlhw.data.augment import Affine


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def fixed(
    monkeypatch, affine: Affine, angle: float = 0, shear: float = 0, dx: float = 0, dy: float = 0,
    wide: float = 0, high: float = 0,
) -> Affine:  # fmt: skip
    """The same map for each image: instead of drawn numbers these, in -1..1 of what the settings allow."""
    column = (torch.tensor([angle, shear, dx, dy, wide, high])[:, None] + 1) / 2
    monkeypatch.setattr(torch, "rand", lambda *size, **_: column.expand(*size))
    return affine


@pytest.fixture
def images() -> Tensor:
    """Smooth blobs away from the edges: (4, 1, 28, 28) in 0..1."""
    noise = np.random.default_rng(0).random((4, 28, 28))
    window = np.outer(np.hanning(28), np.hanning(28))
    return torch.tensor(np.stack([ndimage.gaussian_filter(n, 2) for n in noise]) * window).float()[:, None]


def test_zero_settings_are_the_identity(images: Tensor) -> None:
    torch.testing.assert_close(Affine(degrees=0, shift=0)(images, generator()), images, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("dx", "dy"), [(1, 0), (0, 1), (-2, 1), (3, -3)])
def test_a_shift_by_whole_pixels_is_a_roll_with_zeros(monkeypatch, dx: int, dy: int) -> None:
    images = torch.rand(2, 1, 28, 28, generator=generator())
    expected = torch.zeros_like(images)
    # output (row, column) reads input (row + dy, column + dx)
    source = images[..., max(0, dy) : 28 + min(0, dy), max(0, dx) : 28 + min(0, dx)]
    expected[..., max(0, -dy) : 28 - max(0, dy), max(0, -dx) : 28 - max(0, dx)] = source
    affine = fixed(monkeypatch, Affine(degrees=0, shift=3), dx=dx / 3, dy=dy / 3)
    torch.testing.assert_close(affine(images, generator()), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("angle", [-35, 10, 90])
def test_rotation_is_scipys(monkeypatch, images: Tensor, angle: float) -> None:
    affine = fixed(monkeypatch, Affine(degrees=90, shift=0), angle=angle / 90)
    rotated = affine(images, generator())
    expected = [ndimage.rotate(image[0].numpy(), angle, reshape=False, order=1) for image in images]
    np.testing.assert_allclose(rotated[:, 0].numpy(), np.stack(expected), atol=1e-4)


def test_scale_and_shear_are_the_matrix_they_should_be(monkeypatch) -> None:
    """Output to input: a scaling of width and height, a shear tan(s) along x, a rotation by t."""
    t, s, size = math.radians(20), math.radians(5), torch.diag(torch.tensor([1.1, 0.95]))
    affine = Affine(degrees=40, shift=0, scale=0.2, shear=10)
    affine = fixed(monkeypatch, affine, angle=0.5, shear=0.5, wide=0.5, high=-0.25)
    map_ = affine.maps(1, 28, torch.device("cpu"), generator())[0]
    rotation = torch.tensor([[math.cos(t), -math.sin(t)], [math.sin(t), math.cos(t)]])
    shear = torch.tensor([[1, math.tan(s)], [0, 1]])
    torch.testing.assert_close(map_, torch.cat([rotation @ shear @ size, torch.zeros(2, 1)], dim=1))


def test_what_comes_from_outside_is_zero(monkeypatch) -> None:
    affine = fixed(monkeypatch, Affine(degrees=0, shift=14), dx=1)
    moved = affine(torch.ones(1, 1, 28, 28), generator())
    torch.testing.assert_close(moved[..., 14:], torch.zeros(1, 1, 28, 14), atol=1e-5, rtol=0)
    torch.testing.assert_close(moved[..., :13], torch.ones(1, 1, 28, 13), atol=1e-5, rtol=0)


@given(
    num=st.integers(1, 5),
    degrees=st.floats(0, 180),
    shift=st.floats(0, 5),
    scale=st.floats(0, 0.5),
    shear=st.floats(0, 45),
    seed=st.integers(0, 1000),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
@settings(max_examples=30)
def test_a_batch_keeps_its_shape_type_and_range(num, degrees, shift, scale, shear, seed, dtype) -> None:
    images = torch.rand(num, 1, 28, 28, generator=generator(seed)).to(dtype)
    affine = Affine(degrees, shift, scale, shear)
    augmented = affine(images, generator(seed))
    assert augmented.shape == images.shape
    assert augmented.dtype == images.dtype
    assert augmented.min() >= 0
    assert augmented.max() <= images.max() + 1e-6
    assert torch.equal(augmented, affine(images, generator(seed))), "the generator is the only randomness"


def test_each_image_is_drawn_for_itself(images: Tensor) -> None:
    same = images[:1].expand(8, 1, 28, 28)
    augmented = Affine(degrees=35, shift=3)(same, generator())
    assert len({tuple(image.flatten().tolist()) for image in augmented}) == 8


def test_draws_stay_within_their_settings() -> None:
    maps = Affine(degrees=35, shift=3).maps(5000, 28, torch.device("cpu"), generator())
    angles = torch.rad2deg(torch.atan2(maps[:, 1, 0], maps[:, 0, 0]))
    shifts = maps[:, :, 2] * 14  # from half widths to pixels
    assert 34 < angles.abs().max() <= 35.001
    assert 2.9 < shifts.abs().max() <= 3.0001
    torch.testing.assert_close(angles.mean(), torch.tensor(0.0), atol=1.5, rtol=0)
