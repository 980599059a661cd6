"""Callbacks that have something to show when the run is tested."""

from pathlib import Path

from pytorch_lightning import Callback

from dlhw.data.memory import MemoryData
from dlhw.record import Record
from dlhw.start import Start


class Recorder(Callback):
    """A callback that draws or tabulates at the test; `run` hands it the run's record, start, data and references.

    It joins the trainer after training: a callback that only waits costs every step as much as one that acts.
    """

    record: Record
    start: Start
    data: MemoryData
    references: dict[str, Path]  # folders of the finished runs that this one is compared with, by experiment
