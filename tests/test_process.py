"""A command among other processes: nobody reads what it prints, or another one works in its folder."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

from dlhw.process import INTERRUPTED, LOCK, UNREAD, alone_in, helps, is_busy
from tests.helpers import ROOT, small

COMMANDS = {
    "train.py": "train.py",
    "its help": "train.py --help",
    "a config": "train.py experiment=mnist_mlp --cfg job",
    "denoise.py": "denoise.py",
    "generate.py": "generate.py",
    "the report": "-m dlhw.report --help",
    "the book": "-m dlhw.book",
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name != "train.py")) for name in COMMANDS]
)
def test_a_command_that_nobody_reads_ends_quietly(name: str) -> None:
    """Into a pipe that is closed at once, and with no standard output at all."""
    piped, closed = shell(f"{COMMANDS[name]} | true"), shell(f"{COMMANDS[name]} >&-")
    assert piped.stderr == closed.stderr == ""
    assert piped.returncode in (0, UNREAD)
    assert closed.returncode == 0


@pytest.mark.slow
def test_a_run_that_nobody_reads_any_more_can_go_on(outputs: Path) -> None:
    run = f"train.py {' '.join(small('mnist_mlp'))} trainer.max_epochs=50 paths.outputs={outputs}"
    stopped = shell(f"{run} | head -1")
    assert stopped.returncode == INTERRUPTED
    (folder,) = (outputs / "mnist_mlp").iterdir()
    assert stopped.stderr == (f"interrupted; go on with: python train.py resume={folder} paths.outputs={outputs}\n")
    assert not (folder / "results.json").exists()


@pytest.mark.slow
def test_a_run_without_standard_output(outputs: Path) -> None:
    done = shell(f"train.py {' '.join(small('mnist_mlp', num_epochs=1))} paths.outputs={outputs} >&-")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(list((outputs / "mnist_mlp").glob("*/results.json"))) == 1


def test_a_second_process_of_a_run_takes_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with alone_in(tmp_path):
        monkeypatch.setenv("LOCAL_RANK", "1")
        with alone_in(tmp_path):
            assert helps()
    assert not is_busy(tmp_path)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_worker_ends_with_the_process_that_started_it(tmp_path: Path, method: str) -> None:
    """Though that one was killed, and though a forkserver, as the book has it, lives on between the two."""
    starter = subprocess.Popen([sys.executable, "-m", "tests.worker", method, str(tmp_path)], cwd=ROOT)
    while starter.poll() is None and not (tmp_path / "started").exists():
        time.sleep(0.05)
    assert is_busy(tmp_path)
    starter.kill()
    starter.wait()
    with FileLock(tmp_path / LOCK, timeout=60):
        pass


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """What a shell does with `python LINE`; of a pipe the exit code is python's."""
    script = f"'{sys.executable}' {line}; exit ${{PIPESTATUS[0]}}"
    return subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
