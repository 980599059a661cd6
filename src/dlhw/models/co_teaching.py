"""Two networks that choose each other's examples."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlhw.models.classifier import Batch, Classifier
from dlhw.models.epoch_sums import num_hits
from dlhw.nets.initialise import initialised_anew


class CoTeaching(Classifier):
    """Co-teaching (Han et al., arXiv:1804.06872): of each batch either network picks the examples of smallest loss,
    and the other one learns from them.

    Wrong labels have large losses as long as they are not memorised, and two networks do not share their mistakes.
    The first network is the one that is tested.

    Args:
        forget_rate: the share of a batch that is left out, which should be the share of wrong labels.
        ramp: epochs over which that share grows from 0, since the first losses tell little.
    """

    def __init__(self, net: nn.Module, *args: Any, forget_rate: float, ramp: int = 10, **kwargs: Any) -> None:
        super().__init__(net, *args, **kwargs)
        self.forget_rate, self.ramp = forget_rate, ramp
        self.peer = initialised_anew(net)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        inputs, labels = batch
        logits, peer_logits = self.net(inputs), self.peer(inputs)
        losses = F.cross_entropy(logits, labels, reduction="none")  # (batch,)
        peer_losses = F.cross_entropy(peer_logits, labels, reduction="none")
        num_kept = max(1, round(len(labels) * (1 - self.forgotten)))
        chosen = torch.topk(losses.detach(), num_kept, largest=False).indices
        peer_chosen = torch.topk(peer_losses.detach(), num_kept, largest=False).indices
        loss = losses[peer_chosen].mean()
        self.sums.add("train", len(labels), num_hits(logits, labels), loss=loss)
        return loss + peer_losses[chosen].mean()

    @property
    def forgotten(self) -> float:
        """The share of a batch that this epoch leaves out."""
        return self.forget_rate * min(1.0, self.current_epoch / self.ramp)
