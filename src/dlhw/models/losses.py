"""Losses that wrong labels mislead less than cross entropy."""

from torch import Tensor, nn
from torch.nn import functional as F

from dlhw.errors import UserError


class GeneralisedCrossEntropy(nn.Module):
    """Mean of (1 - p^q) / q, p the probability given to the label (Zhang and Sabuncu, arXiv:1805.07836, eq. 6).

    Between cross entropy (q towards 0) and the mean absolute error (q = 1): examples whose label the network finds
    unlikely pull with a weight of p^q instead of 1.
    """

    def __init__(self, q: float) -> None:
        super().__init__()
        if not 0 < q <= 1:
            raise UserError(f"model.loss.q={q}: must be larger than 0 and at most 1")
        self.q = q

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        log_p = -F.cross_entropy(logits, labels, reduction="none")  # (batch,)
        return ((1 - (self.q * log_p).exp()) / self.q).mean()
