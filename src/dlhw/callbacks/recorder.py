"""Callbacks that have something to show when the run is tested."""

from pytorch_lightning import Callback

from dlhw.record import Record
from dlhw.start import Start


class Recorder(Callback):
    """A callback with access to the run's record and to its start, which `run` hands over before training."""

    record: Record
    start: Start
