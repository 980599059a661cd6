"""Runs a book's studies: what is finished is left alone, what was interrupted goes on.

Each job is a process of its own, forked from one that has imported torch and Lightning for all of them: in a book of
short jobs the imports are half of the time. (Where a system does not fork safely, each imports them for itself.)
"""

import logging
import multiprocessing
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlhw.book.plan import Job
from dlhw.command import override, train_command
from dlhw.config import CONF
from dlhw.files import write_atomically
from dlhw.process import end_with_parent
from dlhw.report import sweep_report
from dlhw.report.places import is_sweep

log = logging.getLogger(__name__)

TRAIN = CONF.parent / "train.py"
PROCESSES: Any = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
PROCESSES.set_forkserver_preload(["dlhw.run", "codecarbon", "sklearn.datasets"])  # when the first one is started


@dataclass(frozen=True)
class Failed:
    job: Job
    reason: str


def run_jobs(jobs: Iterable[Job], folder: Path, at_once: int) -> list[Failed]:
    """Each job in `folder/<study>/<job>`, so many at once, each with its share of the cores; those that failed.

    One that failed stops no other.
    """
    threads = max(1, (os.cpu_count() or 1) // at_once)
    with ThreadPoolExecutor(at_once) as pool:
        outcomes = pool.map(lambda job: run_job(job, folder / job.study / job.name, threads), jobs)
        return [outcome for outcome in outcomes if outcome is not None]


def run_job(job: Job, folder: Path, threads: int) -> Failed | None:
    """One job by train.py, in a process of its own; None where it is finished, now or before."""
    if is_finished(job, folder):
        return None
    log.info("%s: %s", job.study, train_command(*job.overrides))
    folder.parent.mkdir(parents=True, exist_ok=True)
    log_file = folder.parent / f"{folder.name}.log"
    log_file.touch()
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    run = search if job.is_search else forked
    exit_code = run(arguments(job, folder), log_file, environment)
    if is_finished(job, folder):  # a search has its best run though some of its trials failed
        return None
    printed = log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return Failed(job, printed[-1] if printed else f"exit code {exit_code}")


def forked(args: list[str], log_file: Path, environment: dict[str, str]) -> int:
    process = PROCESSES.Process(target=train, args=(args, log_file, environment))
    process.start()
    process.join()
    return int(process.exitcode)


def train(args: list[str], log_file: Path, environment: dict[str, str], errors: Path | None = None) -> None:
    """What `python train.py` does with these arguments and this environment; all that it prints goes to the file.

    Args:
        errors: another file for what is printed to stderr.
    """
    end_with_parent()
    for stream, file in ((sys.stdout, log_file), (sys.stderr, errors or log_file)):
        file.write_text("", encoding="utf-8")
        with file.open("a", encoding="utf-8") as opened:  # appended to, as both may print to one file
            os.dup2(opened.fileno(), stream.fileno())
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [str(TRAIN), *args]
    if "torch" in sys.modules:  # which read its number of threads when it was imported
        sys.modules["torch"].set_num_threads(int(environment["OMP_NUM_THREADS"]))
    runpy.run_path(str(TRAIN), run_name="__main__")


def search(args: list[str], log_file: Path, environment: dict[str, str]) -> int:
    """The same in an interpreter of its own: a forked one would wait five minutes for a search's idle workers."""
    command = [sys.executable, str(TRAIN), *args]
    with log_file.open("w", encoding="utf-8") as file:
        return subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, env=environment, check=False).returncode


def is_finished(job: Job, folder: Path) -> bool:
    return ((folder / "best" if job.is_search else folder) / "results.json").is_file()


def arguments(job: Job, folder: Path) -> list[str]:
    """What train.py is told: a new run in its folder, or an unfinished one to go on with."""
    if job.is_search:  # its study is kept in the folder: the same command goes on
        return ["-m", *job.overrides, override("hydra.sweep.dir", folder)]
    if (folder / "config.yaml").is_file():
        return [override("resume", folder)]
    shutil.rmtree(folder, ignore_errors=True)  # it was stopped before it had begun
    return [*job.overrides, override("hydra.run.dir", folder)]


def summarise(folder: Path, study: str) -> Path | None:
    """The study's report over the jobs that there are so far, None if there are none; `<study>.json` is its record."""
    searches = filter(is_sweep, (folder / study).glob("*/"))
    jobs = next(searches, folder / study)  # a search is a sweep of its own
    if not any(jobs.glob("*/overrides.yaml")):
        return None
    paths = sweep_report(jobs).paths
    write_atomically(folder / f"{study}.json", paths["json"].read_bytes())
    return paths["report"]
