"""Checkpoints: written whole or not at all, read as plain tensors only, refused with a reason."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

import torch
from hydra.utils import instantiate
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import Tensor, nn

from dlhw.errors import UserError
from dlhw.files import inside, memory, read_json, write_atomically
from dlhw.run_folder import at, content_of, own_network

PATHS = ("best_model_path", "kth_best_model_path", "last_model_path")  # in the state of Lightning's ModelCheckpoint
CORRUPT = "the checkpoint {} is corrupt or not one of dlhw's; give another one, or run again what it belongs to"


class RunCheckpointIO(TorchCheckpointIO):
    """Writes, reads and removes the checkpoints of one run, and touches nothing outside their folder.

    It writes to a temporary name and renames: a full disk or a kill leaves the previous checkpoint as it was. Where a
    checkpoint names others, as ModelCheckpoint's state does by their whole paths, those of the same folder are meant:
    the folder may have been moved, or be somebody else's, who could name any file to be removed.

    Args:
        home: the run's `checkpoints/`.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """A checkpoint's content; of one from elsewhere without what was chosen there."""
        path = Path(path).resolve()
        content = load(path)
        states = content.get("callbacks", {})
        for key in [key for key, state in states.items() if isinstance(state, dict) and names_files(state)]:
            if path.parent == self.home:
                states[key] = relocated(states[key], path, self.home)
            else:
                del states[key]
        return content

    def remove_checkpoint(self, path: Any) -> None:
        self._refuse_elsewhere(path)
        Path(path).unlink(missing_ok=True)

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        self._refuse_elsewhere(path)
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

    def _refuse_elsewhere(self, path: Any) -> None:
        if not Path(path).resolve().is_relative_to(self.home):
            raise UserError(f"the checkpoint {path} lies outside {self.home}; a filename must be a file's name")


def names_files(state: dict[str, Any]) -> bool:
    """Whether a callback's state is a ModelCheckpoint's."""
    return not state.keys().isdisjoint((*PATHS, "best_k_models", "dirpath"))


def relocated(state: dict[str, Any], path: Path, home: Path) -> dict[str, Any]:
    """The state of a ModelCheckpoint whose files lie in another folder now.

    Raises:
        UserError: it names a file that did not lie in its folder.
    """

    def own(named: str) -> str:
        relative = PurePath(named).relative_to(state["dirpath"])
        if ".." in relative.parts or relative.suffix != ".ckpt":
            raise ValueError(named)
        return str(home / relative)

    try:
        files = {key: state[key] and own(state[key]) for key in PATHS}
        best = {own(named): score for named, score in state["best_k_models"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"the checkpoint {path} names files outside its folder; run again instead") from error
    return {**state, **files, "best_k_models": best, "dirpath": str(home)}


def load(path: Path) -> dict[str, Any]:
    """A checkpoint's content, tensors and plain values only.

    Raises:
        UserError: there is no such file, or it is not a whole checkpoint.
    """
    content = read(path)
    try:
        weights = content["state_dict"].items()
        whole = all(isinstance(name, str) and isinstance(values, Tensor) for name, values in weights)
    except (AttributeError, KeyError, TypeError):
        whole = False
    if not whole:
        raise UserError(CORRUPT.format(path))
    return content


def read(path: Path) -> Any:
    """What `torch.save` wrote, tensors and plain values only; of a file that may be anybody's.

    Raises:
        UserError: there is no such file, or it is damaged.
    """
    if not path.is_file():
        raise UserError(f"there is no checkpoint {path}")
    try:
        check_whole(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # PyTorch raises whatever it trips over in a damaged file
        raise UserError(CORRUPT.format(path)) from error


def check_whole(path: Path) -> None:
    """Compare each part of a file with its checksum, which PyTorch writes and does not look at.

    Raises:
        ValueError: a byte of it is another than was written, or it holds more than its size or the memory lets expect.
        OSError, zipfile.BadZipFile: it cannot be read.
    """
    size = path.stat().st_size
    if size > memory():
        raise ValueError("larger than the memory")
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        # attributes, which have no checksum, would make a folder of a tensor for PyTorch, and its values what they are
        if any(part.compress_type or part.external_attr for part in parts) or sum(p.file_size for p in parts) > size:
            raise ValueError("PyTorch packs nothing, and sets no attributes")
        if (damaged := archive.testzip()) is not None:
            raise ValueError(f"{damaged} is damaged")


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
    """The checkpoint that a finished run was tested with; its last one where nothing chose.

    Raises:
        UserError: its results cannot be read.
    """
    file = folder / "results.json"
    try:
        path = at(read_json(file), "checkpoint", "path") or "checkpoints/last.ckpt"
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read ({error}); delete that folder and run again") from error
    if (checkpoint := inside(folder, str(path))) is None:
        raise UserError(f"{file}: there is no checkpoint {path} in that folder; delete it and run again")
    return checkpoint


def trained_net(folder: Path) -> nn.Module:
    """The network of a finished run as it was tested, in evaluation mode.

    Raises:
        UserError: its config cannot be read, or would have something else called than what is shipped or trusted; its
            checkpoint is damaged or of another architecture.
    """
    file = folder / "config.yaml"
    net: nn.Module = instantiate(own_network(content_of(file), file, "model", "net"))
    return load_net(tested(folder), net).eval()
