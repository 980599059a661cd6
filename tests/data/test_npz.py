"""Anyone's own images: what is accepted and how it is understood, and what is refused in one line."""

import io
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from dlhw.baseline import baseline_config, fingerprint
from dlhw.config import compose_config, short_name
from dlhw.data import digits, npz
from dlhw.data.images import ImageData
from dlhw.errors import UserError
from tests.helpers import ROOT, Finished, image_data

Arrays = dict[str, np.ndarray]
NUM = {"train": 40, "val": 7, "test": 12}


def made(*parts: str) -> Arrays:
    """Random grey values and labels under the project's own names; every class is there."""
    random = np.random.default_rng(0)
    arrays = {}
    for part in parts or ("train", "test"):
        arrays[f"{part}_images"] = random.integers(0, 256, (NUM[part], 28, 28), dtype=np.uint8)
        arrays[f"{part}_images"][0, 0, :2] = 0, 255
        arrays[f"{part}_labels"] = np.arange(NUM[part], dtype=np.uint8) % 10
    return arrays


@pytest.fixture
def save(tmp_path: Path) -> Callable[[Arrays], Path]:
    def write(arrays: Arrays) -> Path:
        path = tmp_path / "own.npz"
        np.savez(path, **arrays)
        return path

    return write


def load(path: Path, num_classes: int = 10, **keys: str) -> npz.Contents:
    return npz.load(path, keys, num_classes)


def refusal(path: Path, num_classes: int = 10, **keys: str) -> str:
    with pytest.raises(UserError) as refused:
        load(path, num_classes, **keys)
    message = str(refused.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def same(contents: npz.Contents, arrays: Arrays) -> bool:
    return all(
        np.array_equal(images.numpy(), arrays[f"{part}_images"])
        and np.array_equal(labels.numpy(), arrays[f"{part}_labels"])
        for part, (images, labels) in contents.parts.items()
    )


# What is accepted


@pytest.mark.parametrize("shape", [(-1, 784), (-1, 28, 28), (-1, 1, 28, 28)])
@pytest.mark.parametrize("label_shape", [(-1,), (-1, 1)])
def test_every_shape_gives_the_same_images(shape: tuple, label_shape: tuple, save: Callable[[Arrays], Path]) -> None:
    arrays = made()
    shapes = {name: shape if "images" in name else label_shape for name in arrays}
    contents = load(save({name: array.reshape(shapes[name]) for name, array in arrays.items()}))
    assert same(contents, arrays)
    images, labels = contents.parts["train"]
    assert (images.dtype, labels.dtype) == (torch.uint8, torch.int64)


@pytest.mark.parametrize("dtype", ["u1", "i2", "<i4", ">i4", "i8", "u8"])
def test_every_integer_type_is_the_same_grey_values(dtype: str, save: Callable[[Arrays], Path]) -> None:
    arrays = made()
    assert same(load(save({name: array.astype(dtype) for name, array in arrays.items()})), arrays)


@pytest.mark.parametrize("dtype", ["f4", ">f4", "f8", "g"])
@pytest.mark.parametrize(
    ("largest", "scaling"), [(1, "float pixels in 0..1 as they are"), (255, "float pixels in 0..255 / 255")]
)
def test_floats_come_to_lie_in_the_unit_range(
    dtype: str, largest: int, scaling: str, save: Callable[[Arrays], Path]
) -> None:
    arrays = made()
    stored = {k: v.astype(dtype) * largest / 255 if "images" in k else v for k, v in arrays.items()}
    contents = load(save(stored))
    assert contents.scaling == scaling
    for part, (images, _) in contents.parts.items():
        assert images.dtype == torch.float32
        np.testing.assert_allclose(images.numpy(), arrays[f"{part}_images"] / 255, rtol=1e-6)


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_order_in_memory_does_not_matter(order: str, save: Callable[[Arrays], Path]) -> None:
    arrays = made()
    assert same(load(save({name: np.array(array, order=order) for name, array in arrays.items()})), arrays)


def test_a_compressed_file(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "own.npz", **made())
    assert same(load(tmp_path / "own.npz"), made())


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_test", "y_test"),  # Keras
        ("X_train", "Y_train", "X_test", "Y_test"),
        ("train_x", "train_y", "test_x", "test_y"),
        ("trainX", "trainY", "testX", "testY"),
        ("train_images", "train_labels", "test_images", "test_labels"),  # MedMNIST
        ("training_images", "training_labels", "test_images", "test_labels"),
        ("train_data", "train_targets", "test_data", "test_targets"),
        ("images", "labels", "images_test", "labels_test"),
        ("X", "y", "X_test", "y_test"),
        ("mnist_train_images", "mnist_train_labels", "mnist_t10k_images", "mnist_t10k_labels"),
    ],
)
def test_usual_names_are_guessed(names: tuple[str, ...], save: Callable[[Arrays], Path]) -> None:
    arrays = made()
    stored = dict(zip(names, arrays.values(), strict=True))
    assert same(load(save(stored | {"about": np.array("unused")})), arrays)


@pytest.mark.parametrize(
    ("images", "labels"),
    [("x_val", "y_val"), ("valid_images", "valid_labels"), ("X_validation", "y_validation"), ("val_data", "val_label")],
)
def test_a_validation_part_is_found(images: str, labels: str, save: Callable[[Arrays], Path]) -> None:
    arrays = made("train", "val", "test")
    stored = {**made("train"), images: arrays["val_images"], labels: arrays["val_labels"], **made("test")}
    stored |= {name: arrays[name] for name in ("train_images", "test_images")}
    assert list(load(save(stored)).parts) == ["train", "val", "test"]


def test_any_names_can_be_given(save: Callable[[Arrays], Path]) -> None:
    arrays = made()
    stored = {f"arr_{number}": array for number, array in enumerate(arrays.values())}
    keys = {role: f"arr_{number}" for number, role in enumerate(arrays)}
    assert same(load(save(stored), **keys), arrays)


def test_a_given_name_settles_a_doubt(save: Callable[[Arrays], Path]) -> None:
    arrays = made()
    path = save(arrays | {"x_train": arrays["train_images"][::-1]})
    assert refusal(path) == "train_images may be train_images or x_train; say which with data.keys.train_images=NAME"
    assert same(load(path, train_images="train_images"), arrays)


def test_the_four_files_of_a_folder(tmp_path: Path) -> None:
    for name, array in made().items():
        np.save(tmp_path / f"fashion_mnist_{name}.npy", array)
    (tmp_path / "readme.txt").touch()
    assert same(load(tmp_path), made())
    for name, array in made().items():
        np.save(tmp_path / f"mnist_{name}.npy", 255 - array if "images" in name else array)
    assert "may be fashion_mnist_train_images or mnist_train_images;" in refusal(tmp_path)
    assert same(load(tmp_path, **{role: f"fashion_mnist_{role}" for role in made()}), made())


def test_as_many_classes_as_are_asked_for(save: Callable[[Arrays], Path]) -> None:
    path = save(made() | {"train_labels": np.arange(40)})
    assert load(path, num_classes=40).parts["train"][1].tolist() == list(range(40))


# What is refused: the change that is made to a good file -> what the line must say

IMAGES = (40, 28, 28)
REFUSED: dict[str, tuple[Arrays, tuple[str, ...]]] = {
    "larger images": (
        {"train_images": np.zeros((40, 32, 32), np.uint8)},
        ("train_images have the shape (40, 32, 32)", "must be (N, 784), (N, 28, 28) or (N, 1, 28, 28)"),
    ),
    "digits of 16 x 16": ({"train_images": np.zeros((40, 16, 16), np.uint8)}, ("(40, 16, 16)", "28 x 28, as docs")),
    "colour images": (
        {"test_images": np.zeros((12, 28, 28, 3), np.uint8)},
        ("test_images", "(12, 28, 28, 3)", "grey: save x.mean(3)"),
    ),
    "a channel at the end": ({"test_images": np.zeros((12, 28, 28, 1), np.uint8)}, ("save x.reshape(-1, 28, 28)",)),
    "smaller vectors": ({"train_images": np.zeros((40, 64), np.uint8)}, ("(40, 64)", "(N, 784)")),
    "one image": ({"train_images": np.zeros((28, 28), np.uint8)}, ("(28, 28)", "must be (N, 784)")),
    "a number as images": ({"train_images": np.array(3)}, ("train_images have the shape ()",)),
    "no images": (
        {"train_images": np.zeros((0, 784), np.uint8), "train_labels": np.zeros(0, int)},
        ("(0, 784)", "at least one image"),
    ),
    "unequal lengths": ({"train_labels": np.zeros(39, int)}, ("40 train_images but 39 train_labels", "equally many")),
    "one-hot labels": ({"train_labels": np.eye(10, dtype=int)[[0] * 40]}, ("(40, 10)", "or (N, 1)", "y.argmax(1)")),
    "a number as labels": ({"train_labels": np.array(3)}, ("train_labels have the shape ()",)),
    "float labels": ({"train_labels": np.zeros(40)}, ("train_labels are float64", "integers from 0 to 9")),
    "labels in words": ({"train_labels": np.array(["cat"] * 40)}, ("labels are <U3", "from 0 to 9", "numpy.unique")),
    "labels that are truths": ({"train_labels": np.ones(40, bool)}, ("train_labels are bool", "integers")),
    "labels from 1": (
        {"test_labels": np.arange(12) % 10 + 1},
        ("test_labels go from 1 to 10", "must be 0 to 9", "data.num_classes=11", "begin at 1, save them less 1"),
    ),
    "negative labels": ({"train_labels": np.arange(40) % 10 - 1}, ("from -1 to 8", "must be 0 to 9", "numpy.unique")),
    "huge labels": ({"train_labels": np.full(40, 2**64 - 1, np.uint64)}, ("to 18446744073709551615", "0 to 9")),
    "NaN": (
        {"train_images": np.where(np.arange(40)[:, None, None] == 3, np.nan, np.ones(IMAGES)),
         "test_images": np.zeros((12, 28, 28))},
        ("1 of 40 train_images hold NaN or infinity",),
    ),
    "infinity": ({"test_images": np.full((12, 784), np.inf)}, ("12 of 12 test_images hold NaN or infinity",)),
    "standardised images": (
        {"train_images": np.linspace(-1, 1, 40 * 784).reshape(IMAGES)},
        ("pixels from -1 to 1", "must be 0..255, or floats in 0..1"),
    ),
    "negative integers": ({"train_images": np.full(IMAGES, -3)}, ("pixels from -3 to -3", "0..255")),
    "sixteen bits": ({"train_images": np.full(IMAGES, 65535, np.uint16)}, ("to 6.554e+04", "0..255")),
    "complex images": ({"train_images": np.ones(IMAGES, complex)}, ("complex128", "must be uint8 or float")),
    "images that are truths": ({"train_images": np.ones(IMAGES, bool)}, ("bool", "must be uint8 or float")),
    "empty images": ({"train_images": np.full(IMAGES, 7, np.uint8)}, ("train_images have 7 in every pixel", "learn")),
    "types mixed": (
        {"test_images": np.ones((12, 784))},
        ("train_images uint8, test_images float64", "all integers or all floats"),
    ),
    "half a validation part": ({"val_images": np.ones((7, 784), np.uint8)}, ("no val_labels in it", "val_images")),
    "pickled objects": (
        {"train_labels": np.array([{}] * 40, dtype=object)},
        ("train_labels cannot be read", "Object arrays", "plain arrays of numbers"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_in_one_line(case: str, save: Callable[[Arrays], Path]) -> None:
    change, expected = REFUSED[case]
    message = refusal(save(made() | change))
    for part in expected:
        assert part in message


@pytest.mark.parametrize(
    ("dropped", "expected"),
    [
        (["test_images", "test_labels"], "no test_images and no test_labels in it, only train_images, train_labels; "),
        (["train_labels"], "no train_labels in it, only train_images, test_images, test_labels; "),
        (list(made()), "no train_images and no train_labels and no test_images and no test_labels in it, only nothing"),
    ],
)
def test_a_missing_array_is_named_beside_what_there_is(
    dropped: list[str], expected: str, save: Callable[[Arrays], Path]
) -> None:
    message = refusal(save({name: array for name, array in made().items() if name not in dropped}))
    assert message.startswith(expected.replace("nothing", "no array"))
    assert message.endswith(f"name it with data.keys.{dropped[0]}=NAME")


def test_a_name_that_is_not_there_has_near_ones(save: Callable[[Arrays], Path]) -> None:
    message = refusal(save(made()), test_labels="tset_labels")
    assert message.startswith("data.keys.test_labels=tset_labels: there is no array of this name; did you mean test_l")


def npy_bytes(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


DAMAGED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda good: b"", "cannot be read"),
    "text": (lambda good: b"x_train, y_train\n1, 2\n", "cannot be read"),
    "cut": (lambda good: good[: len(good) // 2], "cannot be read"),
    "a flipped byte": (lambda good: good[:5000] + bytes([good[5000] ^ 1]) + good[5001:], "cannot be read"),
    "pickled": (lambda good: pickle.dumps({"x_train": [1]}), "cannot be read"),
    "one array": (lambda good: npy_bytes(np.zeros(3)), "cannot be read (File is not a zip file)"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_refused(case: str, save: Callable[[Arrays], Path]) -> None:
    damage, expected = DAMAGED[case]
    path = save(made())
    path.write_bytes(damage(path.read_bytes()))
    assert expected in refusal(path)


def test_a_member_that_is_no_array_is_refused(save: Callable[[Arrays], Path]) -> None:
    arrays = made()
    del arrays["train_images"]
    path = save(arrays)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("train_images", b"no array at all")
    assert "train_images is not an array in NumPy's format, but bytes" in refusal(path)


def test_a_damaged_file_of_a_folder_is_named(tmp_path: Path) -> None:
    for name, array in made().items():
        np.save(tmp_path / f"{name}.npy", array)
    file = tmp_path / "test_images.npy"
    file.write_bytes(file.read_bytes()[:-1])
    assert refusal(tmp_path).startswith("test_images.npy cannot be read")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert "in it, only no array" in refusal(tmp_path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_gets_past_or_raises_anything_else(data: Any, save: Callable[[Arrays], Path]) -> None:
    """Whatever bytes are changed or cut: the same data is read, or the file is refused."""
    arrays = {name: array[:10] for name, array in made().items()}
    path = save(arrays)
    content = bytearray(path.read_bytes())
    # the headers of the archive and of its arrays lie at the beginning and at the end
    places = st.one_of(st.integers(0, 200), st.integers(len(content) - 400, len(content) - 1))
    for place, value in data.draw(st.dictionaries(places, st.integers(0, 255), max_size=3)).items():
        content[place] = value
    path.write_bytes(content[: data.draw(st.sampled_from([None, -1, -30, 300]))])
    try:
        contents = load(path)
    except UserError:
        return
    assert same(contents, arrays)


# As a data module


def module(path: Path, **others: Any) -> ImageData:
    small = {"num_val": 5, "batch_size": 8, "eval_batch_size": 8}
    return image_data(**({"dataset": "npz", "path": str(path)} | small | others))


def counts(data: ImageData) -> list[int]:
    return [data.describe()[f"num_{part}"] for part in ("train", "val", "test")]


def test_a_validation_part_is_cut_where_there_is_none(save: Callable[[Arrays], Path]) -> None:
    path = save(made())
    assert counts(module(path)) == [35, 5, 12]
    assert counts(module(path, num_val=0)) == [40, 0, 12]
    with pytest.raises(UserError, match=r"data\.num_val=40: own has 40 training images; must be 0 to 39"):
        module(path, num_val=40)


def test_the_files_own_validation_part_is_used(save: Callable[[Arrays], Path]) -> None:
    data = module(save(made("train", "val", "test")), num_val=5000)
    assert counts(data) == [40, 7, 12]
    assert data.splits == ("val",)
    assert data.parts["val"][1].tolist() == list(range(7))
    restored = (data.parts["val"][0][:, 0] * data.std + data.mean) * 255
    np.testing.assert_allclose(restored.numpy(), made("train", "val", "test")["val_images"], atol=1e-3)


def test_the_description_says_what_was_found(save: Callable[[Arrays], Path]) -> None:
    facts = module(save({k: v / 255 if "images" in k else v for k, v in made().items()})).describe()
    assert facts["name"] == "own"
    assert facts["preprocessing"].startswith("float pixels in 0..1 as they are, minus 0.")


def test_classes_have_numbers(save: Callable[[Arrays], Path]) -> None:
    assert module(save(made()), num_classes=12).class_names == [str(number) for number in range(12)]


def test_a_folder_gives_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "my.clothes"
    folder.mkdir()
    for name, array in made().items():
        np.save(folder / f"{name}.npy", array)
    assert module(folder).title == "my.clothes"


# As a run


@pytest.fixture(scope="module")
def own_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded digits as somebody else would have saved them."""
    path = tmp_path_factory.mktemp("own") / "my digits.npz"
    train, labels, test, test_labels = (tensor.numpy() for tensor in digits.load())
    np.savez_compressed(path, x_train=train, y_train=labels, x_test=test.reshape(-1, 784), y_test=test_labels[:, None])
    return path


def chosen(path: Path) -> list[str]:
    return ["data=npz", f"data.path='{path}'", "data.num_val=200"]


def test_a_run_on_own_data_is_the_run_on_the_same_data(
    own_digits: Path, run_experiment: Callable[..., Finished]
) -> None:
    overrides = ["experiment=mnist_mlp", "trainer.max_epochs=2"]
    own = run_experiment(*overrides, *chosen(own_digits)).results
    embedded = run_experiment(*overrides, "data=digits", "data.passes=1").results
    assert own["dataset"] == embedded["dataset"] | {"name": "my digits"}
    assert own["metrics"] == embedded["metrics"]


def test_a_run_on_four_files(own_digits: Path, tmp_path: Path, run_experiment: Callable[..., Finished]) -> None:
    names = {"x_train": "train_images", "y_train": "train_labels", "x_test": "test_images", "y_test": "test_labels"}
    with np.load(own_digits) as arrays:
        for name, own_name in names.items():
            np.save(tmp_path / f"fashion_mnist_{own_name}.npy", arrays[name])
    finished = run_experiment("experiment=mnist_mlp", "trainer.max_epochs=1", *chosen(tmp_path))
    assert finished.results["dataset"]["num_train"] == 1238
    assert tmp_path.name in (finished.folder / "report.html").read_text()


def test_a_run_without_a_validation_part(own_digits: Path, run_experiment: Callable[..., Finished]) -> None:
    watched = ["callbacks.checkpoint.monitor=train/loss", "callbacks.checkpoint.mode=min"]
    finished = run_experiment(
        "experiment=mnist_mlp", "trainer.max_epochs=2", "data.test_every_epoch=false", *chosen(own_digits)[:2],
        "data.num_val=0", *watched,
    )  # fmt: skip
    assert finished.results["dataset"]["num_val"] == 0
    assert "lowest train/loss" in finished.results["checkpoint"]["why"]
    assert not [name for name in finished.rows[0] if name.startswith(("val/", "test/"))]


def test_a_choice_by_validation_takes_a_validation_part(
    own_digits: Path, run_experiment: Callable[..., Finished]
) -> None:
    for data in (["data=digits"], chosen(own_digits)[:2]):
        with pytest.raises(
            UserError, match=r"callbacks\.checkpoint\.monitor=val/acc: there is no validation part; set"
        ):
            run_experiment("experiment=mnist_mlp", *data, "data.num_val=0")


def baselines_name(path: Path, *overrides: str) -> str:
    spec = baseline_config(compose_config(["experiment=svd_finetune", "data=npz", f"data.path={path}", *overrides]))
    return fingerprint(spec)


def test_a_baseline_is_known_by_the_content_of_its_data(tmp_path: Path, save: Callable[[Arrays], Path]) -> None:
    one, copy, folder = save(made()), tmp_path / "copy.npz", tmp_path / "folder"
    copy.write_bytes(one.read_bytes())
    folder.mkdir()
    for name, array in made().items():
        np.save(folder / f"{name}.npy", array)
    name, folders_name = baselines_name(one), baselines_name(folder)
    assert baselines_name(copy) == name
    assert baselines_name(one, "data.keys.train_images=train_images") != name
    np.savez(copy, **made() | {"train_labels": 9 - made()["train_labels"]})
    assert baselines_name(copy) != name
    np.save(folder / "train_labels.npy", 9 - made()["train_labels"])
    assert baselines_name(folder) != folders_name


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ((), ("data=npz: data.path is missing; give a .npz file", "folder of .npy files")),
        (("data.path={tmp}/no.npz",), ("data.path={tmp}/no.npz does not exist", "must be a .npz file, or a folder")),
        (("data.path={tmp}", "data.num_features=100"), ("data.num_features=100:", "must be 784")),
        (("data.path={tmp}", "data.keys.trian_images=x"), ("unknown key 'data.keys.trian_images'", "data.keys.train_")),
        (("data.path={tmp}", "data.keys.train_images=5"), ("data.keys.train_images=5: must be a string",)),
        (("data.path={tmp}/photos",), ("data.path={tmp}/photos: this folder holds no .npy file", "own-data.md shows")),
        (("data.path={tmp}/x.npy",), ("data.path={tmp}/x.npy: a .npy file is not read; must be .npz", "own-data.md")),
        (("data.path={tmp}", "data.num_val=-1"), ("data.num_val=-1: must be greater than or equal to 0",)),
    ],
)
def test_what_is_wrong_on_the_command_line_is_told_before_torch_is_imported(
    overrides: tuple[str, ...], expected: tuple[str, ...], refused: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "x.npy").touch()
    line = refused(
        "experiment=mnist_mlp", "data=npz", *(arg.replace("{tmp}", str(tmp_path)) for arg in overrides)
    )  # fmt: skip
    for part in expected:
        assert part.replace("{tmp}", str(tmp_path)) in line


def test_a_run_names_the_damaged_file(run_experiment: Callable[..., Finished], save: Callable[[Arrays], Path]) -> None:
    path = save(made() | {"train_labels": np.arange(40)})
    with pytest.raises(UserError, match=rf"^{path}: train_labels go from 0 to 39; must be 0 to 9; "):
        run_experiment("experiment=mnist_mlp", "data=npz", f"data.path={path}")


def test_pictures_in_folders_become_a_file_by_the_lines_in_the_docs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part, number in (("train", 3), ("test", 2)):
        for name in ("cat", "dog"):
            folder = tmp_path / "photos" / part / name
            folder.mkdir(parents=True)
            for place in range(number):
                Image.new("RGB", (40, 30), (50 * place, 9, 9)).save(folder / f"{place}.png")
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "your-own-data.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"```python\n(from pathlib.*?)```", page, re.DOTALL)
    exec(lines, {})
    parts = load(tmp_path / "photos.npz", num_classes=2).parts
    assert {name: labels.tolist() for name, (_, labels) in parts.items()} == {
        "train": [0, 0, 0, 1, 1, 1], "test": [0, 0, 1, 1],
    }  # fmt: skip


def test_a_path_is_one_name_in_a_sweeps_folder() -> None:
    names = [short_name(f"data.path={path},seed=1") for path in ("mine/own.npz", "mine_own.npz")]
    assert names[0].startswith("data.path=mine_own.npz,seed=1-")
    assert names[0] != names[1]
