"""Writing files so that a reader never meets half of one, and reading those of a folder that may be somebody else's."""

import csv
import io
import json
import os
import stat
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dlhw.errors import UserError

MOST_JSON = 4 * 2**20  # bytes; the largest record has some 100,000


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yields a temporary path to write to; it takes the place of `path` when the block ends well.

    If the block raises (disk full, Ctrl-C), the temporary file is removed and `path` stays as it was.
    Missing parent folders are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())  # else a power cut may leave the new name with no content
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path | str, content: str | bytes) -> Path:
    """Writes `content` (text as UTF-8, line ends untouched) to `path`: entirely, or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
    return Path(path)


def write_csv(path: Path | str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    """Writes a table with a line of names on top, entirely or not at all; None is an empty cell."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return write_atomically(path, buffer.getvalue())


def inside(folder: Path, name: Path | str) -> Path | None:
    """The file of this name below a folder; None where there is none, or where links or `..` lead out of the folder."""
    path = folder / name
    try:
        return path if path.is_file() and path.resolve().is_relative_to(folder.resolve()) else None
    except (OSError, ValueError):  # no file system takes such a name
        return None


def read_text(file: Path, most: int) -> str:
    """The text of a file that may be anybody's.

    Raises:
        OSError: it is no file, such as a pipe that would never end, or cannot be read.
        ValueError: it has more than `most` bytes, or is not UTF-8.
    """
    if not file.is_file():
        raise FileNotFoundError(f"{file} is not there, or no file")
    with file.open("rb") as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise ValueError(f"it is larger than {most:,} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8") from error


def read_json(file: Path) -> Any:
    """What a JSON file holds that may be anybody's.

    Raises:
        OSError: it is no file, or cannot be read.
        ValueError: it is too large, not UTF-8, no JSON, or nested too deeply.
    """
    try:
        return json.loads(read_text(file, MOST_JSON))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def memory() -> int:
    """The bytes of memory that this machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def refuse_links(folder: Path) -> None:
    """Refuse a folder in which a part is something else than a file or a folder of its own.

    Who writes to a link, or to a file that has another name too, changes what lies elsewhere; a pipe never ends.
    """
    home = folder.resolve()
    for parent, folders, files in os.walk(home):
        for path in (Path(parent, name) for name in [*folders, *files]):
            if (wrong := what_is_wrong(path, home)) is not None:
                raise UserError(
                    f"{folder}: {str(path.relative_to(home))!r} in it {wrong}, and a run's folder is all there is of "
                    "it; if you trust it, put a copy of what is meant in its place"
                )


def what_is_wrong(path: Path, home: Path) -> str | None:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        try:
            return None if path.resolve().is_relative_to(home) else "is a link that leads out of it"
        except RuntimeError:  # before Python 3.13
            return "is a link that leads to itself"
    if stat.S_ISREG(status.st_mode):
        return "is a hard link, a file with another name elsewhere" if status.st_nlink > 1 else None
    return None if stat.S_ISDIR(status.st_mode) else "is neither a file nor a folder"
