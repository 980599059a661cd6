"""Finding the Linear layers of a model by name, and putting other modules in their places."""

import difflib
from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase

from torch import nn

from dlhw.lowrank.layers import LowRankLinear


def linear_layers(model: nn.Module, skip: str | Collection[str] = ()) -> dict[str, nn.Linear]:
    """The model's compressible layers by name, in the model's order, a shared one once (its first name).

    These are the modules of type nn.Linear itself. Subclasses are left alone, because their owner may read
    their weight directly (nn.MultiheadAttention does), and so are layers whose weight a module of another
    kind owns too (a tied embedding), because the dense matrix would have to stay, and the two factors of a
    LowRankLinear. `skip` holds names or glob patterns of layers, or of modules that contain them, to leave
    out. Raises ValueError if a pattern matches nothing or no layer is left.
    """
    owned_elsewhere = {
        id(parameter) for module in model.modules() if type(module) is not nn.Linear
        for parameter in module.parameters(recurse=False)
    }  # fmt: skip
    factors = {part for module in model.modules() if isinstance(module, LowRankLinear) for part in module.children()}
    layers = {
        name: module for name, module in model.named_modules()
        if type(module) is nn.Linear and module not in factors and id(module.weight) not in owned_elsewhere
    }  # fmt: skip
    patterns = (skip,) if isinstance(skip, str) else tuple(skip)
    all_names = [name for name, _ in model.named_modules(remove_duplicate=False) if name]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in all_names):
            raise unknown_name("skip", pattern, layers)
    kept = {name: layer for name, layer in layers.items() if not any(_matches(name, p) for p in patterns)}
    if not kept:
        raise ValueError(
            f"nothing to compress: all of the model's Linear layers ({', '.join(layers)}) are skipped"
            if layers
            else "nothing to compress: the model has no plain nn.Linear layer"
        )
    return kept


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")


def unknown_name(argument: str, name: str, known: Iterable[str]) -> ValueError:
    """The error for a layer's name that the model does not have; it offers the near names."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known[:10]
    return ValueError(f"{argument}: the model has no layer named {name!r}; did you mean {', '.join(near)}?")


def tied_groups(layers: Mapping[str, nn.Linear]) -> dict[str, list[nn.Linear]]:
    """The layers grouped by the weight parameter that they share, each group under its first layer's name."""
    first_names: dict[int, str] = {}
    groups: dict[str, list[nn.Linear]] = {}
    for name, layer in layers.items():
        groups.setdefault(first_names.setdefault(id(layer.weight), name), []).append(layer)
    return groups


def replace_modules(model: nn.Module, new: Mapping[nn.Module, nn.Module]) -> nn.Module:
    """The model with each module that is a key of `new` replaced, in place, wherever it occurs."""
    if model in new:
        return new[model].train(model.training)
    for parent in list(model.modules()):
        for name, child in list(parent._modules.items()):  # named_children() would leave out repeated ones
            if child is not None and child in new:
                setattr(parent, name, new[child].train(child.training))
    return model
