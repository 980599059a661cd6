"""The trained network that an experiment starts from: trained once, then taken from the cache.

A baseline is an ordinary run of an ordinary experiment, in `paths.baselines` under a name that holds a hash of
all that determines its result. A lock lets several jobs ask for it at once: one trains, the others wait.
"""

import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock
from omegaconf import DictConfig, OmegaConf, open_dict

from dlhw.config import compose_config
from dlhw.errors import UserError

log = logging.getLogger(__name__)

# What of `data` belongs to a training recipe rather than to the data; a baseline has its own
RECIPE = {"batch_size", "augment", "test_every_epoch"}
# What of `trainer` says how much or where to run rather than what; a baseline takes it from the run
DEBUG = {"accelerator", "fast_dev_run", "limit_train_batches", "limit_val_batches", "limit_test_batches"}

Train = Callable[[DictConfig, Path], dict[str, Any]]


def obtain(cfg: DictConfig, train: Train) -> Path:
    """The folder of the baseline's finished run; trains it first where the cache does not have it.

    Args:
        cfg: the config of the run that starts from the baseline.
        train: runs a config into a folder, and goes on where a killed run stopped.
    """
    spec = baseline_config(cfg)
    folder = Path(spec.paths.baselines) / f"{spec.name}-{spec.data.dataset}-seed{spec.seed}-{fingerprint(spec)}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to {folder.parent}: {error.strerror}; choose another paths.baselines") from error
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "results.json").is_file():
            log.info("training the baseline %s with seed %d, once; it is kept in %s", spec.name, spec.seed, folder)
            spec.resume, spec.ckpt_path = str(folder), "last"
            train(spec, folder)
    return folder


def baseline_config(cfg: DictConfig) -> DictConfig:
    """The baseline's own recipe on the data, network, seed and device of the run that asks for it."""
    spec = compose_config([f"experiment={cfg.baseline.experiment}", *cfg.baseline.overrides])
    with open_dict(spec):
        spec.seed, spec.paths = cfg.seed, cfg.paths
        spec.data.update({key: cfg.data[key] for key in cfg.data if key not in RECIPE})
        spec.model.net = cfg.model.net
        spec.trainer.update({key: cfg.trainer[key] for key in DEBUG})
        if spec.trainer.fast_dev_run:  # that keeps no checkpoint, and a baseline must: one batch of one epoch
            spec.trainer.update(fast_dev_run=False, max_epochs=1)
            spec.trainer.update(limit_train_batches=1, limit_val_batches=1, limit_test_batches=1)
    resolved = OmegaConf.create(OmegaConf.to_container(spec, resolve=True))
    assert isinstance(resolved, DictConfig)
    return resolved


def fingerprint(spec: DictConfig) -> str:
    """A hash of all in a config that determines the trained weights."""
    plain: Any = OmegaConf.to_container(spec, resolve=True)
    determining = {key: plain[key] for key in ("seed", "data", "model", "optimizer", "scheduler")}
    determining["data"] = {k: v for k, v in plain["data"].items() if k not in ("root", "eval_batch_size")}
    determining["trainer"] = {k: v for k, v in plain["trainer"].items() if k not in ("accelerator", "profiler")}
    determining["nuclear_decay"] = plain["callbacks"].get("nuclear_decay")
    determining["chosen_by"] = [plain["callbacks"]["checkpoint"][key] for key in ("monitor", "mode")]
    return hashlib.sha256(json.dumps(determining, sort_keys=True).encode()).hexdigest()[:10]
