"""Runs in this process, runs as a user starts them, and the real data where it is at hand."""

import os

# Sums depend on the number of threads: runs in this process and in others must agree to the bit
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["DLHW_TRUST_TARGETS"] = "tests"  # their callbacks, in this process and in others

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from dlhw.config import compose_config, new_folder
from dlhw.schema import validate
from tests.helpers import ROOT, Finished

Popen = subprocess.Popen[str]

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    return tmp_path / "outputs"


@pytest.fixture
def run_experiment(outputs: Path) -> Callable[..., Finished]:
    """Composes, validates and runs in this process: `run_experiment("experiment=...", ...)`."""
    return lambda *overrides: run_in(outputs, *overrides)


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
def start_training(outputs: Path) -> Iterator[Callable[..., Popen]]:
    """Starts `python train.py ...` from the repository's root, as a user does; what still runs at the end is killed.

    A resumed run knows its own outputs, and a lone `train.py` lists: both get no paths.outputs.
    """
    started: list[Popen] = []

    def start(*args: str, env: dict[str, str] | None = None, script: str = "train.py") -> Popen:
        own = not args or any(arg.startswith(("resume=", "paths.outputs=", "--help")) for arg in args)
        given = args if own else (args[0], f"paths.outputs={outputs}", *args[1:])
        command = [sys.executable, script, *given]
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
def train(start_training: Callable[..., Popen]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `python train.py ...` to its end; the result has returncode, stdout and stderr."""

    def run(*args: str, **options: object) -> subprocess.CompletedProcess[str]:
        process = start_training(*args, **options)
        stdout, stderr = process.communicate(timeout=300)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    return run


@pytest.fixture
def real_data() -> Path:
    """The folder that holds the real MNIST."""
    for root in (os.environ.get("DLHW_DATA_DIR"), ROOT.parent / "shared" / "data"):
        if root and (Path(root) / "MNIST" / "raw" / "train-images-idx3-ubyte").is_file():
            return Path(root)
    pytest.skip("MNIST is neither in $DLHW_DATA_DIR nor beside the repository")
