"""Callbacks that know the run they belong to."""

from pathlib import Path

from pytorch_lightning import Callback

from dlhw.data.memory import MemoryData
from dlhw.record import Record
from dlhw.start import Start


class Informed(Callback):
    """A callback that `run` hands the run's record, start, data and references."""

    record: Record
    start: Start
    data: MemoryData
    references: dict[str, Path]  # folders of the finished runs that this one is compared with, by experiment


class Recorder(Informed):
    """One that draws or tabulates when the run is tested.

    It joins the trainer after training: a callback that only waits costs every step as much as one that acts.
    """
