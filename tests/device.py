"""A device that no machine has: its tensors lie in the CPU's memory, but mix with the CPU's as little as a GPU's do."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from pytorch_lightning.accelerators import CPUAccelerator
from pytorch_lightning.strategies import SingleDeviceStrategy
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from dlhw import lowrank, precision

DEVICE = torch.device("meta")  # which torch lets through everywhere, as it does not with one that is not there
DOUBLES = {torch.float64, torch.complex128}
# What takes tensors of two devices: copies from one to the other, indices and lengths that are the CPU's
MIXING = {
    torch.ops.aten.copy_.default,
    torch.ops.aten._to_copy.default,
    torch.ops.aten.index.Tensor,
    torch.ops.aten.index_put_.default,
    torch.ops.aten._index_put_impl_.default,
    torch.ops.aten._pack_padded_sequence.default,
}


class Elsewhere(Tensor):
    """A tensor of that device; `values` are what it holds."""

    values: Tensor
    is_meta = False  # torch would warn that nothing can be copied to such tensors

    @staticmethod
    def __new__(cls, values: Tensor) -> "Elsewhere":
        made = Tensor._make_wrapper_subclass(
            cls, values.shape, strides=values.stride(), storage_offset=values.storage_offset(), dtype=values.dtype,
            device=DEVICE,
        )  # fmt: skip
        made.values = values
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError("used outside of `device`")

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec)

    def tolist(self) -> Any:
        return self.values.tolist()

    def __reduce_ex__(self, protocol: Any) -> Any:  # what is saved is what a device's tensor is when loaded to the CPU
        return self.values.detach().requires_grad_(self.requires_grad).__reduce_ex__(protocol)


class Emulation(TorchDispatchMode):
    def __init__(self, has_float64: bool) -> None:
        super().__init__()
        self.has_float64 = has_float64

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        ours = [tensor for tensor in given if isinstance(tensor, Elsewhere)]
        asked = kwargs.get("device")
        if not ours and (asked is None or torch.device(asked).type != DEVICE.type):
            return func(*args, **kwargs)
        if ours and kwargs.get("dtype") in DOUBLES and not self.has_float64:
            raise TypeError(f"Cannot convert a tensor of a device that has no float64: {func}")
        if ours and func not in MIXING:
            strangers = [tensor for tensor in given if not isinstance(tensor, Elsewhere) and tensor.dim()]
            if strangers:
                raise RuntimeError(f"Expected all tensors to be on the same device: {func} of {strangers[0].shape}")
        wrappers = {id(tensor.values): tensor for tensor in ours}

        def wrapped(result: Any) -> Any:
            if not isinstance(result, Tensor):
                return result
            if id(result) in wrappers:
                return wrappers[id(result)]
            if any(result is tensor for tensor in given):  # a tensor of the CPU that was written to
                return result
            if result.dtype in DOUBLES and not self.has_float64:
                raise TypeError(f"Cannot make a float64 tensor on a device that has none: {func}")
            return Elsewhere(result)

        plain = tree_map(lambda leaf: leaf.values if isinstance(leaf, Elsewhere) else leaf, (args, kwargs))
        if asked is not None:
            plain[1]["device"] = torch.device("cpu")
        result = func(*plain[0], **plain[1])
        leaves = asked is not None and torch.device(asked).type == "cpu"
        return result if leaves else tree_map(wrapped, result)


class Calls(TorchFunctionMode):
    """What torch decides before it dispatches: whose generator it is, and that nothing needs to be copied to `meta`."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is Tensor.new_tensor:
            kwargs = {"device": args[0].device, "dtype": args[0].dtype, **kwargs}
            func, args = torch.tensor, args[1:]
        if func in (torch.tensor, torch.as_tensor):
            asked = kwargs.pop("device", None)
            made = func(*args, **kwargs)
            return made if asked is None else made.to(asked)
        if func in (Tensor.__getitem__, Tensor.__setitem__):
            places = args[1] if isinstance(args[1], tuple) else (args[1],)
            places = tuple(torch.tensor(place) if isinstance(place, list) else place for place in places)
            return func(args[0], places, *args[2:])
        generator = kwargs.get("generator")
        if generator is not None:
            first = next((leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)), torch.empty(0))
            where = torch.device(kwargs.get("device") or first.device)
            if generator.device.type != where.type:
                raise RuntimeError(f"Expected a generator of {where}, but it is of {generator.device}: {func}")
        return func(*args, **kwargs)


class AnyGenerator(torch.Generator):
    """A generator of any device, drawing as the CPU's."""

    device: Any = None

    def __new__(cls, device: Any = "cpu") -> "AnyGenerator":
        made = super().__new__(cls, "cpu")
        made.device = torch.device(device)
        return made


@contextmanager
def device(patch: pytest.MonkeyPatch, has_float64: bool = True) -> Iterator[torch.device]:
    """What runs in it finds that device, and Lightning's trainers of one CPU train on it."""
    patch.setattr(torch, "Generator", AnyGenerator)
    patch.setattr(SingleDeviceStrategy, "root_device", property(lambda _: DEVICE))
    patch.setattr(torch, "inference_mode", lambda mode=True: torch.no_grad() if mode else nullcontext())
    for name in ("SGD", "Adam", "AdamW"):  # fused kernels exist for known devices alone
        make = getattr(torch.optim, name)
        patch.setattr(torch.optim, name, lambda *args, make=make, **kwargs: make(*args, **{**kwargs, "fused": False}))
    autocast, is_enabled = torch.autocast, torch.is_autocast_enabled
    patch.setattr(torch, "autocast", lambda kind, *args, **kwargs: autocast("cpu", *args, **kwargs))
    patch.setattr(torch, "is_autocast_enabled", lambda kind="cpu": is_enabled("cpu"))
    patch.setattr(CPUAccelerator, "setup_device", lambda self, device: None)
    if not has_float64:
        for module in (precision, lowrank.svd):
            patch.setattr(module, "WITHOUT_FLOAT64", {DEVICE.type})
    with Emulation(has_float64), Calls():
        yield DEVICE
