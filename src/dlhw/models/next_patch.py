"""Training a recurrent network to predict the next patch of an image."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from dlhw.models.one_net import OneNet
from dlhw.nets.patch_rnn import NUM_PATCHES, PatchRNN, to_patches
from dlhw.precision import at_least_float32

NUM_KNOWN = NUM_PATCHES // 2  # patches: the top half of an image
NUM_FREE = NUM_PATCHES - NUM_KNOWN

Batch = tuple[Tensor, Tensor]  # images (batch, 1, 28, 28) in 0..1, labels; the labels are not looked at


def squared_errors(logits: Tensor, targets: Tensor) -> Tensor:
    return (logits.sigmoid() - targets).square()


def cross_entropies(logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross entropies in nats; least where the probability is the target, a grey one too."""
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none")


DISTANCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"mse": squared_errors, "bce": cross_entropies}


class NextPatch(OneNet):
    """Minimises the distance of each predicted patch to the one that follows, summed over patches and pixels.

    Logged, one value an epoch: `loss`, that sum over patches 2 to 16 in the mean of the images (assignment, equation
    14), the network being fed with the true patches; `mse`, the mean squared error per pixel of the same predictions;
    of training on own predictions `free_loss`, that sum over the bottom half; and after each epoch `free_mse`, the mean
    squared error per pixel of the bottom half when the network has seen the top half alone and goes on from its own
    predictions, not drawn (equations 15 to 19).

    Args:
        distance: of a pixel: mse, its squared error, or bce, its binary cross entropy in nats.
        free_weight: of the same sum over the bottom half as the network generates it, added in training, the gradient
            going through what is fed back: then it is trained on what it is fed with when it completes an image. 0
            leaves it out. (Bengio et al., 2015, "Scheduled sampling", feed predictions at random steps instead.)
        feedback: what completions are made of and fed with: mean, the predicted probabilities, or sample, draws of
            them.
        settings: those of `OneNet`.
    """

    net: PatchRNN

    def __init__(
        self, *args: Any, distance: str = "mse", free_weight: float = 0.0, feedback: str = "mean", **settings: Any
    ) -> None:
        super().__init__(*args, **settings)
        self.distance, self.free_weight, self.feedback = DISTANCES[distance], free_weight, feedback

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        patches = to_patches(batch[0])
        means = self.teacher_forced(patches) if not self.free_weight else self.both_ways(patches)
        self.sums.add("train", len(patches), **means)
        return means["loss"] + self.free_weight * means.get("free_loss", 0.0)

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        patches = to_patches(batch[0])
        free_mse = F.mse_loss(self.net.complete(patches[:, :NUM_KNOWN]), patches[:, NUM_KNOWN:])
        split = self.val_splits[dataloader_idx]
        self.sums.add(split, len(patches), **self.teacher_forced(patches), free_mse=free_mse)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self.sums.add("test", len(batch[0]), **self.teacher_forced(to_patches(batch[0])))

    def teacher_forced(self, patches: Tensor) -> dict[str, Tensor]:
        """`loss` and `mse` of the predictions from the true patches (batch, 16, 49), in one pass."""
        return self._means(self.net(patches[:, :-1])[0], patches[:, 1:])

    def both_ways(self, patches: Tensor) -> dict[str, Tensor]:
        """Besides those `free_loss`, of the bottom half from the state after the top half on; that state is shared."""
        top, bottom = patches[:, :NUM_KNOWN], patches[:, NUM_KNOWN:]
        logits, state = self.net(top)
        forced, _ = self.net(bottom[:, :-1], state)
        _, free = self.net.continued(logits[:, -1:], state, NUM_FREE - 1)
        means = self._means(torch.cat([logits, forced], 1), patches[:, 1:])
        return means | {"free_loss": self.distance(free, bottom).sum() / len(patches)}

    def _means(self, logits: Tensor, targets: Tensor) -> dict[str, Tensor]:
        logits = at_least_float32(logits)
        mse = squared_errors(logits.detach(), targets).mean()
        loss = self.distance(logits, targets).sum() / len(targets)
        return {"loss": loss, "mse": mse}

    def complete(self, top: Tensor, generator: torch.Generator) -> Tensor:
        """The bottom half's patches (batch, 8, 49) for those of the top half, fed back as `feedback` says."""
        return self.net.complete(top, NUM_FREE, generator if self.feedback == "sample" else None)
