"""The finished runs that a run needs: the trained network it starts from, and those it is compared with.

Each is an ordinary run of an ordinary experiment, trained once and kept in `paths.baselines` under a name that holds a
hash of all that determines its result. A lock lets several jobs ask for it at once: one trains, the others wait.
"""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock
from omegaconf import DictConfig, OmegaConf, open_dict

from dlhw.config import compose_config
from dlhw.data import face_files, npz, speech_sources
from dlhw.errors import UserError
from dlhw.files import read_json
from dlhw.run_folder import content_of
from dlhw.schema import SPEECH, validate

log = logging.getLogger(__name__)

# What of `data` belongs to a training recipe rather than to the data; a baseline has its own
RECIPE = {"batch_size", "augment", "test_every_epoch"}
# What of `trainer` says how much or where to run rather than what; a baseline takes it from the run
DEBUG = {"accelerator", "fast_dev_run", "limit_train_batches", "limit_val_batches", "limit_test_batches"}
# What cannot change a result by more than rounding: where things are kept and computed, where a run goes on, and what
# is only shown of it. All else in a config is part of a cached run's name
UNNAMED = (
    "resume", "ckpt_path", "paths", "logger", "optimized_metric", "sweep",
    "trainer.accelerator", "trainer.profiler", "data.root", "data.eval_batch_size",
)  # fmt: skip
UNNAMED_CALLBACKS = {
    "dlhw.callbacks.carbon.CarbonReport",
    "dlhw.callbacks.comparison.Comparison",
    "dlhw.callbacks.confusion.Confusion",
    "dlhw.callbacks.curves.Curves",
    "dlhw.callbacks.energy.Energy",
}

Train = Callable[[DictConfig, Path], dict[str, Any]]


def obtain(cfg: DictConfig, train: Train) -> Path:
    """The folder of the baseline's finished run; trains it first where the cache does not have it.

    Args:
        cfg: the config of the run that starts from the baseline.
        train: runs a config into a folder, and goes on where a killed run stopped.

    Raises:
        UserError: the baseline's config is not valid.
    """
    spec = baseline_config(cfg)
    check_valid(spec, "baseline")
    return finished_run(spec, train, "baseline")


def obtain_references(cfg: DictConfig, train: Train, needed: Collection[str] | None = None) -> dict[str, Path]:
    """The folders of the finished runs that `cfg.references` names, as `obtain` gives the baseline's.

    Args:
        needed: the experiments whose folders are asked for; all where it is None.

    Raises:
        UserError: a reference's config is not valid.
    """
    specs = {label: spec for label, spec in reference_configs(cfg).items() if needed is None or label in needed}
    for spec in specs.values():
        check_valid(spec, "reference")
    return {label: finished_run(spec, train, "reference") for label, spec in specs.items()}


def finished_run(spec: DictConfig, train: Train, role: str) -> Path:
    """The folder of the valid config's finished run in the cache; trains it first where it is not there.

    Raises:
        UserError: the run in the cache is damaged, or nothing can be written there.
    """
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
        check_whole(folder, spec, role)
    return folder


def check_valid(spec: DictConfig, role: str) -> None:
    """Refuse a config that cannot run, as its overrides are the asking run's; and a baseline that nothing would train.

    Raises:
        UserError: one line that names the run.
    """
    try:
        validate(spec)
    except UserError as error:
        raise UserError(f"the {role} {spec.name}: {error}") from error
    if role == "baseline" and 0 in (spec.trainer.max_epochs, spec.trainer.limit_train_batches):
        raise UserError(
            f"the baseline {spec.name} would not be trained: its trainer.max_epochs={spec.trainer.max_epochs}, "
            f"trainer.limit_train_batches={spec.trainer.limit_train_batches}; both must be above 0"
        )


def check_whole(folder: Path, spec: DictConfig, role: str) -> None:
    """Refuse a run in the cache that somebody or something damaged, before anything is built on it.

    Raises:
        UserError: one line that names the damaged file.
    """
    if (damaged := damaged_part(folder, spec)) is not None:
        raise UserError(
            f"the {role} kept in {folder} is damaged: {folder / damaged} is missing or not as it was written; "
            "delete that folder, and the next run that needs it trains it anew"
        )


def damaged_part(folder: Path, spec: DictConfig) -> str | None:
    """The file of a finished run's folder that is not as it was written; None where nothing is found wrong."""
    part = "results.json"
    try:
        results = read_json(folder / part)
        checkpoint, _ = results["checkpoint"]["path"], dict(results["metrics"])
        part = "config.yaml"
        if determining(content_of(folder / part)) != determining(plain(spec)):
            return part
    except (OSError, ValueError, KeyError, TypeError, UserError):
        return part
    return None if checkpoint is None or (folder / checkpoint).is_file() else checkpoint


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
        spec.logger = {}  # its folder tells all there is
        if same_net:
            spec.model.net = cfg.model.net
        spec.trainer.update({key: cfg.trainer[key] for key in DEBUG})
        if spec.trainer.fast_dev_run:  # that keeps no checkpoint, and it must: one batch of one epoch
            spec.trainer.update(fast_dev_run=False, max_epochs=1)
            spec.trainer.update(limit_train_batches=1, limit_val_batches=1, limit_test_batches=1)
    resolved = OmegaConf.create(OmegaConf.to_container(spec, resolve=True))
    assert isinstance(resolved, DictConfig)
    return resolved


def reference_configs(cfg: DictConfig) -> dict[str, DictConfig]:
    """The configs of the runs that `cfg.references` names.

    Each has the data and device of the run that asks, its seed where the reference names none of its own, and its own
    network and recipe. The keys are the experiments' names, with the overrides behind them where two references are of
    one experiment.
    """
    wanted = [
        (reference.experiment, reference.get("overrides", []), reference.get("seed"))
        for reference in cfg.get("references", [])
    ]
    counts = Counter(experiment for experiment, _, _ in wanted)
    return {
        experiment if counts[experiment] == 1 else " ".join([experiment, *overrides]): run_config(
            cfg, experiment, overrides, same_net=False, seed=seed
        )
        for experiment, overrides, seed in wanted
    }


def fingerprint(spec: DictConfig) -> str:
    """A hash of all that can change a run's result: its settings, the content of its files, and the same of the runs
    that it starts from or is compared with.
    """
    parts = [determining(plain(spec)), content(spec.data)]
    if spec.get("baseline") is not None:
        parts.append(fingerprint(baseline_config(spec)))
    parts += [fingerprint(config) for config in reference_configs(spec).values()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:10]


def plain(cfg: DictConfig) -> dict[str, Any]:
    """A config as plain values."""
    values: Any = OmegaConf.to_container(cfg, resolve=True)
    return values


def determining(config: Mapping[str, Any]) -> dict[str, Any]:
    """The plain values of a config without what cannot change the result; data in files counts by its content."""
    unnamed = {*UNNAMED, *(f"data.{name}" for name in paths_of(config["data"]))}

    def kept(section: Mapping[str, Any], within: str = "") -> dict[str, Any]:
        return {key: value for key, value in section.items() if within + key not in unnamed}

    callbacks = config["callbacks"].items()
    return kept(config) | {
        "data": kept(config["data"], "data."),
        "trainer": kept(config["trainer"], "trainer."),
        "callbacks": {name: made for name, made in callbacks if made and made.get("_target_") not in UNNAMED_CALLBACKS},
    }


def paths_of(data: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys of `data` that say where its files are."""
    return ("path", "clean", "noise") if data["dataset"] in SPEECH else ("path",)


def content(data: Mapping[str, Any]) -> list[str]:
    """Hashes of what the files hold that `data` names; MNIST and its like are verified when they are read."""
    reader = speech_sources if data["dataset"] in SPEECH else face_files if data["dataset"] == "faces" else npz
    return [reader.fingerprint(Path(data[key])) for key in paths_of(data) if data.get(key) is not None]
