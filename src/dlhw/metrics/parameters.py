"""Counting a network's parameters."""

from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrize import ParametrizationList


def num_parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def count_parameters(net: nn.Module) -> dict[str, Any]:
    """The number of parameters in all, and of each layer that has some of its own."""
    layers = []
    for name, layer in net.named_modules():
        own = sum(parameter.numel() for parameter in own_parameters(layer))
        if own:
            layers.append([name, describe_layer(layer), own])
    counts = [(parameter.numel(), parameter.requires_grad) for parameter in net.parameters()]
    trainable = sum(number for number, requires_grad in counts if requires_grad)
    return {"total": sum(number for number, _ in counts), "trainable": trainable, "layers": layers}


def own_parameters(layer: nn.Module) -> Iterator[nn.Parameter]:
    """A layer's parameters without those of its sublayers; a parametrized weight is the layer's, not a sublayer's."""
    if isinstance(layer, ParametrizationList):
        return
    yield from layer.parameters(recurse=False)
    if parametrize.is_parametrized(layer):
        assert isinstance(layer.parametrizations, nn.ModuleDict)
        yield from layer.parametrizations.parameters()


def describe_layer(layer: nn.Module) -> str:
    """`Linear 784 -> 100`, `Conv2d 1 -> 16, 5 x 5`."""
    kind = parametrize.type_before_parametrizations(layer).__name__
    for inputs, outputs in (("in_features", "out_features"), ("in_channels", "out_channels")):
        if hasattr(layer, inputs):
            kind += f" {getattr(layer, inputs)} -> {getattr(layer, outputs)}"
    if hasattr(layer, "in_channels"):
        assert isinstance(layer.kernel_size, tuple)
        kind += ", " + " x ".join(str(size) for size in layer.kernel_size)
    return kind
