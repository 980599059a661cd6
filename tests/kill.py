"""A callback that sends its own process a real signal."""

import os
import signal
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning import Callback


class KillAtStep(Callback):
    """Sends $KILL_SIGNAL (SIGKILL) after the training step that $KILL_AT_STEP names, if it names one, or in the first
    batch of $KILL_IN, `val` or `test`.
    """

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == int(os.environ.get("KILL_AT_STEP", "-1")):
            kill()

    def on_validation_batch_start(self, *_: Any) -> None:
        if os.environ.get("KILL_IN") == "val":
            kill()

    def on_test_batch_start(self, *_: Any) -> None:
        if os.environ.get("KILL_IN") == "test":
            kill()


def kill() -> None:
    number = signal.Signals[os.environ.get("KILL_SIGNAL", "SIGKILL")]
    if number == signal.SIGINT:  # as at a terminal: what a shell starts in the background ignores it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.kill(os.getpid(), number)
