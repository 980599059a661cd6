"""Losing pixels, and interpolating them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from dlhw.restoration import interpolate, paste, zero_out


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def positive(*shape: int) -> Tensor:
    return 0.1 + torch.rand(shape, generator=seeded(1))


@given(
    shape=st.sampled_from([(1, 1), (3, 7), (4, 5, 6), (2, 3, 4, 5)]),
    share=st.floats(0, 1, exclude_max=True),
    seed=st.integers(0, 1000),
)
def test_exactly_the_share_is_zeroed(shape: tuple[int, ...], share: float, seed: int) -> None:
    images = positive(*shape)
    corrupted, known = zero_out(images, share, seeded(seed))
    num_pixels = images[0].numel()
    assert known.dtype == torch.bool
    assert known.shape == images.shape
    assert ((~known).flatten(1).sum(1) == round(share * num_pixels)).all()
    assert torch.equal(corrupted[known], images[known])
    assert (corrupted[~known] == 0).all()
    assert (images > 0).all(), "the images stay as they were"


def test_each_image_has_its_own_share() -> None:
    shares = torch.tensor([0.0, 0.25, 0.5, 0.99])
    _, known = zero_out(positive(4, 10, 10), shares, seeded())
    assert (~known).flatten(1).sum(1).tolist() == [0, 25, 50, 99]


def test_places_are_drawn_for_each_image_by_itself_and_alike_all_over_it() -> None:
    images = positive(20_000, 3, 4)
    _, known = zero_out(images, 0.25, seeded())
    lost = (~known).flatten(1).double()  # 3 of 12 pixels
    together = lost.T @ lost / len(lost)  # how often two pixels are lost at once
    expected = torch.full((12, 12), 3 / 12 * 2 / 11, dtype=torch.float64)
    expected.fill_diagonal_(3 / 12)
    torch.testing.assert_close(together, expected, rtol=0, atol=0.02)
    neighbours = (lost[1:] * lost[:-1]).sum(1).mean().item()
    assert neighbours == pytest.approx(12 * (3 / 12) ** 2, abs=0.05), "one image's places say nothing about the next's"


def test_the_generator_is_the_only_source_of_randomness() -> None:
    images = positive(5, 8, 8)
    first, again, other = (zero_out(images, 0.5, seeded(seed))[1] for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("share", [1.0, -0.01, float("nan"), torch.tensor([0.5, 1.0])])
def test_a_share_that_leaves_nothing_or_is_none_is_refused(share: float | Tensor) -> None:
    with pytest.raises(ValueError, match="must be 0 or more and below 1, but is"):
        zero_out(positive(2, 4), share, seeded())


def plane(height: int = 9, width: int = 12) -> Tensor:
    """Brightness (height, width) that grows evenly, differently along each axis."""
    return 0.1 + 0.03 * torch.arange(height)[:, None] + 0.02 * torch.arange(width)


@given(share=st.floats(0, 0.9), seed=st.integers(0, 1000))
def test_a_plane_is_restored_between_its_corners(share: float, seed: int) -> None:
    images = plane().expand(2, -1, -1)
    corrupted, known = zero_out(images, share, seeded(seed))
    known[:, ::8, ::11] = True
    corrupted = images.where(known, 0)
    torch.testing.assert_close(interpolate(corrupted, known), images, rtol=0, atol=1e-6)


def test_known_pixels_stay_and_lost_ones_are_not_looked_at() -> None:
    images = positive(3, 8, 8)
    _, known = zero_out(images, 0.6, seeded())
    restored = interpolate(images, known)
    assert restored.dtype == images.dtype
    assert torch.equal(restored[known], images[known])
    assert not torch.isclose(restored[~known], images[~known]).all()
    assert torch.equal(interpolate(images.where(known, torch.nan), known), restored)
    assert torch.equal(interpolate(images, torch.ones_like(known)), images)


def test_each_lost_pixel_is_between_its_neighbours_or_takes_the_nearest() -> None:
    image = torch.zeros(1, 5, 5)
    known = torch.zeros(1, 5, 5, dtype=torch.bool)
    for row, column, value in [(0, 0, 0.0), (0, 2, 0.2), (2, 0, 0.4), (2, 2, 0.6)]:
        image[0, row, column], known[0, row, column] = value, True
    expected = torch.tensor([[0, 0.1, 0.2], [0.2, 0.3, 0.4], [0.4, 0.5, 0.6]])
    restored = interpolate(image, known)[0]
    torch.testing.assert_close(restored[:3, :3], expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(restored[[4, 0, 4], [4, 4, 0]], torch.tensor([0.6, 0.2, 0.4]))


@pytest.mark.parametrize("places", [[(1, 1)], [(1, 1), (3, 4)], [(2, 0), (2, 1), (2, 4)], [(0, 0), (1, 1), (3, 3)]])
def test_without_a_triangle_all_take_the_nearest(places: list[tuple[int, int]]) -> None:
    image, known = torch.zeros(4, 5), torch.zeros(4, 5, dtype=torch.bool)
    for number, place in enumerate(places, start=1):
        image[place], known[place] = number, True
    restored = interpolate(image[None], known[None])[0]
    for row, column in np.ndindex(4, 5):
        distances = [np.hypot(row - y, column - x) for y, x in places]
        nearest = {place + 1 for place, distance in enumerate(distances) if np.isclose(distance, min(distances))}
        assert restored[row, column].item() in nearest


def test_an_image_with_no_known_pixel_is_black() -> None:
    images = positive(2, 4, 4)
    known = torch.zeros(2, 4, 4, dtype=torch.bool)
    known[1] = True
    assert torch.equal(interpolate(images, known), torch.stack([torch.zeros(4, 4), images[1]]))


def test_paste_puts_the_known_pixels_back() -> None:
    images = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    known = torch.tensor([[True, False], [False, True]])
    assert paste(-images, images, known).tolist() == [[1, -2], [-3, 4]]
