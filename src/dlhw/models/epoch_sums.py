"""Means over an epoch, without a synchronisation with the host, or any arithmetic, before the epoch's end."""

import torch
from torch import Tensor

from dlhw.precision import double


class EpochSums:
    """Gathers each split's losses, and a classifier's hits, by batch, as tensors that stay where they are."""

    def __init__(self) -> None:
        self.batches: dict[str, list[tuple[int, dict[str, Tensor], Tensor | None]]] = {}

    def add(self, split: str, count: int, hits: Tensor | None = None, **means: Tensor) -> None:
        """Add a batch of `count` examples: means over it, and how many of them were classified rightly."""
        kept = {name: mean.detach() for name, mean in means.items()}
        self.batches.setdefault(split, []).append((count, kept, hits))

    def pop(self, split: str) -> dict[str, Tensor]:
        """The split's mean of each quantity, and accuracy, over what was added, if anything was; then start anew."""
        batches = self.batches.pop(split, [])
        if not batches:
            return {}
        counts, means, hits = zip(*batches, strict=True)
        columns = {name: double(torch.stack([mean[name] for mean in means])) for name in means[0]}
        weights = next(iter(columns.values())).new_tensor(counts)
        result = {f"{split}/{name}": column @ weights / weights.sum() for name, column in columns.items()}
        if hits[0] is not None:
            result[f"{split}/acc"] = double(torch.stack(hits)).sum() / weights.sum()
        return result


@torch.no_grad()
def num_hits(logits: Tensor, labels: Tensor) -> Tensor:
    """How many of the classes with the largest logits (batch, classes) are the labels (batch,)."""
    return (logits.argmax(1) == labels).sum()
