"""Generated faces: the same for a seed, within bounds, of different people, and with the variety of real ones."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dlhw.data import synthetic_faces
from dlhw.data.synthetic_faces import PERSON, PICTURE, generate, render


@pytest.fixture(scope="module")
def faces() -> tuple[Tensor, Tensor]:
    return generate()


def rendered(**settings: float) -> np.ndarray:
    """A face with all settings in the middle of their bounds but for these, with no noise: (64, 64)."""
    bounds = PERSON | PICTURE
    unknown = settings.keys() - bounds.keys()
    assert not unknown, unknown
    plain = {"glasses": 1.0, "beard": 1.0, "moustache": 1.0}  # without them
    middle = {name: (low + high) / 2 for name, (low, high) in bounds.items()}
    row = np.array([list((middle | plain | settings).values())], np.float32)
    return render(row, np.zeros((1, 64, 64), np.float32))[0]


def test_shapes_types_and_bounds(faces: tuple[Tensor, Tensor]) -> None:
    images, people = faces
    assert (images.shape, images.dtype) == ((400, 64, 64), torch.float32)
    assert (people.tolist(), people.dtype) == ([number // 10 for number in range(400)], torch.int64)
    assert 0 <= images.min() <= images.max() <= 1


def test_a_seed_gives_the_same_bits_and_another_seed_other_faces(faces: tuple[Tensor, Tensor]) -> None:
    assert torch.equal(generate()[0], faces[0])
    assert (generate(seed=1)[0] - faces[0]).abs().mean() > 0.05


@settings(max_examples=10)
@given(st.integers(1, 6))
def test_the_first_people_are_the_same_however_many_there_are(num_people: int) -> None:
    assert torch.equal(generate(num_people, 7)[0], generate(8, 7)[0][: num_people * 7])


def test_how_many_are_worked_on_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = generate(3, 5)[0]
    monkeypatch.setattr(synthetic_faces, "CHUNK", 4)
    assert torch.equal(generate(3, 5)[0], whole)


@pytest.mark.parametrize("numbers", [(0, 10), (10, 0), (-1, 1)])
def test_nobody_and_no_picture_are_refused(numbers: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least one person and one picture"):
        generate(*numbers)


def test_no_two_pictures_are_the_same(faces: tuple[Tensor, Tensor]) -> None:
    distances = torch.cdist(faces[0].flatten(1), faces[0].flatten(1)) + 1e3 * torch.eye(400)
    assert distances.min() > 1


def test_people_are_told_apart_by_their_pictures(faces: tuple[Tensor, Tensor]) -> None:
    """The most similar picture is mostly of the same person, of whom 9 of the 399 others are."""
    images, people = faces
    distances = torch.cdist(images.flatten(1), images.flatten(1)) + 1e3 * torch.eye(400)
    assert (people[distances.argmin(1)] == people).float().mean() > 0.6


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_variance_is_spread_as_in_real_faces(seed: int) -> None:
    """Olivetti: 73 % in 16 components, 90 % in 64; and 44 % of it is within people."""
    pixels = generate(seed=seed)[0].flatten(1).double()
    centred = pixels - pixels.mean(0)
    variances = torch.linalg.svdvals(centred).square()
    shares = (variances.cumsum(0) / variances.sum())[[15, 63]]
    assert 0.68 < shares[0] < 0.83
    assert 0.86 < shares[1] < 0.95
    within = (pixels.view(40, 10, -1) - pixels.view(40, 10, -1).mean(1, keepdim=True)).square().sum()
    assert 0.3 < within / variances.sum() < 0.6
    assert 0.4 < pixels.mean() < 0.6


@pytest.mark.parametrize("name", [*PERSON, *PICTURE])
def test_every_setting_is_seen(name: str) -> None:
    # some need another one: glasses, a beard, hair that is light in both tones, open eyes
    others = {
        "glasses": {"glasses": 0.0, "glasses_tone": 0.0}, "beard": {"beard_strength": 0.9},
        "hair": {"hair_tone": 0.4, "hair_other_tone": 0.4, "hair_length": 1.0}, "fringe": {"fringe": 0.09},
        "parting": {"hairline": -0.72}, "gaze": {"eye_open": 1.2},
        "mouth": {"mouth_open": 0.9},
    }  # fmt: skip
    context = others.get(name.split("_")[0], {}) | ({"beard": 0.0} if name == "beard_strength" else {})
    low, high = (PERSON | PICTURE)[name]
    values = (low, (low + high) / 2) if "phase" in name else (low, high)  # half a period
    one, other = (rendered(**context | {name: value}) for value in values)
    assert np.abs(one - other).max() > 0.01


def test_without_yaw_roll_and_light_from_a_side_a_face_is_symmetric() -> None:
    straight = {"yaw": 0, "roll": 0, "shift_x": 0, "lamp_x": 0, "gaze": 0, "parting": 0, "fringe": 0}
    image = rendered(**straight, blotch_u=np.pi, blotch_phase_u=np.pi / 2)
    np.testing.assert_allclose(image, image[:, ::-1], atol=1e-4)


def centre_of_dark(image: np.ndarray, rows: slice) -> float:
    """The column in whose neighbourhood these rows are darkest, weighted by how dark they are."""
    part = image[rows, 16:48]
    darkness = np.clip(np.quantile(part, 0.2) - part, 0, None)
    return float((darkness * np.arange(16, 48)).sum() / darkness.sum())


def test_a_turned_head_moves_its_features_to_that_side() -> None:
    rows = slice(34, 46)  # from the tip of the nose to the mouth
    left, right = (centre_of_dark(rendered(yaw=yaw, lamp_x=0), rows) for yaw in (-0.3, 0.3))
    assert right - left > 6


def test_the_lit_side_is_the_brighter_one() -> None:
    from_left, from_right = (rendered(lamp_x=x, lamp=0.55) for x in (-0.9, 0.9))
    cheeks = slice(28, 44)
    assert from_left[cheeks, 12:24].mean() > from_left[cheeks, 40:52].mean() + 0.1
    assert from_right[cheeks, 40:52].mean() > from_right[cheeks, 12:24].mean() + 0.1
