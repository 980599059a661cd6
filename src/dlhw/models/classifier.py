"""Training a network to classify, with cross entropy."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from dlhw.models.epoch_sums import num_hits
from dlhw.models.one_net import OneNet
from dlhw.precision import at_least_float32

Batch = tuple[Tensor, Tensor]


class Classifier(OneNet):
    """Cross entropy (nats) and accuracy on `train`, `val` and `test`, one value an epoch.

    The training figures are means over the epoch's batches as the network stood at each of them,
    with dropout and augmentation as trained.

    Args:
        label_smoothing: share of the target spread evenly over the classes in training.
        settings: those of `OneNet`, whose net maps inputs to logits (batch, num_classes).
    """

    def __init__(self, *args: Any, label_smoothing: float = 0.0, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.label_smoothing = label_smoothing
        self.confusion: Tensor | None = None  # (true class, predicted class) counts of the last test

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        inputs, labels = batch
        logits = self.net(inputs)
        loss = self.criterion(at_least_float32(logits), labels)
        self.sums.add("train", len(labels), num_hits(logits, labels), loss=loss)
        return loss

    def criterion(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The training loss of a batch."""
        return F.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        self._evaluate(batch, self.val_splits[dataloader_idx])

    def on_test_epoch_start(self) -> None:
        self.confusion = None

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        logits = self._evaluate(batch, "test")
        num_classes = logits.shape[1]
        cells = batch[1] * num_classes + logits.argmax(1)
        counts = torch.bincount(cells, minlength=num_classes**2).view(num_classes, num_classes)
        self.confusion = counts if self.confusion is None else self.confusion + counts

    def _evaluate(self, batch: Batch, split: str) -> Tensor:
        inputs, labels = batch
        logits = self.net(inputs)
        loss = F.cross_entropy(at_least_float32(logits), labels)
        self.sums.add(split, len(labels), num_hits(logits, labels), loss=loss)
        return logits
