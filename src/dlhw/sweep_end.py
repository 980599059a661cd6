"""What a sweep does before its first job and after its last one, as Hydra calls it.

Imports neither torch nor Lightning until there is a report to write.
"""

import json
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from dlhw.errors import JobFailed, SweepFailed
from dlhw.explain import explained
from dlhw.run_folder import remove_unused


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
