"""Anyone's labelled 28 x 28 images: one `.npz` file, or a folder of `.npy` files.

Nothing is taken on trust: names, shapes, types, pixels and labels are held against what the networks need, and what
does not fit is refused in one line. Pickled objects are never loaded.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import torch
from torch import Tensor

from dlhw.data.idx import sha256
from dlhw.errors import UserError, near
from dlhw.files import memory

Arrays = dict[str, np.ndarray]  # by role

# What the parts and the kinds of arrays are called; their names stand in any order and case: x_train, trainLabels
PARTS = {"train": "train|training", "val": "val|valid|validation", "test": "test|testing|t10k"}
KINDS = {"images": "x|images?|imgs?|data|pixels", "labels": "y|labels?|targets?"}
ROLES = [f"{part}_{kind}" for part in PARTS for kind in KINDS]
IMAGE_SHAPES = ((784,), (28, 28), (1, 28, 28))  # of one image
LABEL_SHAPES = ((), (1,))  # of one label
NUMBER_THEM = (  # alike in all parts, whichever classes are in them
    "names, y_train = numpy.unique(y_train, return_inverse=True) numbers classes from 0, "
    "numpy.searchsorted(names, y_test) alike"
)


class Contents(NamedTuple):
    parts: dict[str, tuple[Tensor, Tensor]]  # train, val where there is one, test; as in `load`
    scaling: str  # how the pixels come to lie in 0..1


def load(path: Path, keys: Mapping[str, str | None], num_classes: int) -> Contents:
    """Images (num_images, 28, 28), uint8 or float32 in 0..1, and labels (num_images,) int64 of each part.

    Stored may be images (N, 784), (N, 28, 28) or (N, 1, 28, 28), integers in 0..255 or floats in 0..1 or 0..255, and
    labels (N,) or (N, 1), integers in 0..num_classes - 1.

    Args:
        path: a `.npz` file, or a folder of `.npy` files, each an array with the file's name without its ending.
        keys: the array's name for each of ROLES; guessed from the names that there are where it is None or left out.

    Raises:
        UserError: a file cannot be read, an array is missing, in doubt or does not fit.
    """
    try:
        arrays = read(path, keys)
        parts = [part for part in PARTS if f"{part}_images" in arrays]
        for part in parts:
            check_part(part, arrays[f"{part}_images"], arrays[f"{part}_labels"], num_classes)
        images, scaling = scale({f"{part}_images": arrays[f"{part}_images"] for part in parts})
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    contents = {}
    for part, pixels in zip(parts, images, strict=True):
        labels = arrays[f"{part}_labels"].reshape(-1).astype(np.int64)
        contents[part] = torch.from_numpy(pixels.reshape(-1, 28, 28)), torch.from_numpy(labels)
    return Contents(contents, scaling)


def title(path: Path) -> str:
    """The data's name in figures and reports: the file's without its ending, or the folder's."""
    return path.resolve().name if path.is_dir() else path.stem


def fingerprint(path: Path) -> str:
    """A hash of the stored bytes: the same data in another place has the same one."""
    stored = [(file.name, sha256(file)) for file in npy_files(path)] if path.is_dir() else sha256(path)
    return hashlib.sha256(repr(stored).encode()).hexdigest()


def npy_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*.npy") if file.is_file())


def read(path: Path, keys: Mapping[str, str | None]) -> Arrays:
    """The arrays as they are stored; only those that have a role are read."""
    if path.is_dir():
        names = choose([file.stem for file in npy_files(path)], keys)
        refuse_too_large(sum((path / f"{name}.npy").stat().st_size for name in names.values()))
        return {
            role: an_array(partial(np.load, path / f"{name}.npy", allow_pickle=False), f"{name}.npy")
            for role, name in names.items()
        }
    with attempt(partial(path.open, "rb"), "the file") as stream:  # numpy leaves a damaged file open
        archive = opened(stream)
        names = choose(archive.files, keys)
        return {role: an_array(partial(archive.__getitem__, name), name) for role, name in names.items()}


def opened(stream: BinaryIO) -> np.lib.npyio.NpzFile:
    archive = attempt(partial(np.lib.npyio.NpzFile, stream, allow_pickle=False), "the file")
    refuse_too_large(sum(member.file_size for member in archive.zip.infolist()))  # a small one can stand for any size
    return archive


def refuse_too_large(num_bytes: int) -> None:
    if num_bytes > memory() / 2:
        raise UserError(f"the arrays take {num_bytes / 1e9:,.1f} GB, more than half of the memory; give fewer images")


def an_array(get: Callable[[], Any], what: str) -> np.ndarray:
    found = attempt(get, what)
    if not isinstance(found, np.ndarray):
        raise UserError(f"{what} is not an array in NumPy's format, but {type(found).__name__}")
    return found


def attempt(get: Callable[[], Any], what: str) -> Any:
    """What `get` reads, if it can be read."""
    try:
        return get()
    except Exception as error:  # numpy, zipfile and zlib raise whatever they trip over in a damaged file
        reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        reason = reason.partition(". ")[0]  # numpy goes on to advise unsafe loading
        raise UserError(f"{what} cannot be read ({reason}); save plain arrays of numbers with numpy.savez") from error


def choose(names: Iterable[str], keys: Mapping[str, str | None]) -> dict[str, str]:
    """The name of the array for each role, as given or guessed."""
    names = list(names)
    chosen = {}
    for role in ROLES:
        given = keys.get(role)
        if given is not None and given not in names:
            raise UserError(f"data.keys.{role}={given}: there is no array of this name{near(given, names)}")
        candidates = [given] if given is not None else [name for name in names if guess(role).fullmatch(name)]
        if len(candidates) > 1:
            raise UserError(f"{role} may be {' or '.join(candidates)}; say which with data.keys.{role}=NAME")
        if candidates:
            chosen[role] = candidates[0]
    with_val = any(role in chosen for role in ("val_images", "val_labels"))
    missing = [role for role in ROLES if role not in chosen and (with_val or not role.startswith("val"))]
    if missing:
        holds = ", ".join(names) or "no array"
        raise UserError(f"no {' and no '.join(missing)} in it, only {holds}; name it with data.keys.{missing[0]}=NAME")
    return chosen


def guess(role: str) -> re.Pattern[str]:
    """The names that are taken for a role: x_train, train_images, fashion_mnist_train_images; or x alone, in train."""
    part, kind = role.split("_")
    part_name, kind_name, gap = f"({PARTS[part]})", f"({KINDS[kind]})", r"[_\-. ]"
    names = rf"(.*{gap})?({part_name}{gap}?{kind_name}|{kind_name}{gap}?{part_name})"
    return re.compile(rf"{names}|{kind_name}" if part == "train" else names, re.IGNORECASE)


def check_part(part: str, images: np.ndarray, labels: np.ndarray, num_classes: int) -> None:
    """Refuse shapes and labels that the networks cannot take."""
    if images.shape[1:] not in IMAGE_SHAPES:
        must = f"have the shape {images.shape}; must be (N, 784), (N, 28, 28) or (N, 1, 28, 28)"
        raise UserError(f"{part}_images {must}; {shape_remedy(images)}")
    if labels.ndim == 0 or labels.shape[1:] not in LABEL_SHAPES:
        remedy = "; of one-hot rows save y.argmax(1)" if labels.ndim == 2 else ""
        raise UserError(
            f"{part}_labels have the shape {labels.shape}; must be (N,) or (N, 1), a number for each image{remedy}"
        )
    if len(images) != len(labels):
        raise UserError(f"{len(images)} {part}_images but {len(labels)} {part}_labels; must be equally many")
    if len(images) == 0:
        raise UserError(f"{part}_images are of shape {images.shape}; must be at least one image")
    if labels.dtype.kind not in "ui":
        raise UserError(
            f"{part}_labels are {labels.dtype}; must be integers from 0 to {num_classes - 1}; {NUMBER_THEM}"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= num_classes:
        remedy = f"if they are right, set data.num_classes={high + 1}" if low >= 0 else NUMBER_THEM
        if low == 1:
            remedy += "; if they begin at 1, save them less 1"
        raise UserError(f"{part}_labels go from {low} to {high}; must be 0 to {num_classes - 1}; {remedy}")


def shape_remedy(images: np.ndarray) -> str:
    """What makes such images of arrays that are not."""
    if images.shape[1:] == (28, 28, 1):
        return "save x.reshape(-1, 28, 28)"
    if images.shape[1:] in ((28, 28, 3), (3, 28, 28)):
        return f"make them grey: save x.mean({images.shape.index(3, 1)})"
    return "make them grey and 28 x 28, as docs/your-own-data.md shows"


def scale(images: Arrays) -> tuple[list[np.ndarray], str]:
    """All images as uint8, or all as float32 in 0..1, and in words how they came to be so.

    The largest of all floats tells whether they are meant as 0..1 or as 0..255. To mistake one for the other would
    change the record and nothing else, as the images are standardised afterwards.
    """
    for name, pixels in images.items():
        check_pixels(name, pixels)
    are_floats = {name: pixels.dtype.kind == "f" for name, pixels in images.items()}
    if not any(are_floats.values()):
        return [pixels.astype(np.uint8) for pixels in images.values()], "pixels / 255"
    if not all(are_floats.values()):
        types = ", ".join(f"{name} {pixels.dtype}" for name, pixels in images.items())
        raise UserError(f"the images are of different types ({types}); must be all integers or all floats")
    if max(pixels.max() for pixels in images.values()) <= 1:
        return [pixels.astype(np.float32) for pixels in images.values()], "float pixels in 0..1 as they are"
    return [pixels.astype(np.float32) / 255 for pixels in images.values()], "float pixels in 0..255 / 255"


def check_pixels(name: str, pixels: np.ndarray) -> None:
    if pixels.dtype.kind not in "uif":
        raise UserError(f"{name} are {pixels.dtype}; must be uint8 or float, such as x.astype('float32')")
    if num_bad := int((~np.isfinite(pixels)).reshape(len(pixels), -1).any(1).sum()):
        raise UserError(f"{num_bad} of {len(pixels)} {name} hold NaN or infinity; must be 0..255, or floats in 0..1")
    low, high = pixels.min(), pixels.max()
    if low < 0 or high > 255:
        raise UserError(
            f"{name} have pixels from {low:.4g} to {high:.4g}; must be 0..255, or floats in 0..1, such as "
            "(x - low) / (high - low) with one low and high for all parts"
        )
    if low == high and name == "train_images":
        raise UserError(f"{name} have {low:.4g} in every pixel; there must be something to learn from")
