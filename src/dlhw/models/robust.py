"""A classifier trained with another loss than cross entropy."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from dlhw.models.classifier import Classifier


class RobustClassifier(Classifier):
    """`loss` maps logits (batch, classes) and labels (batch,) to a scalar; what is reported stays cross entropy
    everywhere but in `train/loss`.
    """

    def __init__(self, *args: Any, loss: Callable[[Tensor, Tensor], Tensor], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.loss = loss

    def criterion(self, logits: Tensor, labels: Tensor) -> Tensor:
        return self.loss(logits, labels)
