"""The callbacks of a trainer, and one of them."""

from typing import TypeVar

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

Kind = TypeVar("Kind", bound=Callback)


def callbacks_of(trainer: pl.Trainer) -> list[Callback]:
    return trainer.callbacks  # type: ignore[attr-defined]  # set without a declaration in Lightning


def find(trainer: pl.Trainer, kind: type[Kind]) -> Kind | None:
    """The trainer's first callback of a kind."""
    return next((callback for callback in callbacks_of(trainer) if isinstance(callback, kind)), None)
