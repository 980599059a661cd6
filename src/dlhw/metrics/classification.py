"""Judging a classifier on a whole part of the data."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlhw.precision import at_least_float32


@dataclass(frozen=True)
class Evaluation:
    """Mean cross entropy in nats, and counts (true class, predicted class)."""

    loss: float
    confusion: Tensor

    @property
    def accuracy(self) -> float:
        return (self.confusion.diagonal().sum() / self.confusion.sum()).item()


@torch.no_grad()
def evaluate(net: nn.Module, batches: Iterable[tuple[Tensor, ...]]) -> Evaluation:
    """Run `net` in evaluation mode over batches of (inputs, labels); its mode is restored afterwards."""
    was_training = net.training
    net.eval()
    total, confusion = 0.0, torch.zeros(0)
    for inputs, labels in batches:
        logits = at_least_float32(net(inputs))
        num_classes = logits.shape[1]
        total += F.cross_entropy(logits, labels, reduction="sum").item()
        cells = torch.bincount(labels * num_classes + logits.argmax(1), minlength=num_classes**2)
        counts = cells.view(num_classes, num_classes)
        confusion = counts if confusion.numel() == 0 else confusion + counts
    net.train(was_training)
    return Evaluation(total / max(1, int(confusion.sum())), confusion)
