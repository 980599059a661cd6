"""What a run has to show: metrics, tables, figures and notes, gathered while it runs, written once at the end."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlhw.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor


@dataclass
class Record:
    """Gathers what `results.json` will hold; figures are written to the run's folder as they come."""

    folder: Path
    facts: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    tables: list[dict[str, Any]] = field(default_factory=list)
    figures: list[dict[str, str]] = field(default_factory=list)
    sounds: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add_table(
        self,
        title: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[Any]],
        note: str = "",
        percent: Sequence[str] = (),
    ) -> None:
        """A table of the report; the columns in `percent` hold fractions that are shown as percent."""
        self.tables.append(
            {
                "title": title,
                "note": note,
                "columns": list(columns),
                "rows": [list(row) for row in rows],
                "percent": list(percent),
            }
        )

    def add_figure(self, figure: "Figure", name: str, title: str, caption: str) -> None:
        """Save a figure as `figures/<name>.png`; the caption is its alternative text too."""
        from dlhw.figures import save_figure

        file = f"figures/{name}.png"
        save_figure(figure, self.folder / file)
        self.figures.append({"file": file, "title": title, "caption": caption})

    def add_animation(self, figures: "Sequence[Figure]", name: str, title: str, caption: str) -> None:
        """Save figures of one size as the frames of `figures/<name>.gif`; the caption is its alternative text too."""
        from dlhw.figures import save_animation

        file = f"figures/{name}.gif"
        save_animation(figures, self.folder / file)
        self.figures.append({"file": file, "title": title, "caption": caption})

    def add_sounds(self, versions: "Mapping[str, Tensor]", sample_rate: int, name: str, title: str) -> None:
        """Save versions (samples,) of one sound as `sounds/<name>_<number>.wav`, to be heard beside one another.

        All are made louder or quieter alike, so that the loudest of them fills nine tenths of the scale.
        """
        from dlhw.audio.write import wav_bytes

        peak = max(signal.abs().max().item() for signal in versions.values()) or 1.0
        files = []
        for number, (label, signal) in enumerate(versions.items(), 1):
            file = f"sounds/{name}_{number}.wav"
            write_atomically(self.folder / file, wav_bytes(0.9 / peak * signal, sample_rate))
            files.append({"label": label, "file": file})
        self.sounds.append({"title": title, "versions": files})

    def results(self) -> dict[str, Any]:
        return {
            **self.facts,
            "metrics": self.metrics,
            "tables": self.tables,
            "figures": self.figures,
            "sounds": self.sounds,
            "notes": self.notes,
        }

    def write(self) -> dict[str, Any]:
        """Write `results.json`, whole or not at all, and return what it holds.

        The failure that an earlier attempt at the same run left there is over then.
        """
        results = finite(self.results())
        write_atomically(self.folder / "results.json", json.dumps(results, indent=1, allow_nan=False))
        (self.folder / "failure.json").unlink(missing_ok=True)
        return results


def finite(value: Any) -> Any:
    """The same value with NaN and infinities as None: JSON has no such numbers."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
