"""A search over hyper-parameters: refused where it has no point, taken up where it was interrupted, and at its end the
best setting trained once more and tested once.

Hydra's sweeper does the searching; the jobs' folders tell all that is to be known of the settings.
"""

import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, ListConfig, open_dict

from dlhw.command import override, train_command
from dlhw.errors import NEEDS_OPTUNA, UserError
from dlhw.metrics.names import higher_is_better
from dlhw.report.jobs import BEST, Job, read_jobs
from dlhw.report.text import is_number
from dlhw.run_folder import overrides_of


def prepare(config: DictConfig) -> None:
    """Check the space, and take up the search's study where there is one.

    Raises:
        UserError: no setting varies, or Optuna is asked for and not installed.
    """
    sweeper = config.hydra.sweeper
    check_space(sweeper, config.hydra.overrides.task)
    if "optuna" not in sweeper._target_:
        return
    if importlib.util.find_spec("optuna") is None:
        raise UserError(f"this search {NEEDS_OPTUNA}")
    os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")  # that optuna 2 is for sqlalchemy 1 is known
    for chatty in ("alembic", "optuna"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    folder = Path(config.hydra.sweep.dir)
    folder.mkdir(parents=True, exist_ok=True)
    with open_dict(sweeper):
        sweeper.direction = "maximize" if higher_is_better(config.optimized_metric) else "minimize"
        if (folder / "study.db").is_file():
            num_trials = take_up(folder, sweeper, config.optimized_metric)
            num_done = sum(is_done(job) for job in read_jobs(folder))
            sweeper.n_trials = max(0, sweeper.n_trials - num_done)
            if sweeper.sampler.get("seed") is not None:
                sweeper.sampler.seed += num_trials  # else it would draw the first ones again


def check_space(sweeper: DictConfig, task: ListConfig) -> None:
    params = dict(sweeper.get("params") or {})
    parsed = OverridesParser.create().parse_overrides([*(f"{key}={value}" for key, value in params.items()), *task])
    space = {override.get_key_element(): override for override in parsed}  # the command line has the last word
    empty = [key for key in params if space[key].value() == ""]
    if empty or not any(override.is_sweep_override() for override in space.values()):
        what = f"{empty[0]}= is empty" if empty else "nothing varies"
        raise UserError(f"the search space has no point: {what}; give a setting several values, as in units=30,40,50")


def take_up(folder: Path, sweeper: DictConfig, metric: str) -> int:
    """Settle the trials that an interruption left open; returns how many trials the study holds.

    Those whose job had ended get its result; the others will be the first that the study suggests again.
    """
    import optuna

    study = optuna.load_study(sweeper.study_name, sweeper.storage)
    jobs = {frozenset(overrides_of(job.folder)): job for job in read_jobs(folder)}
    for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        setting = {f"{key}={value}" for key, value in trial.params.items()}
        job = next((job for overrides, job in jobs.items() if setting and setting <= overrides), None)
        value = job.measured.get(metric) if job is not None else None
        if is_number(value):
            study.tell(trial.number, value)
            continue
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        if setting and (job is None or not is_done(job)):
            with warnings.catch_warnings(category=optuna.exceptions.ExperimentalWarning, action="ignore"):
                study.enqueue_trial(trial.params)
    return len(study.trials)


def is_done(job: Job) -> bool:
    """Whether a job came to its end, good or bad."""
    return job.error is None or (job.folder / "failure.json").is_file()


def best_job(folder: Path) -> Job | None:
    """The job with the best value of the metric that the search optimises; None where none has one."""
    jobs = [job for job in read_jobs(folder) if is_number(optimised(job))]
    sign = 1 if jobs and higher_is_better(jobs[0].results["optimized_metric"]) else -1
    return max(jobs, key=lambda job: sign * optimised(job), default=None)


def optimised(job: Job) -> Any:
    return job.measured.get(job.results.get("optimized_metric", ""))


def retrain_best(folder: Path, env: DictConfig) -> None:
    """An ordinary run, in `<folder>/best`, of the best setting that the search found: trained and tested.

    Raises:
        UserError: the run failed.
    """
    best = best_job(folder)
    if best is None:
        return
    chosen_anew = ("experiment=", "hparams_search=", "test=")
    setting = [override for override in overrides_of(best.folder) if not override.startswith(chosen_anew)]
    overrides = [f"experiment={best.results['experiment']}", *setting]
    home = folder / BEST
    if (home / "results.json").is_file() and overrides_of(home) == overrides:
        return
    if home.is_dir() and not (home / "overrides.yaml").is_file() and any(home.iterdir()):
        raise UserError(f"{home} holds something else than a run; choose another hydra.sweep.dir")
    shutil.rmtree(home, ignore_errors=True)  # an earlier end of this search, or an interrupted one
    command = [sys.executable, sys.argv[0], *overrides, override("hydra.run.dir", home)]
    print(f"the best setting, trained once more and tested: {train_command(*overrides)}", flush=True)
    done = subprocess.run(command, env={**os.environ, **{str(key): str(value) for key, value in env.items()}})
    if done.returncode:
        raise UserError(f"the best setting could not be trained once more; {home / 'train.log'} may tell why")
