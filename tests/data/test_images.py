"""The data module of labelled images, on the embedded digits."""

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional as F

from dlhw.data import digits
from dlhw.data.augment import Affine
from dlhw.errors import UserError
from tests.helpers import image_data


def rows(images: Tensor) -> set[bytes]:
    return {image.numpy().tobytes() for image in images}


def test_digits_are_scikit_learns_enlarged() -> None:
    images, labels, test_images, test_labels = digits.load()
    assert images.shape == (1438, 28, 28)
    assert test_images.shape == (359, 28, 28)
    assert torch.cat([labels, test_labels]).tolist() == load_digits().target.tolist()
    whole = torch.cat([images, test_images])
    assert whole.dtype == torch.uint8
    assert not whole[:, :4].any(), "a margin of four pixels, as MNIST has it"
    assert not whole[:, :, -4:].any()
    small = F.interpolate(whole[:, None, 4:24, 4:24].float() / 255, size=8, mode="area")[:, 0] * 16
    original = torch.from_numpy(load_digits().images).float()
    assert torch.corrcoef(torch.stack([small.flatten(), original.flatten()]))[0, 1] > 0.97


def test_the_parts_are_disjoint_and_complete() -> None:
    data = image_data()
    counts = {name: len(labels) for name, (_, labels) in data.parts.items()}
    assert counts == {"train": 1238, "val": 200, "test": 359}
    parts = [rows(images) for images, _ in data.parts.values()]
    images, _, test_images, _ = digits.load()
    assert len(parts[0] | parts[1] | parts[2]) == len(rows(torch.cat([images, test_images])))
    assert not parts[0] & parts[1]
    assert not (parts[0] | parts[1]) & parts[2]


def test_the_split_has_a_seed_of_its_own() -> None:
    val = image_data().parts["val"][1]
    assert torch.equal(image_data(seed=5).parts["val"][1], val)
    assert not torch.equal(image_data(split_seed=1).parts["val"][1], val)


def test_images_are_standardised_by_the_training_part_alone() -> None:
    data = image_data()
    train, val = data.parts["train"][0], data.parts["val"][0]
    torch.testing.assert_close(train.mean(), torch.tensor(0.0), atol=1e-5, rtol=0)
    torch.testing.assert_close(train.std(), torch.tensor(1.0), atol=1e-5, rtol=0)
    assert val.mean().abs() > 1e-4, "the validation part's own mean is another"
    pixels = (val * data.std + data.mean) * 255  # back to grey values
    torch.testing.assert_close(pixels, pixels.round(), atol=1e-3, rtol=0)
    assert train.shape == (1238, 1, 28, 28)


@pytest.mark.parametrize("num_val", [1438, 5000])
def test_a_validation_part_that_leaves_nothing_is_refused(num_val: int) -> None:
    with pytest.raises(UserError, match=f"data.num_val={num_val}: .* has 1438 training images; must be 0 to 1437"):
        image_data(num_val=num_val)


def test_without_a_validation_part_all_is_trained_on() -> None:
    data = image_data(num_val=0)
    assert list(data.parts) == ["train", "test"]
    assert len(data.parts["train"][1]) == 1438
    assert data.splits == ()
    assert data.val_dataloader() == []
    assert image_data(num_val=0, test_every_epoch=True).splits == ("test",)
    assert data.describe()["num_val"] == 0


def test_augmentation_touches_the_training_batches_only() -> None:
    plain, augmented = image_data(), image_data(augment=Affine(degrees=35, shift=3))
    for split in ("val", "test"):
        assert torch.equal(augmented.parts[split][0], plain.parts[split][0])
    (inputs, labels), (others, other_labels) = (next(iter(data.train_dataloader())) for data in (plain, augmented))
    assert torch.equal(labels, other_labels)
    assert not torch.allclose(inputs, others, atol=0.1)
    assert others.mean().abs() < 0.2, "they are standardised too"


def test_an_augmentation_that_does_nothing_changes_nothing() -> None:
    plain, augmented = image_data(), image_data(augment=Affine(degrees=0, shift=0))
    for (one, _), (other, _) in zip(plain.train_dataloader(), augmented.train_dataloader(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


@pytest.mark.parametrize("augment", [None, Affine(degrees=35, shift=3)])
def test_calibration_shows_the_images_as_the_network_sees_them(augment: Affine | None) -> None:
    images, labels = image_data(augment=augment).calibration(50)
    expected, expected_labels = (tensor[:50] for tensor in image_data().parts["train"])
    torch.testing.assert_close(images, expected)
    assert torch.equal(labels, expected_labels)


def test_the_test_set_is_watched_only_on_request() -> None:
    assert image_data().splits == ("val",)
    data = image_data(test_every_epoch=True)
    assert data.splits == ("val", "test")
    assert len(data.val_dataloader()) == 2


def test_the_description_names_the_data_and_what_was_done_to_it() -> None:
    facts = image_data(augment=Affine(degrees=35, shift=3)).describe()
    assert facts["name"] == "digits (8x8, enlarged)"
    assert "degrees 35" in facts["preprocessing"]
    assert "pixels / 255" in facts["preprocessing"]
    assert facts["sha256"] == image_data(split_seed=3).describe()["sha256"], "the hash is the data's, not the split's"
