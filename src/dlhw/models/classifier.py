"""Training a network to classify, with cross entropy."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from dlhw.lean import LeanModule
from dlhw.models.epoch_sums import EpochSums

Batch = tuple[Tensor, Tensor]


def decay_matrices_only(net: nn.Module) -> list[dict[str, Any]]:
    """Parameter groups in which weight decay acts on weight matrices, and not on biases or BatchNorm."""
    matrices = [parameter for parameter in net.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in net.parameters() if parameter.ndim <= 1]
    return [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]


class Classifier(LeanModule):
    """Cross entropy (nats) and accuracy on `train`, `val` and `test`, one value an epoch.

    The training figures are means over the epoch's batches as the network stood at each of them,
    with dropout and augmentation as trained.

    Args:
        net: maps inputs to logits (batch, num_classes).
        optimizer: makes the optimizer from the parameters.
        scheduler: makes the learning-rate schedule from (optimizer, num_steps); None for a constant rate.
        label_smoothing: share of the target spread evenly over the classes in training.
        val_splits: the names of the validation loaders, in their order.
    """

    def __init__(
        self,
        net: nn.Module,
        optimizer: Callable[..., Optimizer],
        scheduler: Callable[..., LRScheduler] | None = None,
        label_smoothing: float = 0.0,
        val_splits: tuple[str, ...] = ("val",),
    ) -> None:
        super().__init__()
        self.net = net
        self.make_optimizer, self.make_scheduler = optimizer, scheduler
        self.label_smoothing = label_smoothing
        self.val_splits = val_splits
        self.sums = EpochSums()
        self.confusion: Tensor | None = None  # (true class, predicted class) counts of the last test

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        inputs, labels = batch
        logits = self.net(inputs)
        loss = self.criterion(logits.float(), labels)
        self.sums.add("train", loss, logits, labels)
        return loss

    def criterion(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The training loss of a batch."""
        return F.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)

    def on_train_epoch_end(self) -> None:
        self._log("train")
        scheduler = self.lr_schedulers()
        if isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step(self.trainer.callback_metrics["train/loss"])

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """As Lightning's, but for a plateau's scheduler: Lightning steps that one after the epoch's checkpoints are
        written, so that a resumed run would miss a step; here the end of the training epoch does it.
        """
        if not isinstance(scheduler, ReduceLROnPlateau):
            super().lr_scheduler_step(scheduler, metric)

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        self._evaluate(batch, self.val_splits[dataloader_idx])

    def on_validation_epoch_end(self) -> None:
        for split in self.val_splits:
            self._log(split)

    def on_test_epoch_start(self) -> None:
        self.confusion = None

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        logits = self._evaluate(batch, "test")
        num_classes = logits.shape[1]
        cells = batch[1] * num_classes + logits.argmax(1)
        counts = torch.bincount(cells, minlength=num_classes**2).view(num_classes, num_classes)
        self.confusion = counts if self.confusion is None else self.confusion + counts

    def on_test_epoch_end(self) -> None:
        self._log("test")

    def _evaluate(self, batch: Batch, split: str) -> Tensor:
        inputs, labels = batch
        logits = self.net(inputs)
        self.sums.add(split, F.cross_entropy(logits.float(), labels), logits, labels)
        return logits

    def _log(self, split: str) -> None:
        self.log_dict(self.sums.pop(split), sync_dist=True)

    def configure_optimizers(self) -> Any:
        optimizer = self.make_optimizer(decay_matrices_only(self))
        if self.make_scheduler is None:
            return optimizer
        scheduler = self.make_scheduler(optimizer, num_steps=int(self.trainer.estimated_stepping_batches))
        if isinstance(scheduler, ReduceLROnPlateau):
            settings = {"scheduler": scheduler, "interval": "epoch", "monitor": "train/loss"}
        else:
            settings = {"scheduler": scheduler, "interval": "step"}
        return {"optimizer": optimizer, "lr_scheduler": settings}
