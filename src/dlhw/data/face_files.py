"""Faces from files: the Olivetti faces, and anyone's own, a folder of pictures or one `.npz` file.

Of a folder, what cannot be used is left out, and named with the reason. Pickled objects of others are never loaded.
"""

import contextlib
import hashlib
import logging
import re
import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.nn import functional as F

from dlhw.data import npz
from dlhw.data.idx import sha256
from dlhw.errors import UserError

log = logging.getLogger(__name__)
Pixels = TypeVar("Pixels", np.ndarray, Tensor)

SIZE = 64
MIN_IMAGES = 10
CHUNK = 256  # images resized at once
OLIVETTI_FILE = "olivetti_py3.pkz"  # what scikit-learn's loader calls it
SUFFIXES = (".png", ".jpg", ".jpeg", ".pgm", ".ppm", ".pbm", ".pnm", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".jp2")
SHAPES = "(N, 4096), (N, h, w) or (N, 1, h, w)"
# What arrays of a `.npz` file are called, in any case
IMAGES_NAME = re.compile(r"x|images?|imgs?|faces?|data|pixels", re.IGNORECASE)
PEOPLE_NAME = re.compile(r"y|labels?|targets?|people|persons?|ids?|subjects?", re.IGNORECASE)
NOT_SQUARE = "not square"
CROP = "data.crop=true cuts the middle square"


class Faces(NamedTuple):
    """Faces, and what is known of them.

    Attributes:
        images: (num_images, 64, 64) float32 in 0..1.
        people: (num_images,) int64, who is on each, from 0; None where nothing tells.
        title: the data's name.
        skipped: the files that were left out, each as `name: reason`.
    """

    images: Tensor
    people: Tensor | None
    title: str
    skipped: tuple[str, ...] = ()


class Unusable(Exception):
    """Why a picture is left out."""


def olivetti(root: Path) -> Faces:
    """400 faces of 40 people (AT&T Laboratories Cambridge, 1992 to 1994), as scikit-learn reads or downloads them.

    Raises:
        UserError: they are neither in `root` nor to be downloaded, or the file is damaged.
    """
    from sklearn.datasets import fetch_olivetti_faces

    file = root / OLIVETTI_FILE
    if not file.is_file():
        download(root)
    try:
        with np.errstate(all="ignore"):  # it divides by the brightest pixel, and NaN is refused below
            faces = fetch_olivetti_faces(data_home=root, download_if_missing=False)
        images = np.ascontiguousarray(faces.images)
        npz.check_pixels("images", images)
    except Exception as error:  # joblib raises whatever it trips over in a damaged file
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"{file} cannot be read ({reason}); if it is damaged, delete it, and it is downloaded again"
        ) from error
    return Faces(torch.from_numpy(images), torch.from_numpy(faces.target.astype(np.int64)), "Olivetti faces")


def download(root: Path) -> None:
    from sklearn.datasets import fetch_olivetti_faces

    log.info("the Olivetti faces are not in %s: downloading them", root)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # each retry is one
            fetch_olivetti_faces(data_home=root)
    except Exception as error:  # urllib, http and scipy have errors of their own
        reason = "no permission to write there" if isinstance(error, PermissionError) else "download failed"
        raise UserError(
            f"Olivetti faces: {reason}; put {OLIVETTI_FILE} into {root}, set DLHW_DATA_DIR to a folder that has it, "
            "or use data=synthetic_faces, which needs no files"
        ) from error


def load(path: Path, crop: bool = False) -> Faces:
    """Anyone's faces, in grey (ITU-R 601 luma) and resized to 64 x 64.

    In a folder, pictures are searched for in all sub-folders, each of which is a person; 2.pgm comes before 10.pgm.
    A `.npz` file holds images (N, 4096), (N, h, w) or (N, 1, h, w), integers in 0..255 or floats in 0..1 or 0..255,
    and may hold integers or strings (N,) that say who is on them.

    Args:
        crop: images that are not square are cut to the square in their middle, rather than left out.

    Raises:
        UserError: there are fewer than 10 images that can be used, or an array cannot be read or does not fit.
    """
    try:
        if path.is_dir():
            faces = read_folder(path, crop)
        elif path.exists():
            faces = read_npz(path, crop)
        else:
            raise UserError("there is no such file; must be a folder of pictures, or a .npz file")
        if faces.images.min() == faces.images.max():
            raise UserError("the images have the same grey in every pixel; there must be something to learn from")
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return faces


def fingerprint(path: Path) -> str:
    """A hash of the stored bytes and their names: the same data in another place has the same one."""
    if not path.is_dir():
        return npz.fingerprint(path)
    stored = []
    for file in pictures(path):
        content = ""
        with contextlib.suppress(OSError):  # `load` leaves it out
            content = sha256(file)
        stored.append((file.relative_to(path).as_posix(), content))
    return hashlib.sha256(repr(stored).encode()).hexdigest()


# A folder of pictures


def read_folder(folder: Path, crop: bool) -> Faces:
    files = pictures(folder)
    if not files:
        raise UserError(f"there are no pictures in it; must be files {', '.join(SUFFIXES)}")
    images, parents, unusable = [], [], {}
    for file in files:
        name = file.relative_to(folder).as_posix()
        try:
            images.append(read_picture(file, crop))
            parents.append(name.rpartition("/")[0])
        except Unusable as reason:
            unusable[name] = str(reason)
    check_enough(len(images), unusable)
    if unusable:
        log.warning("%d of %d pictures in %s are left out: %s", len(unusable), len(files), folder, first_few(unusable))
    numbers = {parent: number for number, parent in enumerate(dict.fromkeys(parents))}
    people = None if "" in numbers else torch.tensor([numbers[parent] for parent in parents])
    skipped = tuple(f"{name}: {reason}" for name, reason in unusable.items())
    return Faces(torch.cat(images), people, npz.title(folder), skipped)


def pictures(folder: Path) -> list[Path]:
    """The files with a picture's suffix in the folder and its sub-folders, but for hidden ones; in natural order."""
    found = {file: file.relative_to(folder).parts for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES}
    shown = [file for file, parts in found.items() if not any(part.startswith(".") for part in parts)]
    return sorted(filter(Path.is_file, shown), key=lambda file: [natural(part) for part in found[file]])


def natural(name: str) -> tuple[list[str | int], str]:
    """The key that sorts s2 before s10."""
    pieces = re.split(r"(\d+)", name.lower())
    return [int(piece) if place % 2 else piece for place, piece in enumerate(pieces)], name


def read_picture(file: Path, crop: bool) -> Tensor:
    """(1, 64, 64) in 0..1."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about oddities beside the pixels
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as picture:
                pixels = grey(ImageOps.exif_transpose(picture))
    except Unusable:
        raise
    except UnidentifiedImageError as error:
        raise Unusable("unreadable: not a picture") from error
    except Exception as error:  # PIL raises whatever it trips over in a damaged file
        reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        raise Unusable(f"unreadable: {reason}") from error
    height, width = pixels.shape
    if height != width and not crop:
        raise Unusable(f"{NOT_SQUARE}: {width} x {height}")
    return resized(middle_square(pixels[None]))


def grey(picture: Image.Image) -> Tensor:
    """(height, width) in 0..1."""
    if not picture.mode.startswith(("I", "F")):
        return torch.from_numpy(np.array(picture.convert("L"), np.float32) / 255)
    pixels = torch.from_numpy(np.array(picture, np.float32) / 65535)  # converted, 16 bits would be cut off at 255
    if picture.mode == "F" or pixels.min() < 0 or pixels.max() > 1:
        raise Unusable("unreadable: pixels of 32 bits; must be of 8 or 16")
    return pixels


def check_enough(num: int, unusable: Mapping[str, str]) -> None:
    if num >= MIN_IMAGES:
        return
    found = f"{num or 'none'} of {num + len(unusable)} pictures can be used; must be at least {MIN_IMAGES}"
    left_out = f"; left out are {first_few(unusable)}" if unusable else ""
    remedy = f"; {CROP}" if any(reason.startswith(NOT_SQUARE) for reason in unusable.values()) else ""
    raise UserError(found + left_out + remedy)


def first_few(unusable: Mapping[str, str], num: int = 3) -> str:
    named = [f"{name} ({reason})" for name, reason in unusable.items()]
    rest = [f"and {len(named) - num} more"] if len(named) > num else []
    return ", ".join(named[:num] + rest)


# A .npz file


def read_npz(path: Path, crop: bool) -> Faces:
    with npz.attempt(partial(path.open, "rb"), "the file") as stream:  # numpy leaves a damaged file open
        archive = npz.opened(stream)
        name, pixels = find_images(archive)
        people = find_people(archive, len(pixels))
    check_enough(len(pixels), {})
    height, width = pixels.shape[1:]
    if height != width and not crop:
        raise UserError(f"{name} are {NOT_SQUARE}: {width} x {height}; {CROP}")
    [pixels], _ = npz.scale({name: middle_square(pixels)})
    white = 255 if pixels.dtype == np.uint8 else 1
    images = torch.cat([resized(chunk.float() / white) for chunk in torch.from_numpy(pixels).split(CHUNK)])
    return Faces(images, people, npz.title(path))


def find_images(archive: np.lib.npyio.NpzFile) -> tuple[str, np.ndarray]:
    """The array (N, h, w) of images, by its name or else by its shape, and what it is called."""
    for names in ([name for name in archive.files if IMAGES_NAME.fullmatch(name)], archive.files):
        arrays = {name: npz.an_array(partial(archive.__getitem__, name), name) for name in names}
        images = {name: array for name, array in arrays.items() if is_images(array)}
        if images:
            break
    if len(images) > 1:
        raise UserError(f"{' or '.join(images)} may be the images; must be one array of the shape {SHAPES}")
    if not images:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "no array"
        raise UserError(f"there are no images in it, only {shapes}; must be an array of the shape {SHAPES}")
    [(name, pixels)] = images.items()
    return name, pixels.reshape(len(pixels), *(pixels.shape[-2:] if pixels.ndim > 2 else (SIZE, SIZE)))


def is_images(array: np.ndarray) -> bool:
    shape = array.shape[1:]
    return array.size > 0 and (shape == (SIZE * SIZE,) or array.ndim == 3 or (array.ndim == 4 and shape[0] == 1))


def find_people(archive: np.lib.npyio.NpzFile, num_images: int) -> Tensor | None:
    named = [name for name in archive.files if PEOPLE_NAME.fullmatch(name)]
    if not named:
        return None
    if len(named) > 1:
        raise UserError(f"{' or '.join(named)} may say who is on the images; must be one array")
    people = npz.an_array(partial(archive.__getitem__, named[0]), named[0])
    if people.shape not in {(num_images,), (num_images, 1)}:
        raise UserError(f"{named[0]} have the shape {people.shape}; must be ({num_images},), a person for each image")
    if people.dtype.kind not in "uiUS":
        raise UserError(f"{named[0]} are {people.dtype}; must be integers or strings")
    return torch.from_numpy(np.unique(people.reshape(-1), return_inverse=True)[1].astype(np.int64))


# Pixels


def middle_square(images: Pixels) -> Pixels:
    """The largest square in the middle of images (n, h, w)."""
    height, width = images.shape[1:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return images[:, top : top + side, left : left + side]


def resized(images: Tensor) -> Tensor:
    """Images (n, side, side) in 0..1 as (n, 64, 64): bicubic, antialiased where they get smaller."""
    if images.shape[1:] == (SIZE, SIZE):
        return images
    return F.interpolate(images[:, None], size=(SIZE, SIZE), mode="bicubic", antialias=True)[:, 0].clamp(0, 1)
