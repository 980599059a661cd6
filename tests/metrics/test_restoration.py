"""PSNR of known cases, SSIM against the paper's equations in scipy."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import correlate
from torch import Tensor

from dlhw.metrics.restoration import psnr, ssim


def images(num: int = 3, height: int = 16, width: int = 20, seed: int = 0) -> Tensor:
    """Noise that is rougher in each image than in the one before."""
    pixels = torch.rand(num, height, width, generator=torch.Generator().manual_seed(seed))
    return pixels ** torch.arange(1, num + 1)[:, None, None]


@pytest.mark.parametrize(("error", "decibels"), [(0.1, 20), (-0.01, 40), (1, 0), (0, math.inf)])
@pytest.mark.parametrize("shape", [(2, 5), (2, 4, 6), (2, 1, 3, 3)])
def test_psnr_of_a_constant_error(error: float, decibels: float, shape: tuple[int, ...]) -> None:
    truth = torch.full(shape, 0.5)
    assert psnr(truth + error, truth).tolist() == pytest.approx([decibels] * 2, abs=1e-4)


def test_psnr_is_one_value_an_image() -> None:
    truth = torch.zeros(3, 4, 4)
    errors = torch.tensor([0.1, 0.5, 0.0])[:, None, None]
    half = torch.arange(4)[:, None] < 2  # only half of the pixels are wrong
    values = psnr(truth + errors * half, truth)
    assert values.tolist() == pytest.approx(
        [20 + 10 * math.log10(2), -20 * math.log10(0.5) + 10 * math.log10(2), math.inf]
    )
    assert values.dtype == torch.float32


def reference_ssim(x: np.ndarray, y: np.ndarray) -> float:
    """Wang et al. (2004), equations 13 to 17, of one pair (height, width)."""
    places = np.arange(-5, 6)
    bell = np.exp(-(places**2) / (2 * 1.5**2))
    window = np.outer(bell, bell) / bell.sum() ** 2

    def mean(pixels: np.ndarray) -> np.ndarray:
        return correlate(pixels, window, mode="mirror")

    mean_x, mean_y = mean(x), mean(y)
    var_x, var_y, cov = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2, mean(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * cov + c2) / (var_x + var_y + c2)
    return float((luminance * structure).mean())


@given(amount=st.floats(0, 1), seed=st.integers(0, 1000))
def test_ssim_is_the_papers(amount: float, seed: int) -> None:
    truth, noise = images(seed=seed), images(seed=seed + 1)
    restored = (1 - amount) * truth + amount * noise
    expected = [reference_ssim(*pair) for pair in zip(restored.double().numpy(), truth.double().numpy(), strict=True)]
    assert ssim(restored, truth).tolist() == pytest.approx(expected, abs=1e-5)


def test_ssim_of_equal_images_is_one_and_falls_with_the_error() -> None:
    truth, noise = images(), images(seed=1)
    assert ssim(truth, truth).tolist() == pytest.approx([1, 1, 1], abs=1e-6)
    values = torch.stack([ssim(truth + amount * noise, truth) for amount in (0, 0.1, 0.3, 1)])
    assert (values.diff(dim=0) < -0.005).all()
    assert values.dtype == torch.float32


def test_values_outside_the_range_are_not_clipped() -> None:
    truth = torch.ones(1, 12, 12)
    assert psnr(truth + 0.1, truth).item() == pytest.approx(20, abs=1e-4)
    assert ssim(truth + 0.5, truth).item() < 0.95
