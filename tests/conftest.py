"""Runs in this process, runs as a user starts them, and the real data where it is at hand."""

import os

# Sums depend on the number of threads: runs in this process and in others must agree to the bit
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["DLHW_TRUST_TARGETS"] = "tests"  # their callbacks, in this process and in others

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import settings

from dlhw.command import override
from dlhw.config import compose_config, new_folder
from dlhw.schema import validate
from tests.command import called, refusal, train_forked
from tests.helpers import ROOT, Finished

Popen = subprocess.Popen[str]
Ended = subprocess.CompletedProcess[str]

settings.register_profile("repeatable", deadline=None, derandomize=True)  # a busy machine is no failure, nor is luck
settings.load_profile("repeatable")


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    return tmp_path / "outputs"


@pytest.fixture
def run_experiment(outputs: Path) -> Callable[..., Finished]:
    """Composes, validates and runs in this process: `run_experiment("experiment=...", ...)`."""
    return lambda *overrides: run_in(outputs, *overrides)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The override by which runs of several tests have what they are compared with trained once."""
    return override("paths.baselines", tmp_path_factory.mktemp("baselines"))


def run_in(outputs: Path, *overrides: str) -> Finished:
    from dlhw.run import run

    cfg = compose_config([*overrides, f"paths.outputs={outputs}"])
    validate(cfg)
    folder = new_folder(outputs / cfg.name)
    run(cfg, folder)
    return Finished(folder)


def resume_in(folder: Path) -> Finished:
    """What `python train.py resume=<folder>` does, in this process."""
    from dlhw.run import run

    cfg = Finished(folder).config
    cfg.resume, cfg.ckpt_path = str(folder), "last"
    run(cfg, folder)
    return Finished(folder)


@pytest.fixture
def refused(outputs: Path) -> Callable[..., str]:
    """The one line with which `python train.py ...` refuses, called in this process; a new run leaves nothing."""

    def line(*args: str) -> str:
        if any(arg.startswith(("resume=", "paths.outputs=")) for arg in args):
            return refusal(*args)
        said = refusal(args[0], f"paths.outputs={outputs}", *args[1:])
        assert not list(outputs.rglob("*")), "a refused run leaves nothing behind"
        return said

    return line


@pytest.fixture
def call(outputs: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Calls `python train.py ...` in this process; the result has returncode, stdout and stderr."""

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        own = any(arg.startswith(("resume=", "paths.outputs=")) for arg in args)
        return called(*args) if own else called(args[0], override("paths.outputs", outputs), *args[1:])

    return run


@pytest.fixture
def start_training(outputs: Path) -> Iterator[Callable[..., Popen]]:
    """Starts `python train.py ...` from the repository's root, as a user does; what still runs at the end is killed."""
    started: list[Popen] = []

    def start(*args: str, env: dict[str, str] | None = None, script: str = "train.py") -> Popen:
        command = [sys.executable, script, *with_outputs(args, outputs)]
        variables = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
        process = subprocess.Popen(
            command, cwd=ROOT, env=variables, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def train(start_training: Callable[..., Popen], outputs: Path, tmp_path: Path) -> Callable[..., Ended]:
    """Runs `python train.py ...` to its end, in a process of its own; the result has returncode, stdout and stderr.

    The process is forked from one that has imported torch for all of them. For another script, for a search,
    which sets the threads of torch before its import, and where a launcher starts workers, which would outlive a forked
    one, it is a new interpreter.
    """

    def run(*args: str, env: dict[str, str] | None = None, script: str = "train.py") -> Ended:
        if script != "train.py" or any(arg.startswith(("hparams_search=", "hydra/launcher=")) for arg in args):
            process = start_training(*args, env=env, script=script)
            stdout, stderr = process.communicate(timeout=300)
            return Ended(args, process.returncode, stdout, stderr)
        return train_forked(with_outputs(args, outputs), env or {}, tmp_path)

    return run


def with_outputs(args: Sequence[str], outputs: Path) -> list[str]:
    """A resumed run knows its own outputs, and a lone `train.py` lists: both get no paths.outputs."""
    own = not args or any(arg.startswith(("resume=", "paths.outputs=", "--help")) for arg in args)
    return [*args] if own else [args[0], f"paths.outputs={outputs}", *args[1:]]


@pytest.fixture
def real_data() -> Path:
    """The folder that holds the real MNIST."""
    for root in (os.environ.get("DLHW_DATA_DIR"), ROOT.parent / "shared" / "data"):
        if root and (Path(root) / "MNIST" / "raw" / "train-images-idx3-ubyte").is_file():
            return Path(root)
    pytest.skip("MNIST is neither in $DLHW_DATA_DIR nor beside the repository")
