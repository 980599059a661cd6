"""Checkpoints: whole or not at all on a full disk, tensors only, refused with a reason."""

import os
import pickle
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import nn

from dlhw import checkpoints
from dlhw.checkpoints import RunCheckpointIO
from dlhw.errors import UserError
from dlhw.nets.mlp import MLP
from tests.helpers import ROOT, learned, same_bits, small


def content(*widths: int) -> dict:
    net = MLP(widths[0], widths[1:-1], widths[-1])
    return {"state_dict": {f"net.{name}": tensor for name, tensor in net.state_dict().items()}, "epoch": 0}


@contextmanager
def largest_file(num_bytes: int) -> Iterator[None]:
    """The kernel refuses to write beyond this size, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    saved = content(4, 3, 2)
    RunCheckpointIO(tmp_path / "new").save_checkpoint(saved, tmp_path / "new" / "last.ckpt")
    loaded = checkpoints.load(tmp_path / "new" / "last.ckpt")
    assert loaded["epoch"] == 0
    assert all(torch.equal(loaded["state_dict"][name], tensor) for name, tensor in saved["state_dict"].items())


def test_where_writing_fails_the_previous_checkpoint_survives(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    RunCheckpointIO(tmp_path).save_checkpoint(content(4, 3, 2), path)
    before = path.read_bytes()
    with largest_file(8192), pytest.raises(UserError) as refused:
        RunCheckpointIO(tmp_path).save_checkpoint(content(200, 100, 2), path)
    assert f"the checkpoint {path} could not be written (File too large)" in str(refused.value)
    assert "the previous one is unharmed" in str(refused.value)
    assert path.read_bytes() == before
    assert checkpoints.load(path)["epoch"] == 0
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"], "no temporary file is left"


def test_a_run_whose_disk_fills_up(tmp_path: Path) -> None:
    """On a real file system of 1.5 MB: the second checkpoint does not fit beside the first."""
    mount = f"mount -t tmpfs -o size=1500k none {tmp_path}"
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-rm", "sh", "-c", mount], capture_output=True).returncode:
        pytest.skip("no right to mount a small file system here")
    train = [sys.executable, "train.py", *small("mnist_mlp", num_epochs=3), f"paths.outputs={tmp_path}/outputs"]
    inspect = (
        "import sys, zipfile, pathlib; root = pathlib.Path(sys.argv[1]); "
        "damaged = [file for file in root.rglob('*.ckpt') if zipfile.ZipFile(file).testzip()]; assert not damaged; "
        "print(sorted(file.name for file in root.rglob('*.ckpt')), list(root.rglob('*.tmp')))"
    )
    script = 'eval "$0" || exit 9; shift; "$@"; echo "exit code $?"; "$1" -c "$INSPECT" "$ROOT"'
    done = subprocess.run(
        [unshare, "-rm", "sh", "-c", script, mount, "-", *train],
        capture_output=True, text=True, cwd=ROOT, timeout=300,
        env={**os.environ, "INSPECT": inspect, "ROOT": str(tmp_path)},
    )  # fmt: skip
    assert "exit code 1" in done.stdout, done.stderr
    assert done.stderr.startswith("error: the checkpoint ")
    assert "No space left on device" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout.splitlines()[-1] == "['best.ckpt'] []"


@pytest.mark.parametrize("damage", ["truncated", "overwritten", "empty", "text", "no weights", "a list"])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "last.ckpt"
    RunCheckpointIO(tmp_path).save_checkpoint(content(40, 30, 2), path)
    whole = path.read_bytes()
    if damage == "no weights":
        torch.save({"epoch": 3}, path)
    elif damage == "a list":
        torch.save([1, 2], path)
    else:
        path.write_bytes(
            {
                "truncated": whole[: len(whole) // 2],
                "overwritten": b"\0" * len(whole),
                "empty": b"",
                "text": b"not a checkpoint\n",
            }[damage]
        )
    with pytest.raises(UserError, match=r"is corrupt or not one of dlhw's") as refused:
        checkpoints.load(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no checkpoint .*nothing\.ckpt"):
        checkpoints.load(tmp_path / "nothing.ckpt")


class Malicious:
    """Unpickling it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def plant(path: Path, proof: Path, how: str) -> None:
    """A checkpoint that writes the proof where it is unpickled; that it would is seen here."""
    evil = {"state_dict": {}, "epoch": 0, "more": Malicious(proof)}
    if how == "pickle":
        path.write_bytes(pickle.dumps(evil, protocol=2))
        pickle.loads(path.read_bytes())
    else:
        torch.save(evil, path)
        torch.load(path, weights_only=False)
    assert proof.exists(), "a loader that trusts the file runs the code"
    proof.unlink()


@pytest.mark.parametrize("how", ["pickle", "torch"])
def test_a_checkpoint_with_code_in_it_does_not_run(tmp_path: Path, how: str) -> None:
    proof, path = tmp_path / "proof", tmp_path / "last.ckpt"
    plant(path, proof, how)
    with pytest.raises(UserError, match="is corrupt or not one of dlhw's"):
        checkpoints.load(path)
    assert not proof.exists()


@pytest.mark.parametrize(
    ("widths", "reason"),
    [
        ((4, 5, 2), r"layers\.\d\.\w+ has shape \(.*\) there and \(.*\) here"),
        ((4, 3, 2, 2), r"layers\.4\.\w+ is unknown to the network"),
        ((4, 3), r"layers\.2\.\w+ is missing from the checkpoint"),
    ],
)
def test_another_architecture_is_refused(tmp_path: Path, widths: tuple[int, ...], reason: str) -> None:
    path = tmp_path / "best.ckpt"
    RunCheckpointIO(tmp_path).save_checkpoint(content(*widths), path)
    net = MLP(4, [3], 2)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(UserError, match=rf"the checkpoint .*best.ckpt is of another architecture: .*{reason}"):
        checkpoints.load_net(path, net)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_the_weights_of_the_same_architecture_are_put_in(tmp_path: Path) -> None:
    path = tmp_path / "best.ckpt"
    saved = content(4, 3, 2)
    RunCheckpointIO(tmp_path).save_checkpoint(saved, path)
    net: nn.Module = checkpoints.load_net(path, MLP(4, [3], 2))
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, saved["state_dict"][f"net.{name}"])


def test_a_run_does_not_go_on_from_another_architecture(run_experiment, tmp_path: Path) -> None:
    finished = run_experiment(*small("mnist_mlp", num_epochs=1))
    last = finished.folder / "checkpoints" / "last.ckpt"
    with pytest.raises(UserError, match=r"is of another architecture: net\.layers"):
        run_experiment(*small("mnist_mlp", num_epochs=2), "model.net.hidden=[7]", f"ckpt_path={last}")


def test_a_run_goes_on_from_a_checkpoint_file(run_experiment) -> None:
    """Two epochs in one go, or one and one more in a new folder: the same bits."""
    constant = ["scheduler=constant", "scheduler.warmup=0"]  # a schedule for one epoch is another than one for two
    whole = run_experiment(*small("mnist_mlp", num_epochs=2), *constant)
    first = run_experiment(*small("mnist_mlp", num_epochs=1), *constant)
    last = first.folder / "checkpoints" / "last.ckpt"
    second = run_experiment(*small("mnist_mlp", num_epochs=2), *constant, f"ckpt_path={last}")
    assert learned(second.rows) == learned(whole.rows)
    assert same_bits(second.weights(), whole.weights())
