"""Folding batch normalisation into the Linear layer beside it."""

import copy
from collections import Counter

import torch
from torch import Tensor, nn

from dlhw.lowrank.layers import dense_linear


def fold_batch_norm(model: nn.Module) -> nn.Module:
    """A copy of the model without the BatchNorm1d layers that stand directly after or before a Linear one.

    In evaluation BatchNorm is the affine map s * x + t, with s = gamma / sqrt(var + eps) and t = beta - s *
    mean, which the Linear layer takes in: W' = diag(s) W, b' = s * b + t after it, and W' = W diag(s), b' = b
    + W t before it. The outputs in evaluation mode stay the same up to rounding, for inputs of shape (batch,
    features). Pairs are looked for in every nn.Sequential; a module that the model uses in several places is
    left alone, and so is BatchNorm without running statistics.
    """
    model = copy.deepcopy(model)
    uses = Counter(id(module) for _, module in model.named_modules(remove_duplicate=False))
    for sequential in [module for module in model.modules() if isinstance(module, nn.Sequential)]:
        children: list[tuple[str, nn.Module]] = []
        for name, module in zip(sequential._modules, sequential, strict=True):
            previous_name, previous = children[-1] if children else ("", nn.Identity())
            merged = _merge(previous, module) if uses[id(previous)] == uses[id(module)] == 1 else None
            if merged is None:
                children.append((name, module))
            else:
                children[-1] = (previous_name if isinstance(previous, nn.Linear) else name, merged)
                uses[id(merged)] = 1
        _set_children(sequential, children)
    return model


def _merge(first: nn.Module, second: nn.Module) -> nn.Linear | None:
    """One Linear layer for Linear + BatchNorm1d or BatchNorm1d + Linear, None for any other pair."""
    if type(first) is nn.Linear and type(second) is nn.BatchNorm1d and second.running_mean is not None:
        scale, shift = _affine(second)
        bias = shift if first.bias is None else scale * first.bias.detach() + shift
        return dense_linear(scale[:, None] * first.weight.detach(), bias).train(first.training)
    if type(first) is nn.BatchNorm1d and type(second) is nn.Linear and first.running_mean is not None:
        scale, shift = _affine(first)
        bias = second.weight.detach() @ shift
        bias = bias if second.bias is None else bias + second.bias.detach()
        return dense_linear(second.weight.detach() * scale, bias).train(second.training)
    return None


def _affine(norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """Scale and shift (features,) of BatchNorm with its running statistics."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = torch.rsqrt(norm.running_var + norm.eps)
    shift = -scale * norm.running_mean
    if norm.affine:
        scale, shift = scale * norm.weight.detach(), shift * norm.weight.detach() + norm.bias.detach()
    return scale, shift


def _set_children(sequential: nn.Sequential, children: list[tuple[str, nn.Module]]) -> None:
    """Numbers children anew, so that the state dict is that of a model built without BatchNorm."""
    numbered = all(name.isdigit() for name, _ in children)
    sequential._modules.clear()
    for index, (name, module) in enumerate(children):
        sequential._modules[str(index) if numbered else name] = module
