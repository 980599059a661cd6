"""Mirrored images and augmentations in a row."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from dlhw.config import compose_config
from dlhw.data.augment import Affine, Chain, Mirror, description
from dlhw.errors import UserError
from dlhw.schema import validate


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(num: int = 64) -> Tensor:
    return torch.rand(num, 1, 28, 28, generator=generator(1))


@given(share=st.floats(0, 1), seed=st.integers(0, 100))
def test_each_image_is_itself_or_its_mirror_image(share: float, seed: int) -> None:
    before = images(8)
    after = Mirror(share)(before, generator(seed))
    for one, other in zip(before, after, strict=True):
        assert torch.equal(other, one) or torch.equal(other, one.flip(2))
    assert torch.equal(after, Mirror(share)(before, generator(seed))), "the generator is the only randomness"


def test_none_all_and_half() -> None:
    before = images(2000)
    assert torch.equal(Mirror(0)(before, generator()), before)
    assert torch.equal(Mirror(1)(before, generator()), before.flip(-1))
    mirrored = (Mirror()(before, generator()) != before).flatten(1).any(1)
    assert 0.45 < mirrored.float().mean() < 0.55


def test_a_chain_is_one_after_the_other() -> None:
    mirror, affine = Mirror(), Affine(degrees=0, shift=1)
    source = generator()
    expected = affine(mirror(images(), source), source)
    assert torch.equal(Chain([mirror, affine])(images(), generator()), expected)


def test_descriptions() -> None:
    chain = Chain([Mirror(), Affine(degrees=0, shift=1)])
    assert description(chain) == (
        "Mirror (share 0.5), then Affine (degrees 0, shift 1, scale 0.0, shear 0.0, padding zeros)"
    )


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["augment=mirror", "data.augment.share=1.5"], "data.augment.share=1.5: must be less than or equal to 1"),
        (["augment=mirror_shift", "data.augment.transforms.1.shift=-1"], "data.augment.transforms.1.shift=-1: must be"),
        (["augment=mirror_shift", "data.augment.transforms=[]"], "at least 1 item"),
        (["augment=mirror", "data.augment._target_=dlhw.data.augment.Miror"], "did you mean dlhw.data.augment.Mirror?"),
    ],
)
def test_wrong_settings_are_refused(overrides: list[str], line: str) -> None:
    validate(compose_config(["experiment=fashion_mlp", "data=digits", *overrides[:1]]))
    with pytest.raises(UserError, match=line.replace("[", r"\[")):
        validate(compose_config(["experiment=fashion_mlp", "data=digits", *overrides]))
