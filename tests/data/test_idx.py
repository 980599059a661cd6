"""IDX files: read when they are the official ones, refused by name when they are not; nothing is downloaded here."""

import hashlib
import struct
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch

from dlhw.data import idx
from dlhw.data.images import ImageData
from dlhw.errors import UserError

NUM = {"train": 30, "t10k": 10}
Tree = dict[str, np.ndarray]


def idx_bytes(array: np.ndarray) -> bytes:
    """The IDX format (LeCun): two zeros, the type code 8 for bytes, the number of dimensions, their sizes, the data."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """A tiny MNIST in tmp_path, its files taken for the official ones."""
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    arrays, files = {}, {}
    for part, num in NUM.items():
        arrays[f"{part}-images-idx3-ubyte"] = random.integers(0, 256, (num, 28, 28), dtype=np.uint8)
        arrays[f"{part}-labels-idx1-ubyte"] = random.integers(0, 10, num, dtype=np.uint8)
    for name, array in arrays.items():
        content = idx_bytes(array)
        (folder / name).write_bytes(content)
        files[name] = idx.IdxFile(len(content), hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(idx.FILES, "mnist", files)
    return arrays


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", refuse)


def test_good_files_are_read(made: Tree, tmp_path: Path) -> None:
    parts = idx.load("mnist", tmp_path)
    for part, array in zip(parts, made.values(), strict=True):
        assert torch.equal(part, torch.from_numpy(array).to(part.dtype))
    assert [part.dtype for part in parts] == [torch.uint8, torch.int64, torch.uint8, torch.int64]


def test_good_files_make_a_data_module(made: Tree, tmp_path: Path) -> None:
    data = ImageData("mnist", str(tmp_path), 784, 10, num_val=5, split_seed=0, batch_size=8, eval_batch_size=8)
    data.setup()
    facts = data.describe()
    assert [facts[key] for key in ("name", "num_train", "num_val", "num_test")] == ["MNIST", 25, 5, 10]
    assert (
        facts["sha256"]
        == hashlib.sha256(
            b"".join(
                array.tobytes() if array.ndim == 3 else array.astype(np.int64).tobytes() for array in made.values()
            )
        ).hexdigest()
    )


@pytest.mark.parametrize("name", list(idx.FILES["mnist"]))
def test_a_truncated_file_is_named(name: str, made: Tree, tmp_path: Path) -> None:
    file = tmp_path / "MNIST" / "raw" / name
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    with pytest.raises(UserError, match="delete it") as refused:
        idx.load("mnist", tmp_path)
    assert f"{file} is damaged: it has {len(content) - 1} bytes instead of {len(content)}" in str(refused.value)


@pytest.mark.parametrize("name", list(idx.FILES["mnist"]))
def test_a_flipped_byte_is_named(name: str, made: Tree, tmp_path: Path) -> None:
    file = tmp_path / "MNIST" / "raw" / name
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(UserError, match="delete it") as refused:
        idx.load("mnist", tmp_path)
    assert f"{file} is damaged: it has the hash" in str(refused.value)


def test_missing_files_without_network_name_folder_files_and_the_alternative(tmp_path: Path, offline) -> None:
    with pytest.raises(UserError) as refused:
        idx.load("mnist", tmp_path)
    message = str(refused.value)
    for part in ("mnist: download failed", *idx.FILES["mnist"], str(tmp_path / "MNIST" / "raw"), "data=digits"):
        assert part in message
    assert "\n" not in message


def test_one_missing_file_is_enough_to_ask_for_it(made: Tree, tmp_path: Path, offline) -> None:
    (tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(UserError, match="t10k-labels-idx1-ubyte"):
        idx.load("mnist", tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", refuse)
    with pytest.raises(UserError, match="no permission to write there"):
        idx.load("mnist", tmp_path)


def test_the_real_files_are_the_official_ones(real_data: Path) -> None:
    images, labels, test_images, test_labels = idx.load("mnist", real_data)
    assert images.shape == (60000, 28, 28)
    assert test_images.shape == (10000, 28, 28)
    # as the data set's page counts them
    assert torch.bincount(labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert torch.bincount(test_labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
