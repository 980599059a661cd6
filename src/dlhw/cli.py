"""From the command line to a run and back: listing, validation, one-line errors, exit codes.

Imports neither torch nor Lightning: `--help`, `--cfg job` and every config error answer in about a second.
"""

import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from dlhw import config, run_folder, schema
from dlhw.errors import JobFailed, UserError
from dlhw.explain import explained, one_line
from dlhw.files import write_atomically
from dlhw.run_folder import remove_unused
from dlhw.sweep_end import SweepEnd
from dlhw.usage import listing, usage

log = logging.getLogger(__name__)

INTERRUPTED = 130  # the shell's exit code for Ctrl-C


def main(app: Callable[[], Any]) -> None:
    """Run the Hydra app; turn every failure into one line on stderr and a non-zero exit code."""
    config.quiet_threads()
    if len(sys.argv) == 1:
        print(listing())
        return
    if {"-h", "--help"} & set(sys.argv):
        print(usage())
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
