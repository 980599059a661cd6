"""The finished runs that a run needs: the trained network it starts from, and those it is compared with.

Each is an ordinary run of an ordinary experiment, trained once and kept in `paths.baselines` under a name that holds a
hash of all that determines its result. A lock lets several jobs ask for it at once: one trains, the others wait.
"""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock
from omegaconf import DictConfig, OmegaConf, open_dict

from dlhw.config import compose_config
from dlhw.data import face_files, npz, speech_sources
from dlhw.errors import UserError
from dlhw.schema import SPEECH, validate

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
    return finished_run(baseline_config(cfg), train, "baseline")


def obtain_references(cfg: DictConfig, train: Train) -> dict[str, Path]:
    """The folders of the finished runs that `cfg.references` names, as `obtain` gives the baseline's.

    Each has the data and device of the run that asks, its seed where the reference names none of its own, and its own
    network and recipe. The keys are the experiments' names, with the overrides behind them where two references are of
    one experiment.

    Raises:
        UserError: a reference's config is not valid.
    """
    wanted = [
        (reference.experiment, reference.get("overrides", []), reference.get("seed"))
        for reference in cfg.get("references", [])
    ]
    counts = Counter(experiment for experiment, _, _ in wanted)
    folders = {}
    for experiment, overrides, seed in wanted:
        label = experiment if counts[experiment] == 1 else " ".join([experiment, *overrides])
        spec = run_config(cfg, experiment, overrides, same_net=False, seed=seed)
        folders[label] = finished_run(spec, train, "reference")
    return folders


def finished_run(spec: DictConfig, train: Train, role: str) -> Path:
    """The folder of the config's finished run in the cache; trains it first where it is not there.

    Raises:
        UserError: the config is not valid: its overrides are the asking run's, which may be taken up from any folder.
    """
    try:
        validate(spec)
    except UserError as error:
        raise UserError(f"the {role} {spec.name}: {error}") from error
    folder = Path(spec.paths.baselines) / f"{spec.name}-{spec.data.dataset}-seed{spec.seed}-{fingerprint(spec)}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to {folder.parent}: {error.strerror}; choose another paths.baselines") from error
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "results.json").is_file():
            log.info("training the %s %s with seed %d, once; it is kept in %s", role, spec.name, spec.seed, folder)
            spec.resume, spec.ckpt_path = str(folder), "last"
            train(spec, folder)
    return folder


def baseline_config(cfg: DictConfig) -> DictConfig:
    """The baseline's own recipe on the data, network, seed and device of the run that asks for it."""
    return run_config(cfg, cfg.baseline.experiment, cfg.baseline.overrides, same_net=True)


def run_config(
    cfg: DictConfig, experiment: str, overrides: Sequence[str], *, same_net: bool, seed: int | None = None
) -> DictConfig:
    """An experiment's own recipe on the data, seed and device of the run that asks for it, and on its network too
    where `same_net`; with a `seed` of its own where one is given.
    """
    spec = compose_config([f"experiment={experiment}", *overrides])
    with open_dict(spec):
        spec.seed, spec.paths = cfg.seed if seed is None else seed, cfg.paths
        spec.data.update({key: cfg.data[key] for key in cfg.data if key not in RECIPE})
        if same_net:
            spec.model.net = cfg.model.net
        spec.trainer.update({key: cfg.trainer[key] for key in DEBUG})
        if spec.trainer.fast_dev_run:  # that keeps no checkpoint, and it must: one batch of one epoch
            spec.trainer.update(fast_dev_run=False, max_epochs=1)
            spec.trainer.update(limit_train_batches=1, limit_val_batches=1, limit_test_batches=1)
    resolved = OmegaConf.create(OmegaConf.to_container(spec, resolve=True))
    assert isinstance(resolved, DictConfig)
    return resolved


def fingerprint(spec: DictConfig) -> str:
    """A hash of all in a config that determines the trained weights."""
    plain: Any = OmegaConf.to_container(spec, resolve=True)
    determining = {key: plain[key] for key in ("seed", "data", "model", "optimizer", "scheduler")}
    is_sound = plain["data"]["dataset"] in SPEECH
    paths = ("path", "clean", "noise") if is_sound else ("path",)
    determining["data"] = {k: v for k, v in plain["data"].items() if k not in ("root", *paths, "eval_batch_size")}
    if stored := [Path(plain["data"][key]) for key in paths if plain["data"].get(key) is not None]:
        content = speech_sources if is_sound else face_files if plain["data"]["dataset"] == "faces" else npz
        determining["data"]["content"] = " ".join(content.fingerprint(path) for path in stored)
    determining["trainer"] = {k: v for k, v in plain["trainer"].items() if k not in ("accelerator", "profiler")}
    determining["nuclear_decay"] = plain["callbacks"].get("nuclear_decay")
    # what came later, left out where it is absent: what is in the caches keeps its name
    later = {
        "baseline": plain, "start": plain, "early_stopping": plain["callbacks"], "range_test": plain["callbacks"],
    }  # fmt: skip
    determining |= {key: section[key] for key, section in later.items() if section.get(key) is not None}
    checkpoint = plain["callbacks"]["checkpoint"] or {}
    determining["chosen_by"] = [checkpoint.get(key) for key in ("monitor", "mode")]
    return hashlib.sha256(json.dumps(determining, sort_keys=True).encode()).hexdigest()[:10]
