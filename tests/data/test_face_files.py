"""Faces from files: what is read and how, what is left out and named, what is refused; nothing is downloaded here."""

import io
import logging
import os
import re
import struct
import urllib.error
import zlib
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
import pytest
import scipy.io
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from dlhw.data import face_files
from dlhw.data.face_files import Faces, fingerprint, load, natural, olivetti
from dlhw.errors import UserError
from tests.helpers import ROOT

NUM = 12


def made(num: int = NUM, height: int = 64, width: int = 64) -> np.ndarray:
    """Random grey values (num, height, width), uint8."""
    return np.random.default_rng(0).integers(0, 256, (num, height, width), dtype=np.uint8)


def save(file: Path, pixels: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)


def folder_of(folder: Path, images: np.ndarray) -> Path:
    for number, pixels in enumerate(images):
        save(folder / f"{number}.png", pixels)
    return folder


def npz_of(folder: Path, **arrays: np.ndarray) -> Path:
    np.savez(folder / "mine.npz", **arrays)
    return folder / "mine.npz"


def refusal(path: Path, crop: bool = False) -> str:
    with pytest.raises(UserError) as refused:
        load(path, crop)
    message = str(refused.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def assert_images(faces: Faces, expected: np.ndarray, atol: float = 1e-6) -> None:
    assert (faces.images.dtype, faces.images.shape) == (torch.float32, (len(expected), 64, 64))
    np.testing.assert_allclose(faces.images.numpy(), expected, atol=atol, rtol=0)


def pil_resized(pixels: np.ndarray) -> np.ndarray:
    """Another implementation of the same filter."""
    large = Image.fromarray(pixels.astype(np.float32) / 255)
    return np.clip(np.asarray(large.resize((64, 64), Image.Resampling.BICUBIC)), 0, 1)


# Olivetti


def olivetti_pixels() -> np.ndarray:
    """As the original file has them: (400, 4096), each picture column by column, from 0 to 242."""
    pixels = np.random.default_rng(0).integers(0, 243, (400, 4096), dtype=np.uint8)
    pixels[0, :2] = 0, 242
    return pixels


def upright(pixels: np.ndarray) -> np.ndarray:
    return pixels.reshape(400, 64, 64).transpose(0, 2, 1) / 242


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr("sklearn.datasets._base.urlretrieve", refuse)
    monkeypatch.setattr("sklearn.datasets._base.time.sleep", lambda _: None)


def test_the_olivetti_file_is_read(tmp_path: Path, offline: None) -> None:
    pixels = olivetti_pixels()
    joblib.dump(pixels, tmp_path / "olivetti_py3.pkz", compress=6)
    faces = olivetti(tmp_path)
    assert_images(faces, upright(pixels))
    assert faces.people is not None
    assert faces.people.tolist() == [number // 10 for number in range(400)]
    assert (faces.people.dtype, faces.title, faces.skipped) == (torch.int64, "Olivetti faces", ())


def test_a_missing_olivetti_file_is_downloaded_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pixels = olivetti_pixels()

    def fetch(_: object, dirname: str, **__: object) -> Path:
        file = Path(dirname) / "olivettifaces.mat"
        scipy.io.savemat(file, {"faces": pixels.T})
        return file

    monkeypatch.setattr("sklearn.datasets._olivetti_faces._fetch_remote", fetch)
    root = tmp_path / "data"
    with caplog.at_level(logging.INFO):
        assert_images(olivetti(root), upright(pixels))
    assert f"the Olivetti faces are not in {root}: downloading them" in caplog.text
    assert (root / "olivetti_py3.pkz").is_file()
    caplog.clear()
    assert_images(olivetti(root), upright(pixels))
    assert "downloading" not in caplog.text


def test_without_file_and_network_the_folder_the_file_and_the_alternative_are_named(
    tmp_path: Path, offline: None
) -> None:
    with pytest.raises(UserError) as refused:
        olivetti(tmp_path)
    message = str(refused.value)
    for part in ("download failed", "olivetti_py3.pkz", str(tmp_path), "DLHW_DATA_DIR", "data=synthetic_faces"):
        assert part in message
    assert "\n" not in message


def test_a_root_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("sklearn.datasets._base.NamedTemporaryFile", refuse)
    with pytest.raises(UserError, match="no permission to write there"):
        olivetti(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "other shape", "black", "a flipped byte", "an object"])
def test_a_damaged_olivetti_file_is_named(damage: str, tmp_path: Path, offline: None) -> None:
    file = tmp_path / "olivetti_py3.pkz"
    contents = {"other shape": made(), "black": np.zeros((400, 4096), np.uint8), "an object": {"faces": 3}}
    joblib.dump(contents.get(damage, olivetti_pixels()), file, compress=6)
    stored = bytearray(file.read_bytes())
    stored[len(stored) // 2] ^= 255 if damage == "a flipped byte" else 0
    file.write_bytes({"cut": stored[:-1000], "text": b"<html>not found</html>", "empty": b""}.get(damage, stored))
    with pytest.raises(UserError) as refused:
        olivetti(tmp_path)
    assert str(refused.value).startswith(f"{file} cannot be read (")
    assert "delete it, and it is downloaded again" in str(refused.value)
    assert "\n" not in str(refused.value)


# A folder: what is read


@pytest.mark.parametrize("suffix", ["png", "PNG", "pgm", "bmp", "gif", "tif", "tiff", "webp"])
def test_a_picture_of_64_x_64_is_read_as_it_is(suffix: str, tmp_path: Path) -> None:
    for number, pixels in enumerate(made()):
        options = {"lossless": True} if suffix == "webp" else {}
        Image.fromarray(pixels).save(tmp_path / f"{number}.{suffix}", **options)
    faces = load(tmp_path)
    assert_images(faces, made() / 255, atol=0.005 if suffix == "webp" else 1e-6)  # webp knows colours only
    assert (faces.title, faces.people, faces.skipped) == (tmp_path.name, None, ())


def test_a_jpg_is_read_nearly_as_it_is(tmp_path: Path) -> None:
    smooth = np.stack([np.add.outer(np.arange(64), np.arange(64)) + number for number in range(NUM)]).astype(np.uint8)
    for number, pixels in enumerate(smooth):
        Image.fromarray(pixels).save(tmp_path / f"{number}.jpg", quality=95)
    assert_images(load(tmp_path), smooth / 255, atol=0.01)


@pytest.mark.parametrize("side", [20, 100, 300])
def test_other_sizes_are_resized_without_aliasing(side: int, tmp_path: Path) -> None:
    images = made(NUM, side, side)
    expected = np.stack([pil_resized(pixels) for pixels in images])
    assert_images(load(folder_of(tmp_path, images)), expected, atol=1e-5)
    assert_images(load(npz_of(tmp_path, x=images)), expected, atol=1e-5)


def test_colours_become_grey_by_their_luma(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (NUM, 64, 64, 3), dtype=np.uint8)
    luma = colours @ np.array([0.299, 0.587, 0.114]) / 255  # ITU-R BT.601
    assert_images(load(folder_of(tmp_path, colours)), luma, atol=0.5 / 255 + 1e-3)


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_16_bits_are_not_cut_off(suffix: str, tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (NUM, 64, 64)).astype(np.uint16)
    for number, pixels in enumerate(deep):
        save(tmp_path / f"{number}.{suffix}", pixels)
    assert_images(load(tmp_path), deep / 65535)


def test_palettes_and_black_and_white_and_transparency(tmp_path: Path) -> None:
    folder_of(tmp_path, made())
    bits = made()[0] > 128
    Image.fromarray(bits).save(tmp_path / "20.png")
    palette = Image.fromarray(made()[1]).convert("P")
    palette.save(tmp_path / "21.png", transparency=bytes(range(256)))
    Image.fromarray(np.dstack([made()[2], made()[3]])).save(tmp_path / "22.png")
    faces = load(tmp_path)
    assert faces.skipped == ()
    assert_images(faces, np.concatenate([made() / 255, bits[None], made()[1:3] / 255]))


def test_a_turned_photograph_is_set_upright(tmp_path: Path) -> None:
    folder_of(tmp_path, made())
    exif = Image.Exif()
    exif[0x0112] = 6  # to be seen, it is turned by 90 degrees clockwise
    Image.fromarray(made()[0]).save(tmp_path / "0.png", exif=exif)
    assert_images(load(tmp_path), np.stack([np.rot90(made()[0], -1), *made()[1:]]) / 255)


def test_sub_folders_are_people_in_natural_order(tmp_path: Path) -> None:
    names = ["s1/2.png", "s1/10.png", "s2/1.png", "s2/9.png", "s10/1.png", "s10/a/3.png", "s10/a/20.png", "s10/b/1.png"]
    names += ["s011/1.png", "s11/1.png"]
    images = made(len(names))
    for place in np.random.default_rng(1).permutation(len(names)):
        save(tmp_path / "mine" / names[place], images[place])
    faces = load(tmp_path / "mine")
    assert_images(faces, images / 255)
    assert faces.people is not None
    assert (faces.people.tolist(), faces.people.dtype) == ([0, 0, 1, 1, 2, 3, 3, 4, 5, 6], torch.int64)


def test_a_picture_of_nobodys_leaves_everybody_unknown(tmp_path: Path) -> None:
    for number, pixels in enumerate(made()):
        save(tmp_path / f"s{number // 6}" / f"{number}.png", pixels)
    people = load(tmp_path).people
    assert people is not None
    assert people.tolist() == [0] * 6 + [1] * 6
    save(tmp_path / "20.png", made()[0])
    assert load(tmp_path).people is None


@given(st.lists(st.integers(0, 10**6)), st.sampled_from(["", "s", "Person 7 "]))
def test_numbers_in_names_are_numbers(numbers: list[int], before: str) -> None:
    names = [f"{before}{number}.png" for number in numbers]
    assert sorted(names, key=natural) == [f"{before}{number}.png" for number in sorted(numbers)]


@given(st.data())
def test_the_order_of_any_names_is_one(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.text(max_size=6), unique=True))
    assert sorted(data.draw(st.permutations(names)), key=natural) == sorted(names, key=natural)


def test_other_and_hidden_files_are_no_pictures(tmp_path: Path) -> None:
    folder_of(tmp_path / "s1", made())
    for name in ("README.txt", "s1/._0.png", ".cache/1.png", "s1/faces.npy"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("no picture")
    (tmp_path / "album.png").mkdir()
    faces = load(tmp_path)
    assert (len(faces.images), faces.skipped) == (NUM, ())


# A folder: what is left out


def truncated(file: Path) -> None:
    Image.fromarray(made(1, 200, 200)[0]).save(file, "JPEG")
    file.write_bytes(file.read_bytes()[:-2000])


def bomb(file: Path) -> None:
    """A PNG whose header promises 100,000 x 100,000 pixels."""
    content = io.BytesIO()
    Image.fromarray(made()[0]).save(content, "PNG")
    header = b"IHDR" + struct.pack(">II", 100_000, 100_000) + content.getvalue()[24:29]
    stored = content.getvalue()[:12] + header + struct.pack(">I", zlib.crc32(header)) + content.getvalue()[33:]
    file.write_bytes(stored)


def large_bomb(file: Path) -> None:
    """As many pixels as PIL warns of, but still opens."""
    file.write_bytes(b"P5\n10000 10000\n255\n")


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated.jpg": (truncated, "unreadable: .*truncated"),
    "text.png": (lambda file: file.write_text("this is no picture"), "unreadable: not a picture"),
    "empty.gif": (lambda file: file.write_bytes(b""), "unreadable: not a picture"),
    "bomb.png": (bomb, "unreadable: .*decompression bomb"),
    "large.pgm": (large_bomb, "unreadable: .*decompression bomb"),
    "floats.tif": (lambda file: save(file, made()[0].astype(np.float32)), "unreadable: pixels of 32 bits"),
    "deep.tif": (lambda file: save(file, made()[0].astype(np.int32) * 10**6), "unreadable: pixels of 32 bits"),
    "wide.png": (lambda file: save(file, made(1, 112, 92)[0]), "not square: 92 x 112"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_cannot_be_used_is_left_out_and_named(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder_of(tmp_path / "s1", made())
    make, reason = FAULTS[name]
    make(tmp_path / "s1" / name)
    faces = load(tmp_path)
    assert_images(faces, made() / 255)
    assert faces.people is not None
    assert len(faces.people) == NUM
    [skipped] = faces.skipped
    assert re.fullmatch(f"s1/{re.escape(name)}: {reason}.*", skipped)
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.message.startswith(f"1 of {NUM + 1} pictures in {tmp_path} are left out: s1/{name} (")


def test_only_the_first_few_are_named_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder_of(tmp_path, made())
    for number in range(20, 25):
        save(tmp_path / f"{number}.png", made(1, 112, 92)[0])
    assert len(load(tmp_path).skipped) == 5
    expected = ", ".join(f"{number}.png (not square: 92 x 112)" for number in (20, 21, 22))
    assert caplog.messages == [f"5 of 17 pictures in {tmp_path} are left out: {expected}, and 2 more"]


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_a_link_to_nowhere_is_no_picture(tmp_path: Path) -> None:
    folder_of(tmp_path, made())
    (tmp_path / "lost.png").symlink_to(tmp_path / "gone.png")
    assert len(load(tmp_path).images) == NUM


def test_a_file_that_may_not_be_read_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_of(tmp_path, made())

    def refuse(file: Path, *args: object, **options: object) -> object:
        if Path(file).name == "3.png":
            raise PermissionError(13, "Permission denied")
        return really_open(file, *args, **options)

    really_open = Image.open
    monkeypatch.setattr(Image, "open", refuse)
    assert load(tmp_path).skipped == ("3.png: unreadable: Permission denied",)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), kind=st.sampled_from(["png", "gif", "pgm", "tif", "jpg", "bmp"]))
def test_no_damage_raises_anything(data: st.DataObject, kind: str, tmp_path: Path) -> None:
    """Whatever bytes are changed or cut: the picture is read, or left out."""
    if not (tmp_path / "0.png").exists():
        folder_of(tmp_path, made())
    for old in tmp_path.glob("damaged.*"):
        old.unlink()
    file = tmp_path / f"damaged.{kind}"
    save(file, made()[0])
    content = bytearray(file.read_bytes())
    places = st.one_of(st.integers(0, min(100, len(content) - 1)), st.integers(0, len(content) - 1))
    for place, value in data.draw(st.dictionaries(places, st.integers(0, 255), max_size=3)).items():
        content[place] = value
    file.write_bytes(content[: data.draw(st.sampled_from([None, -1, -300, 30]))])
    faces = load(tmp_path)
    assert len(faces.images) + len(faces.skipped) == NUM + 1
    assert torch.equal(faces.images[:NUM], torch.from_numpy(made()).float() / 255)
    assert 0 <= faces.images.min() <= faces.images.max() <= 1


# A folder: what is refused


def test_where_nothing_is_square_the_remedy_is_told_and_works(tmp_path: Path) -> None:
    images = made(NUM, 112, 92)
    message = refusal(folder_of(tmp_path, images))
    assert message.startswith("none of 12 pictures can be used; must be at least 10; left out are 0.png (not square: ")
    assert message.endswith("; data.crop=true cuts the middle square")
    faces = load(tmp_path, crop=True)
    assert faces.skipped == ()
    assert_images(faces, np.stack([pil_resized(pixels[10:102]) for pixels in images]), atol=1e-5)


def test_the_middle_of_a_wide_picture_is_cut(tmp_path: Path) -> None:
    images = made(NUM, 64, 101)
    assert_images(load(folder_of(tmp_path, images), crop=True), images[:, :, 18:82] / 255)


def test_where_all_is_unreadable_the_first_reason_is_told(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number}.png").write_text("this is no picture")
    message = refusal(tmp_path)
    assert "none of 20 pictures can be used" in message
    assert "0.png (unreadable: not a picture)" in message
    assert "data.crop" not in message


def test_too_few_pictures_are_refused(tmp_path: Path) -> None:
    assert refusal(folder_of(tmp_path, made(9))) == "9 of 9 pictures can be used; must be at least 10"
    assert len(load(folder_of(tmp_path, made(10))).images) == 10


def test_a_folder_without_pictures_and_a_missing_path_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path).startswith("there are no pictures in it; must be files .png, .jpg, ")
    assert refusal(tmp_path / "nowhere").startswith("there is no such file; must be a folder of pictures, or a .npz")


def test_images_with_nothing_on_them_are_refused(tmp_path: Path) -> None:
    grey = np.full((NUM, 64, 64), 7, np.uint8)
    assert "the same grey in every pixel" in refusal(folder_of(tmp_path / "folder", grey))
    assert "the same grey in every pixel" in refusal(npz_of(tmp_path, x=grey))


# A .npz file


@pytest.mark.parametrize("shape", [(-1, 4096), (-1, 64, 64), (-1, 1, 64, 64)])
@pytest.mark.parametrize("name", ["x", "X", "images", "img", "face", "data", "pixels", "whatever"])
def test_every_shape_and_name_gives_the_same_images(shape: tuple[int, ...], name: str, tmp_path: Path) -> None:
    faces = load(npz_of(tmp_path, **{name: made().reshape(shape)}))
    assert_images(faces, made() / 255)
    assert (faces.title, faces.people, faces.skipped) == ("mine", None, ())


@pytest.mark.parametrize("scaled", [made().astype(np.int64), made().astype(np.float64), made() / 255])
def test_integers_and_floats_are_scaled(scaled: np.ndarray, tmp_path: Path) -> None:
    assert_images(load(npz_of(tmp_path, x=scaled)), made() / 255)


@pytest.mark.parametrize("name", ["y", "Labels", "target", "people", "person", "id", "subjects"])
@pytest.mark.parametrize(
    "people", [np.arange(NUM) // 3 * 5 - 2, np.repeat([["ann"], ["bob"], ["eve"], ["zoe"]], 3, axis=0)]
)
def test_people_get_numbers(name: str, people: np.ndarray, tmp_path: Path) -> None:
    found = load(npz_of(tmp_path, x=made(), **{name: people})).people
    assert found is not None
    assert (found.tolist(), found.dtype) == ([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3], torch.int64)


def test_what_images_are_called_comes_before_their_shape(tmp_path: Path) -> None:
    assert_images(load(npz_of(tmp_path, masks=255 - made(), x=made())), made() / 255)
    assert_images(load(npz_of(tmp_path, data=np.arange(NUM), photos=made())), made() / 255)


def with_nan() -> np.ndarray:
    pixels = made() / 255
    pixels[3, 5, 5] = np.nan
    return pixels


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"x": with_nan()}, "1 of 12 x hold NaN or infinity"),
        ({"x": made() * 2.0}, "x have pixels from 0 to 510; must be 0..255"),
        ({"x": made() > 9}, "x are bool; must be uint8 or float"),
        ({"x": made(9)}, "9 of 9 pictures can be used; must be at least 10"),
        ({"x": made(0)}, "there are no images in it, only x (0, 64, 64); must be"),
        ({"x": made(NUM, 28, 28).reshape(NUM, -1)}, "there are no images in it, only x (12, 784); must be"),
        ({"x": made(NUM * 3).reshape(NUM, 3, 64, 64)}, "there are no images in it, only x (12, 3, 64, 64); must be"),
        ({}, "there are no images in it, only no array; must be"),
        ({"images": made(), "data": made()}, "images or data may be the images; must be one array"),
        ({"one": made(), "other": made()}, "one or other may be the images; must be one array"),
        ({"x": made(), "y": np.arange(5)}, "y have the shape (5,); must be (12,), a person for each image"),
        ({"x": made(), "y": np.arange(12.0)}, "y are float64; must be integers or strings"),
        ({"x": made(), "y": np.arange(12), "ids": np.arange(12)}, "y or ids may say who is on the images"),
        ({"x": np.array([{}] * 12)}, "x cannot be read (Object arrays cannot be loaded when allow_pickle=False"),
        ({"x": made(), "y": np.array([None] * 12)}, "y cannot be read (Object arrays cannot be loaded"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(arrays: dict[str, np.ndarray], expected: str, tmp_path: Path) -> None:
    assert refusal(npz_of(tmp_path, **arrays)).startswith(expected)


def test_arrays_that_are_not_square_are_refused_or_cut(tmp_path: Path) -> None:
    images = made(NUM, 112, 92)
    path = npz_of(tmp_path, faces=images)
    assert refusal(path) == "faces are not square: 92 x 112; data.crop=true cuts the middle square"
    assert_images(load(path, crop=True), np.stack([pil_resized(pixels[10:102]) for pixels in images]), atol=1e-5)


def test_more_images_than_are_resized_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = npz_of(tmp_path, x=made(NUM, 30, 30))
    whole = load(path).images
    monkeypatch.setattr(face_files, "CHUNK", 5)
    assert torch.equal(load(path).images, whole)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "mine.npz").write_bytes(content)
    assert refusal(tmp_path / "mine.npz").startswith("the file cannot be read (")


def test_a_cut_archive_is_refused(tmp_path: Path) -> None:
    path = npz_of(tmp_path, x=made())
    path.write_bytes(path.read_bytes()[:-30])
    assert refusal(path).startswith("the file cannot be read (")


# The fingerprint


def test_the_fingerprint_is_of_content_and_names(tmp_path: Path) -> None:
    one, other = folder_of(tmp_path / "one", made()), folder_of(tmp_path / "elsewhere" / "other", made())
    (other / "notes.txt").write_text("not read, so it does not count")
    assert fingerprint(one) == fingerprint(other)
    (other / "0.png").rename(other / "00.png")
    assert fingerprint(one) != fingerprint(other)
    (other / "00.png").rename(other / "0.png")
    assert fingerprint(one) == fingerprint(other)
    save(other / "0.png", made()[1])
    assert fingerprint(one) != fingerprint(other)


def test_the_fingerprint_of_an_archive_is_of_its_bytes(tmp_path: Path) -> None:
    path = npz_of(tmp_path, x=made())
    copy = tmp_path / "copy.npz"
    copy.write_bytes(path.read_bytes())
    assert fingerprint(copy) == fingerprint(path)
    np.savez(copy, x=255 - made())
    assert fingerprint(copy) != fingerprint(path)


def test_a_file_that_may_not_be_read_counts_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_of(tmp_path, made())
    whole = fingerprint(tmp_path)

    def refuse(_: Path) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(face_files, "sha256", refuse)
    assert fingerprint(tmp_path) != whole


# The real ones


@pytest.fixture
def real_faces() -> Path:
    """The folder that holds Olivetti's and ORL's faces."""
    for root in (os.environ.get("DLHW_DATA_DIR"), ROOT.parent / "shared" / "data"):
        if root and (Path(root) / "olivetti_py3.pkz").is_file() and (Path(root) / "orl_faces").is_dir():
            return Path(root)
    pytest.skip("the Olivetti and ORL faces are neither in $DLHW_DATA_DIR nor beside the repository")


def test_the_real_olivetti_faces(real_faces: Path) -> None:
    images = olivetti(real_faces).images
    # as scikit-learn's public pages print them
    first, last = [0.30991736, 0.3677686, 0.41735536], [0.15289256, 0.16115703, 0.1570248]
    np.testing.assert_allclose(images[0].flatten()[:3], first, atol=1e-6)
    np.testing.assert_allclose(images[0].flatten()[-3:], last, atol=1e-6)


def test_the_real_orl_faces_take_a_crop(real_faces: Path) -> None:
    folder = real_faces / "orl_faces"
    assert "none of 400 pictures can be used" in refusal(folder)
    faces = load(folder, crop=True)
    assert faces.people is not None
    assert faces.people.tolist() == [number // 10 for number in range(400)]
    for place, name in {1: "s1/2.pgm", 9: "s1/10.pgm", 10: "s2/1.pgm"}.items():
        pixels = np.asarray(Image.open(folder / name))
        np.testing.assert_allclose(faces.images[place], pil_resized(pixels[10:102]), atol=1e-5)
