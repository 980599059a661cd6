"""The training loss of the last iterations, kept while training runs and shown beside the test accuracy."""

import logging
from collections import deque
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning import Callback
from torch import Tensor

from dlhw.callbacks.find import find
from dlhw.callbacks.recorder import Recorder
from dlhw.figures import loss_by_iteration
from dlhw.schema.fields import Count

log = logging.getLogger(__name__)


class LastIterations(Callback):
    """Keeps the training loss of the last `num` iterations, as tensors that no step waits for."""

    def __init__(self, num: Count = 20) -> None:
        self.losses: deque[Tensor] = deque(maxlen=num)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.losses.append(outputs["loss"].detach())

    def values(self) -> list[float]:
        return torch.stack(list(self.losses)).tolist() if self.losses else []

    def state_dict(self) -> dict[str, Any]:
        return {"losses": self.values()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.losses.extend(torch.tensor(loss) for loss in state_dict["losses"])


class ShowLastIterations(Recorder):
    """Shows what `LastIterations` kept, and the test accuracy, as lines of text and as a figure."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        kept = find(trainer, LastIterations)
        losses = kept.values() if kept else []
        if not losses:
            return
        iterations = range(trainer.global_step - len(losses) + 1, trainer.global_step + 1)
        accuracy = 100 * float(trainer.callback_metrics["test/acc"])
        lines = [
            f"  iteration {number:>7,}  training loss {loss:.4f}"
            for number, loss in zip(iterations, losses, strict=True)
        ]
        log.info("the last %d iterations\n%s\ntest accuracy %.2f %%", len(losses), "\n".join(lines), accuracy)
        title = f"{self.record.facts['experiment']}: the last {len(losses)} iterations"
        epoch = self.record.facts.get("chosen_epoch")
        which = f"of epoch {epoch}" if epoch else "as it stands"
        figure = loss_by_iteration(
            iterations,
            losses,
            title=title,
            data_name=self.data.title,
            remark=f"test accuracy {accuracy:.2f} %\n(network {which})",
        )
        caption = (
            f"Cross entropy of each of the last {len(losses)} minibatches of {self.data.batch_size}, without the L2 "
            f"term. The tested network is the one {which}: {accuracy:.2f} % of the test set are right."
        )
        self.record.add_figure(figure, "last_iterations", title, caption)
        rows = [[number, loss] for number, loss in zip(iterations, losses, strict=True)]
        self.record.add_table(
            f"The last {len(losses)} iterations", ["iteration", "training loss"], rows,
            note=f"Test accuracy {accuracy:.2f} %.",
        )  # fmt: skip
