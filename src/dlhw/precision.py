"""What numbers are computed in: never in half precision where they are summed, and in float64 where a device has it.

Apple's GPUs have none: what needs it is computed on the CPU there.
"""

import torch
from torch import Tensor

WITHOUT_FLOAT64 = {"mps"}  # types of devices


def at_least_float32(tensor: Tensor) -> Tensor:
    """The tensor, float32 where it was of half precision, as autocast leaves it."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def double(tensor: Tensor) -> Tensor:
    """The tensor in float64, on its device where that has it, else on the CPU."""
    return (tensor.cpu() if tensor.device.type in WITHOUT_FLOAT64 else tensor).double()


def widest(device: torch.device) -> torch.dtype:
    """The most precise floats that a device has."""
    return torch.float32 if device.type in WITHOUT_FLOAT64 else torch.float64
