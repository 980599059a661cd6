"""Checkpoints: written whole or not at all, read as plain tensors only, refused with a reason."""

import io
import json
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import Tensor, nn

from dlhw.errors import UserError
from dlhw.files import write_atomically
from dlhw.run_folder import content_of, own_network


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes to a temporary name and renames: a full disk or a kill leaves the previous checkpoint as it was."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        try:
            write_atomically(Path(path), buffer.getvalue())
        except OSError as error:
            raise UserError(
                f"the checkpoint {path} could not be written ({error.strerror}); the previous one is unharmed; "
                "make room and go on with resume=<the run's folder>"
            ) from error


def load(path: Path) -> dict[str, Any]:
    """A checkpoint's content, tensors and plain values only.

    Raises:
        UserError: there is no such file, or it is not a whole checkpoint.
    """
    if not path.is_file():
        raise UserError(f"there is no checkpoint {path}")
    refused = f"the checkpoint {path} is corrupt or not one of dlhw's; delete the run it belongs to and run again"
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, KeyError, OSError, pickle.UnpicklingError) as error:
        raise UserError(refused) from error
    if not isinstance(content, dict) or "state_dict" not in content:
        raise UserError(refused)
    return content


def check_fits(state: dict[str, Tensor], module: nn.Module, path: Path) -> None:
    """Refuse weights of another architecture, naming the first difference."""
    own = module.state_dict()
    for name in dict.fromkeys([*own, *state]):
        if name not in state or name not in own:
            where = "missing from the checkpoint" if name not in state else "unknown to the network"
            raise UserError(f"the checkpoint {path} is of another architecture: {name} is {where}")
        if state[name].shape != own[name].shape:
            raise UserError(
                f"the checkpoint {path} is of another architecture: {name} has shape "
                f"{tuple(state[name].shape)} there and {tuple(own[name].shape)} here"
            )


def load_net(path: Path, net: nn.Module, prefixes: Sequence[str] = ("net.",)) -> nn.Module:
    """Put the weights of the network that a run trained into `net`.

    Args:
        prefixes: of the names that its weights have in the checkpoint; the first that occurs there counts.
    """
    weights = load(path)["state_dict"]
    prefix = next((prefix for prefix in prefixes if any(name.startswith(prefix) for name in weights)), prefixes[-1])
    state = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    check_fits(state, net, path)
    net.load_state_dict(state)
    return net


def load_to_use(path: Path, net: nn.Module, what: str, prefixes: Sequence[str] = ("net.",)) -> nn.Module:
    """As `load_net`, in evaluation mode and without gradients.

    Raises:
        UserError: as there, or the weights of the network, which `what` names, are not finite.
    """
    load_net(path, net, prefixes)
    if not all(weights.isfinite().all() for weights in net.state_dict().values()):
        raise UserError(f"the {what} in {path} has weights that are not finite; train it at a lower rate")
    return net.eval().requires_grad_(False)


def tested(folder: Path) -> Path:
    """The checkpoint that a finished run was tested with; its last one where nothing chose."""
    path = json.loads((folder / "results.json").read_text())["checkpoint"]["path"]
    return folder / (path or "checkpoints/last.ckpt")


def trained_net(folder: Path) -> nn.Module:
    """The network of a finished run as it was tested, in evaluation mode.

    Raises:
        UserError: its config cannot be read, or would have something else called than what is shipped or trusted; its
            checkpoint is damaged or of another architecture.
    """
    file = folder / "config.yaml"
    net: nn.Module = instantiate(own_network(content_of(file), file, "model", "net"))
    return load_net(tested(folder), net).eval()
