"""The 24 settings of hparams_search=fashion_mlp on two cores, against the usual way: one by one, sample by sample.

A whole search takes a quarter of an hour and more, the usual way hours, so epochs are timed and summed: a setting's
time is its number of epochs times the seconds of one, without either way's start-up. An epoch of the search includes
its validation and checkpoints, one of the usual way its training alone. Both are timed in turn, for each minibatch.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from epoch import Stopwatch, usual_way
from hydra.utils import instantiate
from timing import heading, line

from dlhw import run
from dlhw.config import compose_config

NUM_SETTINGS, CORES = 24, 2
BATCH_SIZES, EPOCHS = (32, 64, 128, 256), (20, 40, 60)  # the search's own choices
LAYERS, UNITS = 4, 40  # the middle of its space: the sizes hardly change the time


def main(overrides: list[str]) -> None:
    """The sums over 24 settings drawn at random from the search's minibatch sizes and numbers of epochs."""
    settings = np.random.default_rng(0)
    batches = settings.choice(BATCH_SIZES, NUM_SETTINGS)
    epochs = settings.choice(EPOCHS, NUM_SETTINGS)
    own: dict[int, float] = {}
    usual: dict[int, float] = {}
    name = ""
    for batch_size in BATCH_SIZES:
        name, own[batch_size], usual[batch_size] = seconds_an_epoch(batch_size, overrides)
    heading(f"a search of {NUM_SETTINGS} settings of fashion_mlp on {name}, extrapolated from single epochs")
    for batch_size in BATCH_SIZES:
        times = f"{own[batch_size]:.2f}, {usual[batch_size]:.2f}"
        line(f"seconds an epoch, minibatch {batch_size}: two jobs side by side, usual", times)
    whole_own = sum(own[size] * number for size, number in zip(batches, epochs, strict=True)) / CORES
    whole_usual = sum(usual[size] * number for size, number in zip(batches, epochs, strict=True))
    line("minutes of the search on two cores", f"{whole_own / 60:.1f}")
    line("minutes the usual way", f"{whole_usual / 60:.1f}")
    line("search / usual way", f"{whole_own / whole_usual:.3f}", "<= 0.33")


def seconds_an_epoch(batch_size: int, overrides: list[str]) -> tuple[str, float, float]:
    """The data's name, and the seconds of an epoch: as a job of the search, beside another one; and the usual way."""
    setting = [
        "experiment=fashion_mlp", "trainer=cpu", "test=false", f"layers={LAYERS}", f"units={UNITS}",
        f"data.batch_size={batch_size}", *overrides,
    ]  # fmt: skip
    run.quiet()
    cfg = compose_config(setting)
    data = instantiate(cfg.data, seed=0)
    data.setup()
    return data.title, side_by_side(setting), usual_way(data, instantiate(cfg.model.net), batch_size, num_epochs=1)


def side_by_side(setting: list[str], epochs: int = 3) -> float:
    """The mean seconds of an epoch of two jobs that run at the same time, each a process with one thread."""
    command = [sys.executable, __file__, *setting, f"trainer.max_epochs={epochs}"]
    variables = {**os.environ, "OMP_NUM_THREADS": "1"}
    jobs = [subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) for _ in range(CORES)]
    return sum(float(job.communicate()[0].splitlines()[-1]) for job in jobs) / CORES


def job(setting: list[str]) -> float:
    """The median seconds of an epoch of one job of the search, its first epoch left out."""
    run.quiet()
    cfg: Any = compose_config(setting)
    data = instantiate(cfg.data, seed=0)
    data.setup()
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        callbacks = [*run.make_callbacks(cfg, Path(folder))[0], watch]
        module = run.make_module(cfg, instantiate(cfg.model.net), data)
        run.make_trainer(cfg, Path(folder), callbacks, module).fit(module, datamodule=data)
    return float(np.median(watch.seconds[1:]))


if __name__ == "__main__":
    print(job(sys.argv[1:]))
