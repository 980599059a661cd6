"""Figures made small enough for a page that shows hundreds of them."""

import base64
import io
from pathlib import Path

from PIL import Image

from dlhw.files import inside
from dlhw.report.page import Picture

LARGEST = (320, 240)  # pixels
MOST_PIXELS = 50_000_000  # of a figure; a few bytes of PNG can stand for any number
QUALITY = 80  # of 100: the words in a figure of this size cannot be read anyway


def thumbnail(folder: Path, file: str, title: str, caption: str) -> Picture:
    """A small copy of a PNG below `folder`, as base64; its `source` is None where the file cannot be read."""
    try:
        with Image.open(inside(folder, file) or io.BytesIO(), formats=["PNG"]) as image:
            if image.width * image.height > MOST_PIXELS:
                return Picture(title, caption, file)
            small = image.convert("RGB")
    except Exception:  # of damaged files, Pillow raises whatever its decoders do
        return Picture(title, caption, file)
    small.thumbnail(LARGEST, reducing_gap=2.0)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=QUALITY)
    source = f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return Picture(title, caption, file, source, small.width, small.height)
