"""What is done around the jobs that Hydra runs: their folder before the first one, a report after the last one.

Imports neither torch nor Lightning until there is a report to write.
"""

import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from dlhw import run_folder
from dlhw.command import override, train_command
from dlhw.config import RUN_PARTS, new_folder, refuse_taken
from dlhw.errors import JobFailed, UserError
from dlhw.explain import explained
from dlhw.files import read_json, refuse_links
from dlhw.process import LOCK, is_busy, keep_stderr

# What a run that goes on is told: its settings are its own, where things are kept is the user's
PLACES = re.compile(r"paths\.|data\.root=|\+*logger\b")
WRITTEN = (".hydra", "overrides.yaml", "report.html", "figures", "multirun.yaml")  # what else would be replaced there
STARTED = ("config.yaml", "failure.json")  # in the folder of a run that was begun


def is_search(config: DictConfig) -> bool:
    return bool(config.hydra.runtime.choices.get("hparams_search"))


def is_sweeps(folder: Path) -> bool:
    """Whether a sweep was begun in the folder, and not one of another program's."""
    file = folder / "multirun.yaml"
    return file.is_file() and SweepEnd.__module__ in file.read_text(encoding="utf-8", errors="replace")


class SweepEnd(Callback):
    """Before a run or a sweep: its folder. After a multirun: one table and one report over its jobs, and the exit code.
    A search is prepared before, and its best setting trained once more after.
    """

    folder: Path | None = None  # of the run or the sweep; a worker of a sweep knows none
    is_sweep = False
    made: Sequence[Path] = ()  # what of the folder was not there before
    again = ""  # the command that goes on
    failure: str | None = None

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        with ending_the_program():
            if config.resume:
                if not (isinstance(config.resume, str) and (Path(config.resume) / "config.yaml").is_file()):
                    raise UserError(f"resume={config.resume}: no config.yaml there; give the folder of a started run")
                if any(arg.startswith("hydra.run.dir=") for arg in sys.argv):
                    raise UserError("resume= goes on in the run's own folder; leave out hydra.run.dir=")
                config.hydra.run.dir = config.resume
            folder = choose_folder(config.hydra.run)
            if not config.resume:
                refuse_taken(folder, (*RUN_PARTS, *WRITTEN, "sweep.csv"))
            places = [item for item in config.hydra.overrides.task if PLACES.match(item)]
            SweepEnd.again = train_command(override("resume", folder), *places)

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        with ending_the_program():
            refuse_to_sweep(config)
            folder = choose_folder(config.hydra.sweep)
            refuse_taken(folder, RUN_PARTS if is_sweeps(folder) else (*RUN_PARTS, *WRITTEN))
            SweepEnd.is_sweep = True
            place = override("hydra.sweep.dir", folder)
            config.hydra.overrides.hydra.append(place)  # by which each job's config is composed
            SweepEnd.again = train_command(*placed(sys.argv[1:], place))
            if "submitit" in config.hydra.launcher._target_:
                keep_stderr()  # at Ctrl-C each of its controllers would print a traceback; jobs have logs of their own
            if is_search(config):
                from dlhw import search

                search.prepare(config)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        from dlhw import search
        from dlhw.report import sweep_report

        folder = Path(config.hydra.sweep.dir)
        try:
            if is_search(config):
                search.retrain_best(folder, config.hydra.job.env_set)
            summary = sweep_report(folder)
        except Exception as error:  # Hydra would only warn of it
            SweepEnd.failure = f"the sweep's report could not be written: {explained(error)}"
            return
        print(f"sweep: {folder / 'report.html'}")
        if summary.num_failed:
            SweepEnd.failure = (
                f"{summary.num_failed} of {summary.num_jobs} jobs failed; the reasons are in {folder / 'sweep.csv'}"
            )

    @classmethod
    def remove_unused(cls) -> bool:
        """Remove what this process has made of its folder, unless the run or a job of the sweep was begun there."""
        folder = cls.folder
        if folder and (any((folder / name).exists() for name in STARTED) or any(folder.glob("*/.hydra"))):
            return False
        run_folder.remove_unused(cls.made)
        return True

    @classmethod
    def cut_short(cls, reason: str) -> str:
        """One line on a run or a sweep that did not come to its end: why, what there is of it, and how it goes on."""
        what = reason
        if cls.is_sweep and cls.folder is not None:
            from dlhw.report import sweep_report

            summary = sweep_report(cls.folder)
            done = summary.num_jobs - summary.num_failed
            what += f"; {done} of {summary.num_jobs} begun jobs are done: {summary.paths['report']}"
        return f"{what}; go on with: {cls.again}"

    @classmethod
    def wait_for_jobs(cls) -> None:
        """Until those have ended that a launcher leaves behind, as submitit does where another one was killed."""
        locks = [] if cls.folder is None else list(cls.folder.glob(f"*/{LOCK}"))
        with suppress(KeyboardInterrupt):
            while any(is_busy(lock.parent) for lock in locks):
                time.sleep(1)

    @classmethod
    def all_failed(cls) -> str | None:
        """What there is to say where every job failed: Optuna's sweeper raises then instead of ending the sweep."""
        failures = list(cls.folder.glob("*/failure.json")) if cls.folder else []
        if not failures or list(cls.folder.glob("*/results.json")):  # type: ignore[union-attr]
            return None
        reason = read_json(failures[0])["error"]
        return f"all {len(failures)} jobs failed, the first one as {reason}; the others' reasons are in {cls.folder}"


@contextmanager
def ending_the_program() -> Iterator[None]:
    """Hydra only warns of what a callback raises; this ends the program."""
    try:
        yield
    except Exception as error:
        raise JobFailed from error


def choose_folder(section: DictConfig) -> Path:
    """The folder that `hydra.run` or `hydra.sweep` names; where it is named after the time, one that is new.

    Raises:
        UserError: it begins with a ~, holds links that lead out of it, or cannot be written to.
    """
    folder = Path(section.dir)
    if folder.parts[:1] and folder.parts[0].startswith("~"):
        raise UserError(f"{folder}: ~ means nothing here; write the whole path, or $HOME, which the shell replaces")
    refuse_links(folder)  # before Hydra writes its log there
    absent = [parent for parent in folder.parents if not parent.exists()]
    if "${now:" in OmegaConf.to_container(section)["dir"]:  # type: ignore[call-overload, index]
        folder = new_folder(folder.parent)
        absent = [folder, *absent]
    elif not folder.exists():
        absent = [folder, *absent]
    notes = [folder / name for name in (".hydra", "multirun.yaml", "train.log", LOCK)]
    SweepEnd.folder, SweepEnd.made = folder, [*(note for note in notes if not note.exists()), *absent]
    section.dir = str(folder)
    return folder


def placed(args: Sequence[str], place: str) -> list[str]:
    """A sweep's arguments with the folder that it has; among its settings, since flags have their place around them."""
    given = [arg for arg in args if not arg.startswith("hydra.sweep.dir=")]
    first = next(number for number, arg in enumerate(given) if "=" in arg and not arg.startswith("-"))
    return [*given[:first], place, *given[first:]]


def refuse_to_sweep(config: DictConfig) -> None:
    """Refuse what a sweep has no use for.

    Raises:
        UserError: a run to resume, several values of what the jobs' folders are not named after, or no experiment.
    """
    given = OverridesParser.create().parse_overrides(list(config.hydra.overrides.task))
    for setting in given:
        key = setting.key_or_group
        if key == "resume":
            raise UserError("resume= goes on with one run: leave out -m, and all other settings")
        if setting.is_sweep_override() and key in config.hydra.job.config.override_dirname.exclude_keys:
            raise UserError(f"{setting.input_line}: a sweep has one {key}; give a single value")
    if config.name is None and all(setting.key_or_group != "experiment" for setting in given):
        raise UserError("no experiment chosen; `python train.py` lists them")
