"""The network that restores images from some of their pixels."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from torch import Tensor

from dlhw.nets.initialise import initialised_anew
from dlhw.nets.restorer import Restorer, blur, blurred_guess, moments


def corrupted(num: int, size: int, share: float, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Smooth random images in 0..1, the same with a share of their pixels zeroed, and which are known."""
    rng = np.random.default_rng(seed)
    waves = gaussian_filter(rng.standard_normal((num, 1, size, size)), (0, 0, 3, 3), mode="wrap")
    images = torch.from_numpy((waves - waves.min()) / np.ptp(waves)).float()
    known = torch.from_numpy(rng.random(images.shape) >= share)
    return images, images * known, known


def restorer(**settings) -> Restorer:
    torch.manual_seed(0)
    return Restorer(**({"widths": (8, 12), "num_blocks": 1} | settings))


@given(
    height=st.integers(1, 5),
    width=st.integers(1, 5),
    batch=st.integers(1, 3),
    levels=st.integers(1, 3),
    training=st.booleans(),
)
@settings(max_examples=20, deadline=None)
def test_images_come_back_in_their_shape(height, width, batch, levels, training) -> None:
    net = restorer(widths=(4, 6, 8)[:levels]).train(training)
    images = torch.rand(batch, 1, height * 2**levels, width * 2**levels)
    assert net(images, images > 0.5).shape == images.shape


@pytest.mark.parametrize("size", [28, 64])
def test_digits_and_faces_fit(size) -> None:
    _, images, known = corrupted(2, size, 0.5)
    assert Restorer()(images, known).shape == (2, 1, size, size)


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_known_pixels_stay_and_unknown_ones_are_not_looked_at(share) -> None:
    _, images, known = corrupted(3, 16, share)
    net = restorer().eval()
    restored = net(images, known)
    assert torch.equal(restored[known], images[known])
    assert not torch.equal(restored[~known], images[~known])
    for other in (7.0, float("nan")):
        torch.testing.assert_close(net(images.where(known, other), known), restored)


def test_the_mask_may_be_of_floats() -> None:
    _, images, known = corrupted(2, 16, 0.5)
    net = restorer()
    assert torch.equal(net(images, known.float()), net(images, known))


@pytest.mark.parametrize("training", [True, False])
def test_with_all_known_it_is_the_identity(training) -> None:
    images, *_ = corrupted(2, 16, 0)
    assert torch.equal(restorer().train(training)(images, torch.ones_like(images, dtype=torch.bool)), images)


@pytest.mark.parametrize("num_known", [0, 1])
def test_with_next_to_nothing_known_images_and_gradients_are_finite(num_known) -> None:
    images = torch.rand(2, 1, 64, 64)
    known = torch.zeros_like(images, dtype=torch.bool)
    known[..., 5, :num_known] = True
    net = restorer()
    restored = net(images, known)
    restored.square().mean().backward()
    assert restored.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in net.parameters())


def test_every_parameter_gets_a_gradient() -> None:
    images, holed, known = corrupted(2, 16, 0.5)
    net = restorer(widths=(4, 6, 8), num_blocks=2)
    (net(holed, known) - images).square().mean().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in net.parameters())


def test_mirrored_images_are_restored_mirrored() -> None:
    _, images, known = corrupted(2, 16, 0.5)
    net = restorer().eval()
    mirrored = net(images.flip(-1), known.flip(-1)).flip(-1)
    torch.testing.assert_close(mirrored, net(images, known))
    net.train()
    assert not torch.allclose(net(images.flip(-1), known.flip(-1)).flip(-1), net(images, known))


@given(contrast=st.floats(0.2, 3), brightness=st.floats(-2, 2), share=st.floats(0.1, 0.9))
@settings(max_examples=20, deadline=None)
def test_brightness_and_contrast_of_the_known_pixels_are_kept(contrast, brightness, share) -> None:
    _, images, known = corrupted(2, 16, share)
    net = restorer()
    changed = net(contrast * images + brightness, known)
    torch.testing.assert_close(changed, contrast * net(images, known) + brightness, atol=1e-4, rtol=1e-4)


def test_images_of_a_batch_do_not_touch_each_other() -> None:
    _, images, known = corrupted(3, 16, 0.5)
    net = restorer()
    torch.testing.assert_close(net(images, known)[1:2], net(images[1:2], known[1:2]))


def test_a_few_steps_learn_more_than_the_first_guess_knows() -> None:
    images, holed, known = corrupted(8, 16, 0.5)
    net = restorer()
    optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
    for _ in range(60):
        loss = (net(holed, known) - images).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    guess = blurred_guess(holed, known.float())
    assert loss < 0.5 * (guess - images).square().mean()


def test_the_same_network_can_be_drawn_anew() -> None:
    net = restorer()
    fresh = initialised_anew(net)
    assert all(not torch.equal(one, other) for one, other in zip(net.parameters(), fresh.parameters(), strict=True))


@pytest.mark.parametrize(("height", "width"), [(30, 32), (32, 31), (2, 4)])
def test_sizes_that_cannot_be_halved_are_refused(height, width) -> None:
    images = torch.rand(1, 1, height, width)
    with pytest.raises(ValueError, match=rf"images of {height} x {width} pixels; .* multiples of 4"):
        restorer()(images, images > 0.5)


@pytest.mark.parametrize(
    ("images", "mask"), [((2, 3, 8, 8), (2, 3, 8, 8)), ((2, 64), (2, 64)), ((2, 1, 8, 8), (1, 1, 8, 8))]
)
def test_other_shapes_are_refused(images, mask) -> None:
    with pytest.raises(ValueError, match="must both be"):
        restorer()(torch.rand(images), torch.ones(mask))


def test_the_moments_are_those_of_the_known_pixels() -> None:
    _, images, known = corrupted(3, 8, 0.6)
    mean, std = moments(images, known.float())
    for image, mask, m, s in zip(images, known, mean, std, strict=True):
        values = image[mask].double().numpy()
        assert m.item() == pytest.approx(values.mean(), rel=1e-5)
        assert s.item() == pytest.approx(values.std(), rel=1e-4)


@pytest.mark.parametrize("sigma", [0.7, 2.0, 4.0])
def test_the_blur_is_scipys_gaussian(sigma) -> None:
    images, *_ = corrupted(2, 20, 0)
    radius = int(np.ceil(3 * sigma))
    expected = gaussian_filter(images.numpy(), (0, 0, sigma, sigma), mode="constant", radius=(0, 0, radius, radius))
    np.testing.assert_allclose(blur(images, sigma).numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_first_guess_lies_between_the_known_pixels_and_near_the_image(share) -> None:
    images, holed, known = corrupted(4, 32, share)
    guess = blurred_guess(holed, known.float())
    assert torch.equal(guess[known], images[known])
    for filled, image, mask in zip(guess, images, known, strict=True):
        assert image[mask].min() - 1e-5 <= filled.min()
        assert filled.max() <= image[mask].max() + 1e-5
    mean, _ = moments(holed, known.float())
    assert (guess - images)[~known].square().mean() < 0.3 * (mean - images)[~known].square().mean()
