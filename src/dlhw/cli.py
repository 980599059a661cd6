"""From the command line to a run and back: listing, validation, one-line errors, exit codes.

Imports neither torch nor Lightning: `--help`, `--cfg job` and every config error answer in about a second.
"""

import json
import logging
import os
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from dlhw import config, run_folder, schema
from dlhw.errors import FolderTaken, JobFailed, UserError
from dlhw.explain import explained, one_line
from dlhw.files import read_json, write_atomically
from dlhw.process import INTERRUPTED, alone_in, end_on_sigterm, end_with_parent, ignore_signals, printing
from dlhw.sweep_end import PLACES, SweepEnd
from dlhw.usage import check_flags, listing, usage

log = logging.getLogger(__name__)


def main(app: Callable[[], Any]) -> None:
    """Run the Hydra app; turn every failure into one line on stderr and a non-zero exit code."""
    with printing():
        config.quiet_threads()
        end_on_sigterm()
        if len(sys.argv) == 1:
            print(listing())
        elif {"-h", "--help"} & set(sys.argv):
            print(usage())
        else:
            run_app(app)


def run_app(app: Callable[[], Any]) -> None:
    wants_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra hands errors on instead of printing them its own way
    try:
        refuse_pickles(sys.argv[1:])
        check_flags(sys.argv[1:])
        app()
    except (KeyboardInterrupt, SystemExit) as stop:
        if isinstance(stop, SystemExit) and stop.code != INTERRUPTED:
            raise
        ignore_signals()  # a report takes seconds, and then it ends
        unused = SweepEnd.remove_unused()
        print("interrupted" if unused else SweepEnd.cut_short("interrupted"), file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        SweepEnd.remove_unused()
        raise
    except (JobFailed, Exception) as error:
        unused = SweepEnd.remove_unused()
        cause = error.__cause__ if isinstance(error, JobFailed) else error
        if wants_traceback:
            raise cause or error from None
        reason = SweepEnd.all_failed() or textwrap.shorten(explained(cause), 600)
        if SweepEnd.is_sweep and not unused:
            SweepEnd.wait_for_jobs()
            reason = SweepEnd.cut_short(textwrap.shorten(reason, 200))
        sys.exit(f"error: {reason}")
    if SweepEnd.failure:
        sys.exit(f"error: {SweepEnd.failure}")


def job(cfg: DictConfig) -> float | None:
    """One job of a run or of a sweep. Returns the optimised metric, or None where there is none.

    A failed job of a sweep is recorded in its folder and does not stop the others; the sweep's exit code tells.
    """
    hydra_config = HydraConfig.get()
    folder = Path(hydra_config.runtime.output_dir)
    in_sweep = hydra_config.mode == RunMode.MULTIRUN
    if in_sweep and SweepEnd.folder is None:  # a worker that a launcher has started
        end_on_sigterm()
        end_with_parent()
    was_taken = (folder / "config.yaml").is_file()
    try:
        if cfg.resume:
            refuse_overrides()
            cfg = continued(cfg)
        elif cfg.name is None:
            raise UserError("no experiment chosen; `python train.py` lists them")
        elif not in_sweep and hydra_config.runtime.choices.get("hparams_search"):
            raise UserError("a search needs -m: python train.py -m hparams_search=...")
        return run_job(cfg, folder, in_sweep)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        if not in_sweep:
            if not was_taken and (folder / "config.yaml").is_file():
                record_failure(folder, error)
            raise JobFailed from error
        if is_of_others(cfg, folder):
            raise
        record_failure(folder, error)
        log.error("job failed: %s", explained(error), exc_info=not isinstance(error, UserError))
        return None


def run_job(cfg: DictConfig, folder: Path, in_sweep: bool = False) -> float | None:
    """Run a config in its folder, and go on where it is resumed, or is a job of a sweep that was begun before.

    Raises:
        UserError: it is not valid, or the folder is another run's or another process's.
    """
    try:
        schema.validate(cfg)
    except UserError as error:
        if cfg.resume:
            raise UserError(f"{Path(cfg.resume) / 'config.yaml'}: {error}") from error
        raise
    with alone_in(folder, wait=in_sweep):
        if in_sweep and (folder / "config.yaml").is_file():
            if is_of_others(cfg, folder):
                raise UserError(f"{folder} holds a job with other settings; choose another hydra.sweep.dir")
            if (folder / "results.json").is_file():
                return optimised(read_json(folder / "results.json"), cfg)
            cfg = cfg.copy()
            cfg.resume, cfg.ckpt_path = str(folder), "last"
        config.checkpoint_to_resume(cfg, folder)
        return optimised(train(cfg, folder), cfg)


def train(cfg: DictConfig, folder: Path) -> dict[str, Any]:
    """Run a valid config; what ends it politely becomes a KeyboardInterrupt."""
    from dlhw.run import run  # torch and Lightning are imported here, when the config is known to be valid

    try:
        return run(cfg, folder)
    except BrokenPipeError as unread:
        raise KeyboardInterrupt from unread
    except SystemExit as stop:
        if stop.code and not isinstance(stop.__context__, KeyboardInterrupt):
            raise  # submitit's, which starts the job again
        raise KeyboardInterrupt from stop  # Lightning's


def optimised(results: dict[str, Any], cfg: DictConfig) -> float | None:
    return results.get("metrics", {}).get(cfg.optimized_metric)


def is_of_others(cfg: DictConfig, folder: Path) -> bool:
    """Whether the folder holds a run with other settings."""
    file = folder / "config.yaml"
    return file.is_file() and run_folder.content_of(file) != OmegaConf.to_container(cfg, resolve=True)


def record_failure(folder: Path, error: Exception) -> None:
    """Leave the reason in the job's folder, unless that is another run's."""
    if isinstance(error, FolderTaken):
        return
    record = {"type": type(error).__name__, "error": one_line(error)}
    try:
        write_atomically(folder / "failure.json", json.dumps(record, indent=1))
    except OSError:
        log.warning("the failure could not be written to %s", folder)


def refuse_overrides() -> None:
    task = HydraConfig.get().overrides.task
    given = [item for item in task if not (item.startswith("resume=") or PLACES.match(item))]
    if given:
        raise UserError(f"resume= takes the run's own settings; leave out {' '.join(given)}")


def continued(cfg: DictConfig) -> DictConfig:
    """The config that the run which `cfg.resume` names goes on with: the run's own, in the user's own places.

    Whether it is valid is still to be seen.
    """
    run = Path(cfg.resume)
    paths: Any = OmegaConf.to_container(cfg.paths, resolve=True)
    saved = run_folder.config_to_resume(run, Path(cfg.data.root), paths)
    loggers = OmegaConf.to_container(cfg.logger) or run_folder.loggers_anew(run)
    return OmegaConf.create(saved | {"resume": str(run), "ckpt_path": "last", "logger": loggers})


def refuse_pickles(args: Sequence[str]) -> None:
    """Hydra would take a run up from a pickle, which may run any code; its options may be shortened."""
    if any(arg.startswith("--e") and not arg.startswith("--experiment=") for arg in args):
        raise UserError("--experimental-rerun is refused: it loads a pickle; go on with a run by resume=FOLDER")
