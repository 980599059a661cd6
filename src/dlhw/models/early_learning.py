"""A classifier that is held to what it believed early on."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from dlhw.models.classifier import Classifier
from dlhw.models.epoch_sums import num_hits


class EarlyLearning(Classifier):
    """Early-learning regularisation (Liu et al., arXiv:2007.00151, eq. 4 and 6).

    Cross entropy + strength * mean log(1 - <p, t>), where t is the running mean of the network's own outputs for the
    example: they are right early on, and the term pulls against memorising a label that contradicts them.

    Args:
        strength: the weight of the second term.
        momentum: of the running mean of the outputs.
    """

    def __init__(self, *args: Any, strength: float, momentum: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.strength, self.momentum = strength, momentum
        self.targets: Tensor | None = None  # (num_examples, classes)

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor], batch_idx: int) -> Tensor:  # type: ignore[override]
        inputs, labels, rows = batch
        logits = self.net(inputs)
        probabilities = logits.softmax(1).clamp(1e-4, 1 - 1e-4)
        targets = self._update(rows, probabilities.detach())
        agreement = (probabilities * targets).sum(1)  # (batch,)
        loss = F.cross_entropy(logits, labels) + self.strength * torch.log1p(-agreement).mean()
        self.sums.add("train", len(labels), num_hits(logits, labels), loss=loss)
        return loss

    def _update(self, rows: Tensor, probabilities: Tensor) -> Tensor:
        if self.targets is None:
            num_examples = len(self.trainer.datamodule.parts["train"][1])  # type: ignore[attr-defined]
            self.targets = probabilities.new_zeros(num_examples, probabilities.shape[1])
        self.targets = self.targets.to(probabilities.device)  # a checkpoint brings them back on the CPU
        probabilities = probabilities / probabilities.sum(1, keepdim=True)
        self.targets[rows] = self.momentum * self.targets[rows] + (1 - self.momentum) * probabilities
        return self.targets[rows]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["early_learning_targets"] = self.targets

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.targets = checkpoint["early_learning_targets"]
