"""Means over an epoch, summed on the device: no synchronisation with the host before the epoch's end."""

import torch
from torch import Tensor


class EpochSums:
    """Sums of (loss, correct, count) by split."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}

    @torch.no_grad()
    def add(self, split: str, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Add a batch: `loss` is its mean loss, logits (batch, classes), labels (batch,)."""
        correct = (logits.argmax(1) == labels).sum()
        count = len(labels)
        batch = torch.stack([loss.detach().float() * count, correct.float(), correct.new_tensor(count).float()])
        self.sums[split] = batch.double() + self.sums[split] if split in self.sums else batch.double()

    def pop(self, split: str) -> dict[str, Tensor]:
        """The split's mean loss and accuracy, and start anew."""
        loss, correct, count = self.sums.pop(split)
        return {f"{split}/loss": loss / count, f"{split}/acc": correct / count}
