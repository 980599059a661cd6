"""What a report's page is made of, and its rendering to one self-contained HTML file."""

import base64
import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader

from dlhw.files import inside, write_atomically
from dlhw.report.text import is_number, number, percent

LARGEST = 64 * 2**20  # bytes of a figure or a sound


@dataclass(frozen=True)
class Cell:
    text: str
    sort_key: float | None = None  # for numbers, whose text would sort wrongly
    href: str | None = None


@dataclass(frozen=True)
class Table:
    """`best` is the index of the row to highlight."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    best: int | None = None

    @property
    def numeric(self) -> list[bool]:
        """For each column, whether it holds numbers (among them words like 'full') and is set flush right."""
        return [any(row[i].sort_key is not None for row in self.rows) for i in range(len(self.columns))]


@dataclass(frozen=True)
class ImageFormat:
    """What a whole file begins and ends with, and where its header holds width and height."""

    media_type: str
    begin: bytes
    end: bytes
    size: struct.Struct
    size_at: int

    def whole(self, data: bytes) -> bool:
        long_enough = len(data) >= self.size_at + self.size.size
        return long_enough and data.startswith(self.begin) and data.endswith(self.end)


FORMATS = (
    ImageFormat("image/png", b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82", struct.Struct(">II"), 16),
    ImageFormat("image/gif", b"GIF8", b";", struct.Struct("<HH"), 6),
)


@dataclass(frozen=True)
class Picture:
    """A PNG or GIF to be put into the page. `source` is None where the file is missing, damaged or neither.

    A `wide` one takes the page's whole width, or it would be too small to read.
    """

    title: str
    caption: str
    file: str
    source: str | None = None
    width: int = 0
    height: int = 0
    wide: bool = False


@dataclass(frozen=True)
class Version:
    """A sound to be played from the page. `source` is None where the file is missing or no WAV."""

    label: str
    file: str
    source: str | None = None


@dataclass(frozen=True)
class Sound:
    """Versions of one sound, to be heard beside one another."""

    title: str
    versions: Sequence[Version]


@dataclass(frozen=True)
class Fact:
    """A headline number: `98.45 %`, what it is, and a remark."""

    value: str
    label: str
    remark: str = ""


def plain_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    note: str = "",
    in_percent: Collection[str] = (),
) -> Table:
    """A table of raw values; the columns named in `in_percent` hold fractions."""
    show = [percent if column in in_percent else number for column in columns]
    cells = [
        [Cell(shown(v), float(v) if is_number(v) else None) for shown, v in zip(show, row, strict=True)] for row in rows
    ]
    return Table(title, list(columns), cells, note)


def picture(folder: Path, file: str, title: str, caption: str) -> Picture:
    """Reads a PNG or GIF below `folder` into the page, as base64."""
    data = content_of(folder, file)
    for kind in FORMATS:
        if kind.whole(data):
            width, height = kind.size.unpack_from(data, kind.size_at)
            source = f"data:{kind.media_type};base64,{base64.b64encode(data).decode()}"
            return Picture(title, caption, file, source, width, height, width > 1.9 * height)
    return Picture(title, caption, file)


def sound(folder: Path, title: str, versions: Iterable[Mapping[str, str]]) -> Sound:
    """Reads WAV files below `folder` into the page, as base64."""
    return Sound(title, [version(folder, each["label"], each["file"]) for each in versions])


def version(folder: Path, label: str, file: str) -> Version:
    data = content_of(folder, file)
    whole = data[:4] == b"RIFF" and data[8:12] == b"WAVE" and int.from_bytes(data[4:8], "little") == len(data) - 8
    return Version(label, file, f"data:audio/wav;base64,{base64.b64encode(data).decode()}" if whole else None)


def content_of(folder: Path, file: str) -> bytes:
    """A file below `folder`; nothing where there is none, it lies elsewhere, or is too large for a page."""
    path = inside(folder, file)
    return path.read_bytes() if path is not None and path.stat().st_size <= LARGEST else b""


def write_page(path: Path, template: str, **content: Any) -> Path:
    """Renders a template of `templates/` to `path`. Whatever text the run recorded is escaped."""
    environment = Environment(
        loader=PackageLoader("dlhw.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = number
    rendered = environment.get_template(template).render(**content)
    return write_atomically(path, rendered.encode(errors="replace"))  # records and file names may hold half characters
