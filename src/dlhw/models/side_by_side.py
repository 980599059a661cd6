"""Networks that differ in their initialisation alone, trained side by side on the same batches."""

from typing import Any

import torch
from torch import Tensor, nn

from dlhw.models.classifier import Batch, Classifier
from dlhw.nets.initialise import initialised_anew


class SideBySide(nn.Module):
    """Networks of one architecture as one: inputs (batch, ...) to logits (num_nets * batch, classes).

    The first network is the given one; the others are copies, initialised anew from torch's global generator.
    """

    def __init__(self, net: nn.Module, num_nets: int) -> None:
        super().__init__()
        self.nets = nn.ModuleList([net, *(initialised_anew(net) for _ in range(num_nets - 1))])

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([net(x) for net in self.nets])


class SideBySideClassifier(Classifier):
    """Trains `inits` networks on the sum of their cross entropies; what it logs are means over the networks.

    No network's loss depends on another's parameters, so an optimizer that acts on each parameter by itself (SGD,
    Adam), at rates that do not depend on the loss, trains each as it would be trained alone.

    Args:
        net: the first network.
        inits: how many networks.
        settings: those of `Classifier`.
    """

    def __init__(self, net: nn.Module, *, inits: int = 1, **settings: Any) -> None:
        super().__init__(SideBySide(net, inits), **settings)
        self.inits = inits

    @property
    def nets(self) -> list[nn.Module]:
        assert isinstance(self.net, SideBySide)
        return list(self.net.nets)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        return self.inits * super().training_step(self._for_each(batch), batch_idx)  # the mean's gradient, undivided

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        super().validation_step(self._for_each(batch), batch_idx, dataloader_idx)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        super().test_step(self._for_each(batch), batch_idx)

    def _for_each(self, batch: Batch) -> Batch:
        inputs, labels = batch
        return inputs, labels.repeat(self.inits)  # (num_nets * batch,)
