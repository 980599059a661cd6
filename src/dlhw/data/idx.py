"""MNIST and Fashion-MNIST as tensors, from the official IDX files: found, or downloaded, and always verified."""

import hashlib
import logging
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from dlhw.errors import UserError

log = logging.getLogger(__name__)


class IdxFile(NamedTuple):
    num_bytes: int
    sha256: str


FOLDERS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}
FILES = {
    "mnist": {
        "train-images-idx3-ubyte": IdxFile(
            47040016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
        ),
        "train-labels-idx1-ubyte": IdxFile(60008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
        "t10k-images-idx3-ubyte": IdxFile(7840016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        "t10k-labels-idx1-ubyte": IdxFile(10008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    },
    "fashion_mnist": {
        "train-images-idx3-ubyte": IdxFile(
            47040016, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
        ),
        "train-labels-idx1-ubyte": IdxFile(60008, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
        "t10k-images-idx3-ubyte": IdxFile(7840016, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
        "t10k-labels-idx1-ubyte": IdxFile(10008, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
    },
}


def load(dataset: str, root: Path) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Train images (60000, 28, 28) uint8, train labels (60000,), and the same of the 10,000 test images.

    Raises:
        UserError: the files are neither there nor to be downloaded, or a file is not the official one.
    """
    from torchvision import datasets

    folder = root / FOLDERS[dataset] / "raw"
    if not all((folder / name).is_file() for name in FILES[dataset]):
        download(dataset, root, folder)
    for name, expected in FILES[dataset].items():
        verify(folder / name, expected)
    source = getattr(datasets, FOLDERS[dataset])
    parts = [source(root, train=train, download=False) for train in (True, False)]
    return parts[0].data, parts[0].targets, parts[1].data, parts[1].targets


def download(dataset: str, root: Path, folder: Path) -> None:
    from torchvision import datasets

    log.info("%s is not in %s: downloading it", dataset, folder)
    try:
        getattr(datasets, FOLDERS[dataset])(root, download=True)
    except (OSError, RuntimeError) as error:
        reason = "no permission to write there" if isinstance(error, PermissionError) else "download failed"
        raise UserError(
            f"{dataset}: {reason}; put {', '.join(FILES[dataset])} into {folder}, "
            "set DLHW_DATA_DIR to a folder that has them, or use data=digits, which needs no files"
        ) from error


def verify(file: Path, expected: IdxFile) -> None:
    """Refuse a file that is not the official one, by its size, then by its hash."""
    if file.stat().st_size != expected.num_bytes:
        found = f"has {file.stat().st_size} bytes instead of {expected.num_bytes}"
    elif (digest := sha256(file)) != expected.sha256:
        found = f"has the hash {digest[:12]}... instead of {expected.sha256[:12]}..."
    else:
        return
    raise UserError(f"{file} is damaged: it {found}; delete it, and it is downloaded again")


def sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def content_hash(*tensors: Tensor) -> str:
    """The hash of the data that is really used, whatever file it came from."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(torch.as_tensor(tensor).contiguous().numpy().tobytes())
    return digest.hexdigest()
