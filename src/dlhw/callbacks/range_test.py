"""The learning rate by a range test: the training loss while the rate grows from step to step."""

import copy
import logging
import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf
from pytorch_lightning import Callback
from torch import Tensor

from dlhw.callbacks.find import find
from dlhw.callbacks.recorder import Recorder
from dlhw.data.memory import MemoryData
from dlhw.figures import range_test
from dlhw.models.one_net import OneNet, decay_matrices_only
from dlhw.schema.fields import Count, Positive

log = logging.getLogger(__name__)

SMOOTHING = 0.9  # share of the running mean that a step leaves as it was
DIVERGED = 4.0  # times the lowest smoothed loss so far: there training has come apart


class RangeTest(Callback):
    """Raises the rate exponentially from `low` to `high` over `num_steps` training steps of a copy of the module.

    Smith, "Cyclical learning rates for training neural networks" (arXiv:1506.01186), section 3.3. The rate chosen is
    `share` of the one at which the smoothed loss has come to four times its lowest value: as large as can be with
    room to spare, as the peak of a schedule should be. With `optimizer.lr=null` the run then trains at it. The module,
    its data and the random numbers are as if nothing had happened, so a resumed run finds the same rate.
    """

    def __init__(
        self, low: Positive = 1e-5, high: Positive = 1.0, num_steps: Count = 500, share: Positive = 1 / 3
    ) -> None:
        self.low, self.high, self.num_steps, self.share = low, high, num_steps, share
        self.rates: list[float] = []
        self.losses: list[float] = []
        self.chosen: float | None = None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if stage != "fit":
            return
        assert isinstance(pl_module, OneNet)
        data: MemoryData = trainer.datamodule  # type: ignore[attr-defined]
        with torch.random.fork_rng():
            self._try_rates(copy.deepcopy(pl_module).to(data.parts["train"][0].device), batches(data))
        self.chosen = self.share * self.rates[-1]
        if pl_module.make_optimizer.keywords["lr"] is None:  # type: ignore[attr-defined]  # a partial
            pl_module.make_optimizer = partial(pl_module.make_optimizer, lr=self.chosen)
            log.info("learning rate by the range test: %.2g", self.chosen)

    def _try_rates(self, module: OneNet, stream: Iterator[Any]) -> None:
        self.rates, self.losses = [], []
        optimizer = module.make_optimizer(decay_matrices_only(module), lr=self.low)
        mean, least = 0.0, math.inf
        for step in range(self.num_steps):
            rate = self.low * (self.high / self.low) ** (step / max(1, self.num_steps - 1))
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss = module.training_step(next(stream), step)
            assert isinstance(loss, Tensor)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if not math.isfinite(loss.item()):
                return
            self.rates.append(rate)
            self.losses.append(loss.item())
            mean = smoothed(self.losses)[-1]
            least = min(least, mean)
            if mean > DIVERGED * least:
                return


class RangeTestReport(Recorder):
    """Draws the range test's curve with the chosen point, and records both it and the rate that was used."""

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        test = find(trainer, RangeTest)
        if test is None or test.chosen is None:
            return
        self.record.metrics["range_test/lr"] = test.chosen
        title = "Range test of the learning rate"
        figure = range_test(
            test.rates, test.losses, smoothed(test.losses), chosen=test.chosen, title=title, data_name=self.data.title,
            loss_label="training loss",
        )  # fmt: skip
        caption = (
            f"The training loss of {len(test.rates)} steps from the run's own start, while the rate grows from each to "
            f"the next; bold: a running mean. Chosen is {test.share:.2g} of the rate at which that has come to "
            f"{DIVERGED:g} times its lowest value, and the run used {self._used()}."
        )
        self.record.add_figure(figure, "range_test", title, caption)

    def _used(self) -> str:
        given = OmegaConf.load(self.record.folder / "config.yaml").optimizer.lr
        return "it" if given is None else f"{given:g}, as it was told"


def batches(data: MemoryData) -> Iterator[Any]:
    """Training batches without end, those of training in their order."""
    loader = data.train_dataloader()
    epoch = 0
    while True:
        loader.set_epoch(epoch)
        yield from loader
        epoch += 1


def smoothed(losses: list[float]) -> list[float]:
    """The running mean, weighted so that the first values do not count as zeros (as Adam's moments are)."""
    mean, means = 0.0, []
    for step, loss in enumerate(losses, 1):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        means.append(mean / (1 - SMOOTHING**step))
    return means
