import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from dlhw.figures.style import DPI
from dlhw.files import write_atomically

SEEN = 0.2  # of 255 grey levels: a palette that changes a figure by less on average changes nothing that is seen
NUM_COLOURS = 128  # of an animation
LAST = 3  # times as long as the others the last figure of an animation is shown


def save_figure(figure: Figure, path: Path | str) -> Path:
    """Writes the figure as a PNG, atomically. The same figure gives the same bytes.

    A figure of few colours is written with a palette, which halves its size.
    """
    image = rendered(figure, DPI)
    few = with_palette(image, 256)
    change = np.abs(np.asarray(few.convert("RGB"), dtype=np.int16) - np.asarray(image))
    buffer = io.BytesIO()
    (few if change.mean() < SEEN else image).save(buffer, "PNG", dpi=(DPI, DPI))
    return write_atomically(path, buffer.getvalue())


def save_animation(figures: Sequence[Figure], path: Path | str, seconds: float = 0.8) -> Path:
    """Writes figures of one size as a GIF that begins anew when it ends, atomically: `seconds` each, the last longer.

    Drawn at half a figure's resolution, in the same few colours throughout. The same figures give the same bytes.
    Raises ValueError if there is no figure, or they differ in size.
    """
    sizes = {tuple(figure.get_size_inches()) for figure in figures}
    if len(sizes) != 1:
        raise ValueError(
            f"an animation needs one or more figures of one size; got {len(figures)} of {len(sizes)} sizes"
        )
    frames = np.stack([np.asarray(rendered(figure, DPI // 2)) for figure in figures])  # (num, height, width, 3)
    num, height, width, _ = frames.shape
    strip = with_palette(Image.fromarray(frames.reshape(num * height, width, 3)), NUM_COLOURS)
    first, *others = [strip.crop((0, top, width, top + height)) for top in range(0, num * height, height)]
    durations = [round(1000 * seconds)] * (num - 1) + [round(1000 * LAST * seconds)]
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=durations, loop=0)
    return write_atomically(path, buffer.getvalue())


def rendered(figure: Figure, dpi: int) -> Image.Image:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, pil_kwargs={"compress_level": 0})
    return Image.open(buffer).convert("RGB")


def with_palette(image: Image.Image, num_colours: int) -> Image.Image:
    """The image in the colours that suit it best, each pixel in the nearest: no patterns of dots."""
    return image.quantize(num_colours, dither=Image.Dither.NONE)
