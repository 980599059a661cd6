"""Labels made wrong on purpose, at an exact rate."""

import torch
from torch import Tensor

# Which class is mistaken for which: those of the literature on MNIST (Patrini et al., arXiv:1609.03683), garments that
# look alike, and each class for the next one (co-teaching's "pair flip"), which fits any data
MISTAKES: dict[str, dict[int, int]] = {
    "mnist": {2: 7, 3: 8, 5: 6, 6: 5, 7: 1},
    "fashion": {0: 6, 2: 4, 4: 2, 5: 7, 6: 0, 7: 9, 9: 7},
}


class LabelNoise:
    """Flips a share of the labels.

    Args:
        rate: the share of labels that are flipped; of each class that can be mistaken, where `flip` is not symmetric.
        flip: symmetric (to one of the other classes, all equally likely), next (to the class after it, the last one
            to the first), or one of `MISTAKES`.
    """

    def __init__(self, rate: float, flip: str = "symmetric") -> None:
        self.rate, self.flip = rate, flip

    def __call__(self, labels: Tensor, num_classes: int, generator: torch.Generator) -> Tensor:
        """A copy of `labels` (num,) in which round(rate * num), a random choice of them, are wrong."""
        noisy = labels.clone()
        if self.flip == "symmetric":
            rows = self._choose(torch.arange(len(labels)), generator)
            step = torch.randint(1, num_classes, (len(rows),), generator=generator)
            noisy[rows] = (labels[rows] + step) % num_classes
            return noisy
        for wrong_of, taken_for in self._mistakes(num_classes).items():
            rows = self._choose((labels == wrong_of).nonzero()[:, 0], generator)
            noisy[rows] = taken_for
        return noisy

    def _choose(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        chosen = torch.randperm(len(rows), generator=generator)[: round(self.rate * len(rows))]
        return rows[chosen]

    def _mistakes(self, num_classes: int) -> dict[int, int]:
        if self.flip == "next":
            return {label: (label + 1) % num_classes for label in range(num_classes)}
        return {one: other for one, other in MISTAKES[self.flip].items() if max(one, other) < num_classes}
