"""Label noise: exact rates, and who is mistaken for whom."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dlhw.data.label_noise import MISTAKES, LabelNoise
from dlhw.data.loader import seeded
from dlhw.schema import FLIPS

CPU = torch.device("cpu")


def labels(num: int, num_classes: int = 10) -> torch.Tensor:
    return torch.arange(num) % num_classes


@given(rate=st.floats(0, 0.99), num=st.integers(1, 500), num_classes=st.integers(2, 12), seed=st.integers(0, 99))
def test_symmetric_noise_flips_exactly_its_share(rate: float, num: int, num_classes: int, seed: int) -> None:
    clean = labels(num, num_classes)
    noisy = LabelNoise(rate)(clean, num_classes, seeded(CPU, seed))
    assert (noisy != clean).sum() == round(rate * num)
    assert noisy.min() >= 0
    assert noisy.max() < num_classes
    assert torch.equal(clean, labels(num, num_classes)), "the true labels stay as they are"


def test_symmetric_flips_go_to_the_nine_other_classes_alike() -> None:
    clean = torch.full((90_000,), 3)
    noisy = LabelNoise(0.5)(clean, 10, seeded(CPU, 0))
    counts = torch.bincount(noisy[noisy != 3], minlength=10)
    assert counts[3] == 0
    others = counts[counts > 0].double()
    assert len(others) == 9
    assert (others / 5000 - 1).abs().max() < 5 / 5000**0.5  # five standard deviations of a count of 5,000


@pytest.mark.parametrize("flip", ["next", *MISTAKES])
def test_asymmetric_flips_follow_their_map(flip: str) -> None:
    clean = labels(2000)
    noisy = LabelNoise(0.4, flip)(clean, 10, seeded(CPU, 0))
    mistakes = {label: (label + 1) % 10 for label in range(10)} if flip == "next" else MISTAKES[flip]
    for label in range(10):
        given = noisy[clean == label]
        if label in mistakes:
            assert (given == mistakes[label]).sum() == 80
            assert (given == label).sum() == 120
        else:
            assert (given == label).all()


def test_the_seed_alone_decides() -> None:
    first, second, other = (LabelNoise(0.3)(labels(300), 10, seeded(CPU, seed)) for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_the_names_that_configs_may_use_are_the_maps() -> None:
    assert set(FLIPS) == {"symmetric", "next", *MISTAKES}
