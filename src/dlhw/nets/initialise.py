"""The same network, initialised anew."""

import copy

from torch import nn


def initialised_anew(net: nn.Module) -> nn.Module:
    """A copy with parameters drawn from torch's global generator by each layer's own `reset_parameters`."""
    fresh = copy.deepcopy(net)
    for layer in fresh.modules():
        reset = getattr(layer, "reset_parameters", None)
        if callable(reset):
            reset()
    return fresh
