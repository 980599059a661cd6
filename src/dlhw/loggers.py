"""Loggers of other projects (TensorBoard, Weights & Biases, MLflow) beside the run's own records."""

import inspect
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock
from hydra.errors import InstantiationException
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig
from pytorch_lightning.loggers import Logger, WandbLogger

from dlhw.errors import UserError
from dlhw.files import read_json, write_atomically
from dlhw.process import helps
from dlhw.run_folder import content_of


@contextmanager
def opened(cfg: DictConfig, folder: Path) -> Iterator[list[Logger]]:
    """The loggers that the config chooses, each with the run's settings logged; closed at the end.

    Each logs one run for the folder: its id there is kept in `loggers.json`, so that a resumed run is logged where it
    began.

    Raises:
        UserError: a logger cannot be started, such as one that has no account to log to.
    """
    file = folder / "loggers.json"
    ids = ids_in(file)
    settings = flat(content_of(folder / "config.yaml"))  # not cfg: a resumed run logs what it was started with
    outputs = Path(cfg.paths.outputs)
    outputs.mkdir(parents=True, exist_ok=True)
    loggers: list[Logger] = []
    try:
        for name, section in cfg.logger.items():
            try:
                with FileLock(outputs / ".loggers.lock"):  # or jobs would create one database at once
                    loggers.append(make(section, folder, ids.get(name)))
                    loggers[-1].log_hyperparams(settings)
                    ids[name] = loggers[-1].version
            except Exception as error:  # each library has its own
                anew = f"; remove {file}, and the run is logged anew" if name in ids else ""
                reason = error.__cause__ if isinstance(error, InstantiationException) else error
                raise UserError(f"logger.{name}: {' '.join(str(reason).split())}{anew}") from error
        if ids and not helps():
            write_atomically(file, json.dumps(ids))
        yield loggers
    except BaseException:
        close(loggers, failed=True)
        raise
    close(loggers, failed=False)


def close(loggers: list[Logger], failed: bool) -> None:
    for logger in loggers:
        # one that could not be started fails again here; else Lightning has told it
        with suppress(Exception) if failed else nullcontext():
            if failed:
                logger.finalize("failed")
            if isinstance(logger, WandbLogger):  # or the next run in this process would be logged as part of this one
                logger.experiment.finish(exit_code=int(failed))


def ids_in(file: Path) -> dict[str, Any]:
    """The ids of the run in its loggers, by the loggers' names; a foreign one names no path."""
    try:
        ids = read_json(file) if file.is_file() else {}
        if isinstance(ids, dict) and all(re.fullmatch(r"[\w-]+", str(value)) for value in ids.values()):
            return ids
    except (OSError, ValueError):
        pass
    raise UserError(f"{file} cannot be read; remove it, and the run is logged anew")


def make(section: DictConfig, folder: Path, run_id: Any) -> Logger:
    """A logger of the run in this folder, under the id that it has there; of a new one where it has none.

    What the section does not say is the folder's.
    """
    own = {"save_dir": str(folder), **dict.fromkeys(("name", "run_name"), folder.name)}
    own |= dict.fromkeys(("version", "run_id"), run_id)
    known = inspect.signature(get_class(section["_target_"])).parameters
    logger = instantiate(
        section, **{key: value for key, value in own.items() if key in known and section.get(key) is None}
    )
    if isinstance(logger, WandbLogger):
        Path(logger.save_dir or folder).mkdir(parents=True, exist_ok=True)
    return logger


def flat(node: Any, prefix: str = "") -> dict[str, Any]:
    """Nested settings as `section.key: value`; lists and what is empty are values."""
    if not isinstance(node, dict) or not node:
        return {prefix: node}
    return {
        key: value
        for name, child in node.items()
        for key, value in flat(child, f"{prefix}.{name}" if prefix else str(name)).items()
    }
