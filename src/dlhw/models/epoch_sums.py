"""Means over an epoch, without a synchronisation with the host, or any arithmetic, before the epoch's end."""

import torch
from torch import Tensor


class EpochSums:
    """Gathers each split's losses and hits by batch, as tensors that stay where they are."""

    def __init__(self) -> None:
        self.batches: dict[str, list[tuple[Tensor, Tensor, int]]] = {}

    @torch.no_grad()
    def add(self, split: str, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Add a batch: `loss` is its mean loss, logits (batch, classes), labels (batch,)."""
        hits = (logits.argmax(1) == labels).sum()
        self.batches.setdefault(split, []).append((loss.detach(), hits, len(labels)))

    def pop(self, split: str) -> dict[str, Tensor]:
        """The split's mean loss and accuracy over what was added, if anything was; then start anew."""
        batches = self.batches.pop(split, [])
        if not batches:
            return {}
        losses, hits = (torch.stack(column).double() for column in list(zip(*batches, strict=True))[:2])
        counts = losses.new_tensor([count for _, _, count in batches])
        return {f"{split}/loss": losses @ counts / counts.sum(), f"{split}/acc": hits.sum() / counts.sum()}
