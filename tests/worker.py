"""A process that starts a worker and waits for it: `python -m tests.worker METHOD FOLDER`."""

import multiprocessing
import sys
import time
from pathlib import Path

from dlhw.process import alone_in, end_with_parent


def work(folder: Path) -> None:
    end_with_parent()
    with alone_in(folder):
        (folder / "started").touch()
        time.sleep(120)


if __name__ == "__main__":
    method, folder = sys.argv[1:]
    worker = multiprocessing.get_context(method).Process(target=work, args=(Path(folder),))
    worker.start()
    worker.join()
