"""A network that is used in training mode and stays as it is."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize


@contextmanager
def frozen(net: nn.Module) -> Iterator[None]:
    """Within it, passes through the network in training mode, forward and backward, leave all of it as it is.

    Its parameters get no gradients, BatchNorm normalises by the batch's statistics and keeps no record of them, and
    spectral normalisation makes no step of its power iteration. Dropout drops as ever.
    """
    parameters = [parameter for parameter in net.parameters() if parameter.requires_grad]
    norms = [layer for layer in net.modules() if isinstance(layer, _BatchNorm) and layer.track_running_stats]
    normalised = [layer.parametrizations for layer in net.modules() if parametrize.is_parametrized(layer)]
    was_training = net.training
    for parameter in parameters:
        parameter.requires_grad_(False)
    for norm in norms:
        norm.track_running_stats = False
    for parametrizations in normalised:
        parametrizations.eval()  # type: ignore[union-attr]
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
        for norm in norms:
            norm.track_running_stats = True
        for parametrizations in normalised:
            parametrizations.train(was_training)  # type: ignore[union-attr]
