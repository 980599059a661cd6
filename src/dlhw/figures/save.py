import io
from pathlib import Path

from matplotlib.figure import Figure

from dlhw.figures.style import DPI
from dlhw.files import write_atomically


def save_figure(figure: Figure, path: Path | str) -> Path:
    """Writes the figure as a PNG, atomically. The same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return write_atomically(path, buffer.getvalue())
