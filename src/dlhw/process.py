"""A program among other processes: what ends it, who reads what it prints, and who else works in its folder.

Imports neither torch nor Lightning.
"""

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from dlhw.command import override, train_command
from dlhw.errors import UserError

INTERRUPTED = 130  # the shell's exit code for Ctrl-C
UNREAD = 141  # and for a program whose output nobody reads any more

LOCK = ".lock"  # in a run's folder
RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")  # of one process among several that train together


def helps() -> bool:
    """Whether this process was started to train together with another one, which speaks and writes for all."""
    return any(os.environ.get(rank, "0") != "0" for rank in RANKS)


def end_on_sigterm() -> None:
    """Let SIGTERM end the program as Ctrl-C does, which Lightning passes on; whoever handles it already keeps it."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def ignore_signals() -> None:
    """Neither Ctrl-C nor SIGTERM ends the program any more."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def keep_stderr() -> None:
    """Print errors where they are read; what this process starts from now on prints its own nowhere."""
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


@cache
def end_with_parent() -> None:
    """End this process soon after its parent, however that ended; a run can be killed at any time and goes on."""
    parent, starter = os.getppid(), multiprocessing.parent_process()
    if starter is not None and starter.pid == parent:  # else a forkserver stands between the two
        starter = None

    def watch() -> None:
        while os.getppid() == parent and (starter is None or starter.is_alive()):
            time.sleep(0.5)
        os._exit(INTERRUPTED)

    threading.Thread(target=watch, name="parent", daemon=True).start()


class Console(logging.StreamHandler[Any]):
    """Logs to a stream; where nobody reads it any more, that is an error as it is for `print`."""

    def handleError(self, record: logging.LogRecord) -> None:
        if isinstance(sys.exc_info()[1], BrokenPipeError):
            raise  # logging calls this while it handles the error
        super().handleError(record)


@contextmanager
def printing() -> Iterator[None]:
    """The life of a program that prints: it ends quietly where nobody reads (`| head -1`) or can (`>&-`)."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
            os.set_inheritable(number, True)  # the workers of a sweep print too
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8"))
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # the locale may know ASCII alone, and a path anything
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError as closed:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes once more
        sys.exit(getattr(closed.__context__, "code", None) or UNREAD)


@contextmanager
def alone_in(folder: Path, wait: bool = False) -> Iterator[None]:
    """Keep other processes out of a run's folder; the system lifts the lock with the process, however that ends.

    Args:
        wait: until another process that works there has ended.

    Raises:
        UserError: another one does, or nothing can be written there.
    """
    if helps():
        yield
        return
    lock = FileLock(folder / LOCK, timeout=-1 if wait else 0)
    try:
        held = lock.acquire()
    except Timeout:
        again = train_command(override("resume", folder))
        raise UserError(f"another process trains in {folder}; when it has ended, go on with: {again}") from None
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}; choose another paths.outputs") from error
    with held:
        yield


def is_busy(folder: Path) -> bool:
    """Whether a process works in a run's folder."""
    try:
        with FileLock(folder / LOCK, timeout=0):
            return False
    except Timeout:
        return True
