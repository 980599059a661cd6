"""Faces in parts: by person nobody is in two, by picture everything else is the same."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dlhw.data.faces import FaceData
from dlhw.data.split import split_rows
from dlhw.errors import UserError
from tests.helpers import face_data


@given(
    people=st.lists(st.integers(0, 20), min_size=1, max_size=200), val=st.floats(0, 0.4), test=st.floats(0.01, 0.4),
    seed=st.integers(0, 10**6),
)  # fmt: skip
def test_every_row_is_in_one_part_and_no_person_in_two(people: list[int], val: float, test: float, seed: int) -> None:
    units = torch.tensor(people)
    try:
        rows = split_rows(units, val, test, seed, "people")
    except UserError:
        assert len(set(people)) <= 2 or max(1, round(val * len(set(people)))) + max(
            1, round(test * len(set(people)))
        ) >= len(set(people))
        return
    assert torch.cat(list(rows.values())).sort().values.tolist() == list(range(len(people)))
    parts = [set(units[some].tolist()) for some in rows.values()]
    assert sum(len(part) for part in parts) == len(set(people))
    assert {"train", "test"} <= rows.keys()
    assert ("val" in rows) == (val > 0)


def test_the_usual_shares() -> None:
    units = torch.arange(40).repeat_interleave(10)
    rows = split_rows(units, 0.1, 0.2, 0, "people")
    assert {name: len(some) for name, some in rows.items()} == {"train": 280, "val": 40, "test": 80}


def test_another_seed_is_another_split() -> None:
    tests = [set(face_data(split_seed=seed).parts["test"][1].tolist()) for seed in (0, 0, 1)]
    assert tests[0] == tests[1] != tests[2]


def test_split_by_picture_parts_have_people_in_common() -> None:
    data = face_data(split="picture")
    people = {name: set(part[1].tolist()) for name, part in data.parts.items()}
    assert people["train"] & people["test"]
    assert {name: len(part[1]) for name, part in data.parts.items()} == {"train": 280, "val": 40, "test": 80}


def test_generated_faces_say_that_they_are() -> None:
    data = face_data()
    assert "generated" in data.describe()["name"]
    images, people = data.parts["train"]
    assert images.shape == (280, 1, 64, 64)
    assert 0 <= images.min() < images.max() <= 1
    assert data.class_names[int(people.max())].startswith("person ")


def test_augmented_copies_are_many_and_the_same_each_time() -> None:
    from dlhw.data.augment import Mirror

    data = face_data(augment=Mirror())
    copies = data.augmented(3)
    assert len(copies) == 3 * 280
    assert torch.equal(copies, data.augmented(3))
    mirrored = (copies[:280] != data.parts["train"][0]).flatten(1).any(1).float().mean()
    assert 0.4 < mirrored < 0.6
    assert torch.equal(face_data().augmented(3), face_data().parts["train"][0])


def test_too_few_people_are_refused() -> None:
    with pytest.raises(UserError, match="of 2 people none is left to train on"):
        split_rows(torch.tensor([0, 0, 1]), 0.1, 0.2, 0, "people")


def test_a_flat_folder_cannot_be_split_by_person(tmp_path) -> None:
    from PIL import Image

    for number in range(12):
        Image.effect_noise((64, 64), 50).save(tmp_path / f"{number}.png")
    settings = {"dataset": "faces", "path": str(tmp_path)}
    with pytest.raises(UserError, match=r"data.split=picture"):
        face_data(**settings)
    assert len(face_data(**settings, split="picture").parts["train"][1]) == 9


def test_real_faces(real_data) -> None:
    data = face_data(dataset="faces", root=str(real_data))
    assert data.describe()["name"] == "Olivetti faces"
    assert {name: len(part[1]) for name, part in data.parts.items()} == {"train": 280, "val": 40, "test": 80}
    assert isinstance(data, FaceData)
