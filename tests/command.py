"""`python train.py ...` without a new interpreter, which takes seconds to import torch: in this process, or forked."""

import io
import logging
import os
import runpy
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from dlhw.book import execute
from dlhw.book.execute import PROCESSES
from dlhw.sweep_end import SweepEnd
from tests.helpers import ROOT, error_line


def refusal(*args: str, folder: Path = ROOT) -> str:
    """The one line that the command prints, started in `folder`, as it refuses what it is asked for.

    Anything else that it prints, or needing torch for the answer, is a failure of the test.
    """
    with pytest.MonkeyPatch.context() as patch:
        for module in ("torch", "dlhw.run"):
            patch.setitem(sys.modules, module, None)
        done = called(*args, folder=folder)
    assert done.stdout == ""
    assert done.returncode == 1
    return error_line(done.stderr)


def called(*args: str, folder: Path = ROOT) -> CompletedProcess[str]:
    """What the command comes to, started in `folder`."""
    out, err = io.StringIO(), io.StringIO()
    code: str | int | None = 0
    with (
        pytest.MonkeyPatch.context() as patch,
        as_before(),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["train.py", *args])
        patch.setitem(os.environ, "HYDRA_FULL_ERROR", "0")  # the command sets it for Hydra
        for name, value in vars(SweepEnd).items():
            if not name.startswith("_") and not callable(getattr(SweepEnd, name)):
                patch.setattr(SweepEnd, name, value)  # and back afterwards
        try:
            runpy.run_path(str(ROOT / "train.py"), run_name="__main__")
        except SystemExit as stop:
            code = stop.code
    if isinstance(code, str):  # as an interpreter ends
        err.write(code)
        code = 1
    return CompletedProcess(args, code or 0, out.getvalue(), err.getvalue())


@contextmanager
def as_before() -> Iterator[None]:
    """Hydra sets up logging for its job, with a file in the job's folder; the command handles signals."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    on_signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for made in [handler for handler in root.handlers if handler not in before]:
            made.close()
        root.handlers[:] = before
        root.setLevel(level)
        for number, handler in on_signals.items():
            signal.signal(number, handler)


def train_forked(args: Sequence[str], env: dict[str, str], folder: Path) -> CompletedProcess[str]:
    """The command run to its end, in a process that is forked from one with everything imported.

    Args:
        folder: for what it prints.
    """
    files = [folder / "stdout", folder / "stderr"]
    process = PROCESSES.Process(target=execute.train, args=(args, files[0], {**os.environ, **env}, files[1]))
    process.start()
    process.join(timeout=300)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"{args} still runs after 300 s")
    stdout, stderr = (file.read_text(encoding="utf-8") for file in files)
    return CompletedProcess(args, process.exitcode, stdout, stderr)
