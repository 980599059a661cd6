"""A loss that is no number stops the run, names the step and leaves the last good checkpoint."""

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from hydra.utils import get_class
from pytorch_lightning import Callback
from torch import nn

from dlhw.callbacks.finite_loss import StopAtNonFiniteLoss
from dlhw.checkpoints import load
from dlhw.errors import UserError
from tests.helpers import small


class Break(Callback):
    """Puts a NaN into the first weight before the given step (counted from 0)."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        if trainer.global_step == self.step:
            with torch.no_grad():
                next(pl_module.parameters())[0, 0] = torch.nan


BREAK = "+callbacks.break._target_=tests.callbacks.test_finite_loss.Break"


@pytest.mark.parametrize("step", [0, 3, 9])
def test_before_an_epoch_has_ended_there_is_nothing_to_keep(run_experiment, outputs: Path, step: int) -> None:
    assert get_class(BREAK.partition("=")[2]) is Break
    with pytest.raises(UserError) as stopped:
        run_experiment(*small("mnist_mlp"), BREAK, f"+callbacks.break.step={step}")
    assert str(stopped.value).startswith(f"the training loss is not finite at step {step} (epoch 0)")
    assert "no epoch had finished" in str(stopped.value)
    assert not list(outputs.rglob("*.ckpt"))


def test_the_last_good_checkpoint_is_kept(run_experiment, outputs: Path) -> None:
    with pytest.raises(UserError) as stopped:
        run_experiment(*small("mnist_mlp"), BREAK, "+callbacks.break.step=15")
    (last,) = outputs.rglob("last.ckpt")
    assert f"at step 15 (epoch 1); the last good checkpoint is {last}" in str(stopped.value)
    content = load(last)
    assert content["epoch"] == 0
    assert all(tensor.isfinite().all() for tensor in content["state_dict"].values())
    assert not (last.parents[1] / "results.json").exists()


def test_a_rate_that_is_far_too_large(run_experiment) -> None:
    with pytest.raises(UserError, match=r"not finite at step .* try a smaller optimizer\.lr"):
        run_experiment(*small("mnist_mlp"), "optimizer=sgd", "optimizer.lr=1e30")


def test_finite_losses_are_let_through() -> None:
    """Many checks in an epoch, none of which stops."""
    loss = nn.Linear(1, 1)(torch.ones(1)).sum()
    callback = StopAtNonFiniteLoss(check_every=2)
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    for number in range(5):
        callback.on_train_batch_end(trainer, None, {"loss": loss}, None, number)
    assert len(callback.unseen) == 1
