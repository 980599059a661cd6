"""Writing files so that a reader never meets half of one."""

import csv
import io
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


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
