"""From the command line to a run and back: listing, validation, one-line errors, exit codes.

Imports neither torch nor Lightning: `--help`, `--cfg job` and every config error answer in about a second.
"""

import json
import logging
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dlhw import config, run_folder, schema
from dlhw.errors import NEEDS_OPTUNA, SweepFailed, UserError, near
from dlhw.files import write_atomically

log = logging.getLogger(__name__)

INTERRUPTED = 130  # the shell's exit code for Ctrl-C


def main(app: Callable[[], Any]) -> None:
    """Run the Hydra app; turn every failure into one line on stderr and a non-zero exit code."""
    config.quiet_threads()
    if len(sys.argv) == 1:
        print(listing())
        return
    wants_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra hands errors on instead of printing them its own way
    try:
        refuse_pickles(sys.argv[1:])
        app()
        SweepEnd.check()
    except JobFailed as failed:
        if wants_traceback:
            raise (failed.__cause__ or failed) from None
        sys.exit(f"error: {explained(failed.__cause__)}")
    except Exception as error:
        SweepEnd.remove_unused()
        if wants_traceback:
            raise
        sys.exit(f"error: {SweepEnd.all_failed() or explained(error)}")


def job(cfg: DictConfig) -> float | None:
    """One job of a run or of a sweep. Returns the optimised metric, or None where there is none.

    A failed job of a sweep is recorded in its folder and does not stop the others; the sweep's exit code tells.
    """
    hydra_config = HydraConfig.get()
    folder = Path(hydra_config.runtime.output_dir)
    try:
        if cfg.resume:
            refuse_overrides()
            return run_job(continued(Path(cfg.resume), Path(cfg.data.root)), folder)
        if hydra_config.mode == RunMode.RUN and hydra_config.runtime.choices.get("hparams_search"):
            remove_unused(folder)
            raise UserError("a search needs -m: python train.py -m hparams_search=...")
        if cfg.name is None:
            remove_unused(folder)
            raise UserError("no experiment chosen; `python train.py` lists them")
        return run_job(cfg, folder)
    except Exception as error:
        if hydra_config.mode == RunMode.RUN:
            if not cfg.resume:
                record_failure(folder, error)
            raise JobFailed from error
        record_failure(folder, error)
        log.error("job failed: %s", explained(error), exc_info=not isinstance(error, UserError))
        return None


class JobFailed(BaseException):
    """Carries a job's error past Hydra, which would print its own lines about an Exception."""


def explained(error: BaseException | None) -> str:
    """An error as one line; what no user could have caused names its type and place too."""
    assert error is not None
    if isinstance(error, UserError | HydraException | OmegaConfBaseException):
        return one_line(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    return f"{type(error).__name__}: {one_line(error)} ({where}; full traceback with HYDRA_FULL_ERROR=1)"


def run_job(cfg: DictConfig, folder: Path) -> float | None:
    try:
        schema.validate(cfg)
    except UserError as error:
        if cfg.resume:
            raise UserError(f"{Path(cfg.resume) / 'config.yaml'}: {error}") from error
        raise
    config.checkpoint_to_resume(cfg, folder)
    from dlhw.run import run  # torch and Lightning are imported here, when the config is known to be valid

    try:
        results = run(cfg, folder)
    except (KeyboardInterrupt, SystemExit) as stop:
        print(f"\ninterrupted; go on with: python train.py resume={folder}", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from stop
    return results.get("metrics", {}).get(cfg.optimized_metric)


def record_failure(folder: Path, error: Exception) -> None:
    """Leave the reason in the job's folder; the still empty folder of a refused run is removed instead."""
    if isinstance(error, UserError) and HydraConfig.get().mode == RunMode.RUN and remove_unused(folder):
        return
    record = {"type": type(error).__name__, "error": one_line(error)}
    try:
        write_atomically(folder / "failure.json", json.dumps(record, indent=1))
    except OSError:
        log.warning("the failure could not be written to %s", folder)


def remove_unused(folder: Path, num_parents: int = 1) -> bool:
    """Remove a folder that holds no more than Hydra's own notes and a log, and its parents if they are empty then."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    hydras = [path for path in files if path.parent.name == ".hydra" or path.name == "multirun.yaml"]
    if any(path not in hydras and path.suffix != ".log" for path in files):
        return False
    shutil.rmtree(folder, ignore_errors=True)
    for parent in folder.parents[:num_parents]:
        if parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()
    return True


def refuse_overrides() -> None:
    given = [item for item in HydraConfig.get().overrides.task if not item.startswith("resume=")]
    if given:
        raise UserError(f"resume= takes the run's own settings; leave out {' '.join(given)}")


def continued(run: Path, root: Path) -> DictConfig:
    """The config that a run goes on with, as its folder holds it; whether it is valid is still to be seen.

    Args:
        root: where the user has data looked for.
    """
    saved = run_folder.config_to_resume(run, root)
    return OmegaConf.create(saved | {"resume": str(run), "ckpt_path": "last"})


def refuse_pickles(args: Sequence[str]) -> None:
    """Hydra would take a run up from a pickle, which may run any code; its options may be shortened."""
    if any(arg.startswith("--e") for arg in args):
        raise UserError("--experimental-rerun is refused: it loads a pickle; go on with a run by resume=FOLDER")


def listing() -> str:
    """What `python train.py` alone prints."""
    rows = config.experiments()
    width = max((len(name) for name in rows), default=0)
    lines = [f"  {name:<{width}}  {question}" for name, question in rows.items()]
    return "\n".join(
        [
            "Choose an experiment:\n",
            *lines,
            "\n  python train.py experiment=NAME              run it",
            "  python train.py experiment=NAME --cfg job    show its whole config",
            "  python train.py experiment=NAME data=digits  run it without files; faces: data=synthetic_faces",
        ]
    )


def one_line(error: BaseException) -> str:
    """An error as one line: what is wrong, what is allowed."""
    if (reason := user_error_behind(error)) is not None:
        return str(reason)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        if (group, name) == ("hydra/sweeper", "optuna"):
            return f"this search {NEEDS_OPTUNA}"
        known = [option for option in error.options or [] if not option.startswith("_")]
        return f"unknown {group or 'config'} '{name}'{near(name, known)}"
    text = str(error)
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException) and getattr(cause, "full_key", None) is not None:
        key = cause.full_key
        if any(arg.startswith("experiment=") and "," in arg for arg in sys.argv):
            # Hydra composes once without what is swept, and so without what the experiments bring
            return f"unknown key '{key}' as long as no experiment is chosen; in a sweep over experiments write ++{key}="
        return f"unknown key '{key}'{near(str(key), known_keys())}"
    return " ".join(line.strip() for line in text.splitlines() if line.strip()) or type(error).__name__


def user_error_behind(error: BaseException) -> UserError | None:
    """The UserError that was raised while OmegaConf resolved a value, and that it wrapped."""
    behind: BaseException | None = error
    while behind is not None and not isinstance(behind, UserError):
        behind = behind.__cause__ or behind.__context__
    return behind


def known_keys() -> list[str]:
    """Every key of the config that the command line's choices of groups alone give."""
    groups = {path.name for path in config.CONF.iterdir() if path.is_dir()}
    choices = [arg for arg in sys.argv[1:] if arg.partition("=")[0] in groups and "," not in arg]
    try:
        cfg = config.compose_config(choices)
    except (HydraException, OmegaConfBaseException):
        return []
    return list(flat_keys(OmegaConf.to_container(cfg)))


def flat_keys(node: Any, prefix: str = "") -> list[str]:
    if not isinstance(node, dict):
        return [prefix]
    children = [flat_keys(value, f"{prefix}.{key}" if prefix else str(key)) for key, value in node.items()]
    return ([prefix] if prefix else []) + [key for child in children for key in child]


def is_search(config: DictConfig) -> bool:
    return bool(config.hydra.runtime.choices.get("hparams_search"))


class SweepEnd(Callback):
    """After a multirun: one table and one report over its jobs, and the exit code. A search is prepared before, and
    its best setting trained once more after.
    """

    folder: Path | None = None
    failure: str | None = None

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        SweepEnd.folder = Path(config.hydra.sweep.dir)
        if not is_search(config):
            return
        from dlhw import search

        try:
            search.prepare(config)
        except Exception as error:  # Hydra would only warn of it
            SweepEnd.remove_unused()
            raise JobFailed from error

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        from dlhw import search
        from dlhw.report import sweep_report

        folder = Path(config.hydra.sweep.dir)
        if not folder.is_dir() or (config.name is None and "experiment" not in str(config.hydra.overrides.task)):
            return
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
    def remove_unused(cls) -> None:
        """Remove the folder of a sweep that was refused before its first job."""
        if cls.folder is not None:
            remove_unused(cls.folder, num_parents=2)  # outputs/<experiment>/multirun/<date_time>

    @classmethod
    def all_failed(cls) -> str | None:
        """What there is to say where every job failed: Optuna's sweeper raises then instead of ending the sweep."""
        failures = list(cls.folder.glob("*/failure.json")) if cls.folder else []
        if not failures or list(cls.folder.glob("*/results.json")):  # type: ignore[union-attr]
            return None
        reason = json.loads(failures[0].read_text())["error"]
        return f"all {len(failures)} jobs failed, the first one as {reason}; the others' reasons are in {cls.folder}"

    @classmethod
    def check(cls) -> None:
        if cls.failure:
            raise SweepFailed(cls.failure)
