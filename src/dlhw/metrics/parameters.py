"""Counting a network's parameters."""

from typing import Any

from torch import nn


def num_parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def count_parameters(net: nn.Module) -> dict[str, Any]:
    """The number of parameters in all, and of each layer that has some of its own."""
    layers = []
    for name, layer in net.named_modules():
        own = sum(parameter.numel() for parameter in layer.parameters(recurse=False))
        if own:
            layers.append([name, describe_layer(layer), own])
    counts = [(parameter.numel(), parameter.requires_grad) for parameter in net.parameters()]
    trainable = sum(number for number, requires_grad in counts if requires_grad)
    return {"total": sum(number for number, _ in counts), "trainable": trainable, "layers": layers}


def describe_layer(layer: nn.Module) -> str:
    kind = type(layer).__name__
    sizes = (getattr(layer, "in_features", None), getattr(layer, "out_features", None))
    return f"{kind} {sizes[0]} -> {sizes[1]}" if None not in sizes else kind
