"""What Lightning does at each step on behalf of nobody, left out: half of its cost for a small network."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning import Callback
from pytorch_lightning.profilers import PassThroughProfiler

STEP_HOOKS = (
    "on_train_batch_start",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
    "on_train_batch_end",
)
NOTHING = nullcontext()


class NoProfiler(PassThroughProfiler):
    """Lightning's own stand-in for no profiler makes a generator for each hook of each callback; this one nothing."""

    def profile(self, action_name: str) -> AbstractContextManager[None]:  # type: ignore[override]
        return NOTHING


def without_empty_hooks(callback: Callback) -> Callback:
    """The callback, with each step hook that its class leaves empty set to None, which Lightning does not call."""
    for name in STEP_HOOKS:
        if getattr(type(callback), name) is getattr(Callback, name):
            setattr(callback, name, None)
    return callback


class LeanModule(pl.LightningModule):
    """Lightning notes the name of the current hook in its module some forty times a step; here without the search
    for parameters and submodules that assigning to any attribute of a `Module` entails.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)
