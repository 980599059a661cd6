"""One run: config -> data, network, module, trainer -> fit, test -> the run's folder."""

import logging
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.errors import InstantiationException
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import Callback, ModelCheckpoint, RichProgressBar
from pytorch_lightning.loggers import Logger
from torch import nn

from dlhw import baseline, checkpoints, loggers, run_folder, targets
from dlhw.callbacks.find import callbacks_of, find
from dlhw.callbacks.progress import EpochLines
from dlhw.callbacks.recorder import Informed, Recorder
from dlhw.config import checkpoint_to_resume
from dlhw.distributed import BatchNormSync
from dlhw.errors import UserError
from dlhw.facts import chosen_epoch, first_facts, headline, last_facts, measured, summary
from dlhw.files import write_atomically
from dlhw.lean import NoProfiler, without_empty_hooks
from dlhw.record import Record
from dlhw.report import run_report
from dlhw.schema import check_monitors
from dlhw.start import Start

log = logging.getLogger(__name__)


@contextmanager
def audible() -> Iterator[None]:
    """Has what a run says seen, where nobody configured logging, as in a notebook.

    Whoever wants less sets the level of the logger `dlhw`.
    """
    logger = logging.getLogger("dlhw")
    if logger.level != logging.NOTSET or logger.isEnabledFor(logging.INFO):
        yield
        return
    handlers = [] if logger.hasHandlers() else [logging.StreamHandler(sys.stdout)]
    logger.setLevel(logging.INFO)
    for handler in handlers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        logger.setLevel(logging.NOTSET)
        for handler in handlers:
            logger.removeHandler(handler)


@audible()
def run(cfg: DictConfig, folder: Path) -> dict[str, Any]:
    """Train and test what the config describes, write the folder, and return what `results.json` holds.

    What it has to say is logged by the logger `dlhw`, and printed where no logging is configured.

    Args:
        cfg: a composed, valid config.
        folder: the run's folder, which holds no other run; where `cfg.resume` names it, the run in it goes on.

    Raises:
        UserError: something the user can mend, in one line.
    """
    quiet()
    targets.check_arguments(OmegaConf.to_container(cfg, resolve=True))
    check_machine(cfg)
    checkpoint = checkpoint_to_resume(cfg, folder)
    if checkpoint is not None:
        checkpoints.load(checkpoint)  # a damaged one is refused before anything is trained
    save_config(cfg, folder, checkpoint)
    with loggers.opened(cfg, folder) as opened:
        return train_and_test(cfg, folder, checkpoint, opened)


def check_machine(cfg: DictConfig) -> None:
    """Refuse at once what this machine has not.

    Raises:
        UserError: no such accelerator or devices.
    """
    try:
        instantiate(cfg.trainer, logger=False, enable_checkpointing=False)
    except InstantiationException as error:
        reason = " ".join(str(error.__cause__ or error).split())
        raise UserError(f"trainer: {reason} (trainer=auto takes what there is, trainer=cpu always works)") from error


def train_and_test(cfg: DictConfig, folder: Path, checkpoint: Path | None, opened: list[Logger]) -> dict[str, Any]:
    references = baseline.obtain_references(cfg, run, needed=None if cfg.get("test", True) else judges(cfg))
    pl.seed_everything(cfg.seed, workers=True, verbose=False)

    data = instantiate(cfg.data, seed=cfg.seed)
    data.setup()
    check_monitors(cfg.callbacks, data.splits)
    start = make_start(cfg, data)
    started = time.perf_counter()  # the baseline's time is its own run's
    module = make_module(cfg, start.net, data)
    record = Record(folder)
    record.facts |= first_facts(cfg, folder, data, start.net)
    record.metrics |= start.metrics
    callbacks, recorders = make_callbacks(cfg, folder)
    for informed in [*callbacks, *recorders]:
        if isinstance(informed, Informed):
            informed.record, informed.start, informed.data, informed.references = record, start, data, references
    trainer = make_trainer(cfg, folder, callbacks, module, opened)

    if not trainer.is_global_zero:
        logging.getLogger("dlhw").setLevel(logging.WARNING)  # one process speaks for all
    log.info("%s", summary(record))
    trained = fit(cfg, trainer, module, data, checkpoint, record)
    chosen = choose_checkpoint(trainer, record, trained)
    if chosen is not None:
        module.load_state_dict(checkpoints.load(chosen)["state_dict"])
    else:
        trainer.validate(module, datamodule=data, verbose=False)
        record.metrics |= measured(trainer)
    if not trained:
        record.facts["untrained"] = untrained(cfg, checkpoint)
        record.notes.append(f"Nothing was trained: what is measured is of {record.facts['untrained']}.")
    if cfg.get("test", True):
        callbacks_of(trainer).extend(recorders)  # not before: Lightning calls each callback six times a step
        trainer.test(module, datamodule=data, verbose=False)
        record.metrics |= measured(trainer)
    else:
        record.metrics |= chosen_epoch(trainer, record)
        record.notes.append("The test set was not touched (test=false).")
    if not trainer.is_global_zero:
        return record.results()

    record.facts |= last_facts(trainer, time.perf_counter() - started)
    results = record.write()
    report = run_report(folder)
    log.info("%s", headline(record))
    log.info("report: %s", report)
    return results


def quiet() -> None:
    """Leave out what Lightning says of itself on every run."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    logging.getLogger("pytorch_lightning.loggers.mlflow").setLevel(logging.ERROR)  # that an experiment is a new one
    warnings.filterwarnings("ignore", ".*treespec, LeafSpec.*")
    warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists and is not empty.*")
    warnings.filterwarnings("ignore", "Total length of `list` across ranks is zero")  # there is no validation part
    warnings.filterwarnings("ignore", "The number of training batches .* is smaller than the logging interval")
    warnings.filterwarnings("ignore", "You requested to overfit")  # and the loader does not shuffle then


def save_config(cfg: DictConfig, folder: Path, checkpoint: Path | None) -> None:
    saved = folder / "config.yaml"
    if saved.is_file():  # a resumed run keeps what it was started with
        if baseline.determining(run_folder.content_of(saved)) != baseline.determining(baseline.plain(cfg)):
            raise UserError(f"resume={folder}: {saved} has other settings than the run is to go on with; take those")
        if checkpoint is None and (origin := origin_of(folder)) is not None:
            raise UserError(
                f"resume={folder}: it went on from ckpt_path={origin}, and was ended before it had a checkpoint of its "
                "own; run that command again instead"
            )
        return
    if cfg.ckpt_path == "last":  # another one tomorrow
        cfg = cfg.copy()
        cfg.ckpt_path = checkpoint and str(checkpoint)
    try:
        write_atomically(folder / "config.yaml", OmegaConf.to_yaml(cfg, resolve=True))
        hydras = folder / ".hydra" / "overrides.yaml"
        overrides = hydras.read_text(encoding="utf-8") if hydras.is_file() else OmegaConf.to_yaml(OmegaConf.create([]))
        write_atomically(folder / "overrides.yaml", overrides)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}; choose another paths.outputs") from error


def make_start(cfg: DictConfig, data: Any) -> Start:
    """The network that training starts from: new, with weights of a start's choice, or made from a trained baseline."""
    net: nn.Module = instantiate(cfg.model.net)
    if cfg.get("baseline") is None:
        return instantiate(cfg.start)(net, data) if cfg.get("start") is not None else Start(net)
    folder = baseline.obtain(cfg, run)
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    checkpoints.load_net(checkpoints.tested(folder), net)
    start: Start = instantiate(cfg.start)(net, data)
    start.measure(data)
    return start


def make_module(cfg: DictConfig, net: nn.Module, data: Any) -> pl.LightningModule:
    settings = {key: value for key, value in cfg.model.items() if key != "net"}
    return instantiate(settings, _partial_=True)(
        net=net,
        optimizer=instantiate(cfg.optimizer),
        scheduler=instantiate(cfg.scheduler),
        val_splits=data.splits,
    )


def make_callbacks(cfg: DictConfig, folder: Path) -> tuple[list[Callback], list[Recorder]]:
    """The callbacks that act during training, and those that draw and tabulate at the test."""
    callbacks: list[Callback] = []
    recorders: list[Recorder] = []
    for settings in cfg.callbacks.values():
        if settings is None:  # taken out by an experiment
            continue
        callback = instantiate(settings)
        if isinstance(callback, Recorder):
            recorders.append(callback)
            continue
        if isinstance(callback, ModelCheckpoint):
            callback.dirpath = str(folder.resolve() / "checkpoints")
        callbacks.append(callback)
    # what a resumed run goes on from is written last, when all else has settled its epoch
    callbacks.sort(key=lambda callback: isinstance(callback, ModelCheckpoint) and callback.monitor is None)
    callbacks.append(RichProgressBar(refresh_rate=20) if attended() else EpochLines())
    return [without_empty_hooks(callback) for callback in callbacks], recorders


def attended() -> bool:
    """Whether somebody watches: a terminal is attached."""
    return sys.stdout.isatty()


def judges(cfg: DictConfig) -> set[str]:
    """The experiments whose networks judge while this run trains, and not only at its test."""
    settings = [made for made in cfg.callbacks.values() if made and "judge" in made]
    return {made.judge for made in settings if not issubclass(get_class(made._target_), Recorder)}


def make_trainer(
    cfg: DictConfig, folder: Path, callbacks: list[Callback], module: pl.LightningModule, opened: list[Logger]
) -> pl.Trainer:
    make: partial[pl.Trainer] = instantiate(cfg.trainer, _partial_=True)
    # Deterministic algorithms would also fill each new tensor with NaN: a fault finder, for a twentieth of the time
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # set without a stub
    if cfg.trainer.strategy == "ddp" and not module.automatic_optimization:
        # each of its steps leaves another part of the parameters alone
        make = partial(make, strategy="ddp_find_unused_parameters_true")
    return make(
        profiler=cfg.trainer.profiler or NoProfiler(),
        callbacks=callbacks,
        logger=opened or False,
        # of the two, one process has no use for the second
        plugins=[checkpoints.RunCheckpointIO(folder / "checkpoints"), BatchNormSync()],
        default_root_dir=str(folder),
        num_sanity_val_steps=0,
        use_distributed_sampler=False,  # the loader takes each process's share itself
        enable_model_summary=False,
        enable_progress_bar=attended(),
        deterministic=True,
    )


def fit(
    cfg: DictConfig, trainer: pl.Trainer, module: pl.LightningModule, data: Any, checkpoint: Path | None, record: Record
) -> bool:
    """Train, from the checkpoint on where there is one; where all epochs are behind it, take its weights as they are.

    Returns:
        Whether this run's network was trained by it, now or before it was resumed.
    """
    num_epochs = min(cfg.trainer.max_epochs, trainer.max_epochs or 0)  # fast_dev_run makes one of any number
    state: dict[str, Any] = {} if checkpoint is None else checkpoints.load(checkpoint)
    if checkpoint is not None:
        checkpoints.check_fits(state["state_dict"], module, checkpoint)
    if num_epochs > 0 and (cfg.resume or num_epochs > state.get("epoch", -1) + 1):
        trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        if trainer.interrupted:
            raise KeyboardInterrupt
    elif checkpoint is not None:
        module.load_state_dict(state["state_dict"])
    trained = trainer.global_step > (0 if cfg.resume else state.get("global_step", 0))
    if trained and (origin := origin_of(record.folder)) is not None:
        record.notes.append(f"Goes on from {origin}; the epochs before it are not among those chosen from.")
    return trained


def origin_of(folder: Path) -> str | None:
    """The checkpoint of another run that the run in `folder` went on from; None where it began anew."""
    return run_folder.content_of(folder / "config.yaml")["ckpt_path"]


def untrained(cfg: DictConfig, checkpoint: Path | None) -> str:
    """What the network of a run is that trained nothing."""
    if checkpoint is not None:
        return f"the checkpoint {checkpoint} as it is"
    if cfg.get("baseline") is not None:
        return f"what was made of the baseline {cfg.baseline.experiment}"
    return "an untrained network"


def choose_checkpoint(trainer: pl.Trainer, record: Record, trained: bool) -> Path | None:
    """The checkpoint of the run's network, and why; None where nothing was trained or kept."""
    keeper = find(trainer, ModelCheckpoint)
    if keeper is None or keeper.monitor is None or keeper.best_model_score is None:  # a path may be another run's
        why = "nothing chose among the epochs" if trained else "nothing was trained"
        record.facts["checkpoint"] = {"path": None, "why": f"{why}: the network is taken as it stands"}
        return None
    path = Path(keeper.best_model_path)
    epoch = checkpoints.load(path)["epoch"] + 1
    score = keeper.best_model_score.item()
    home = record.folder.resolve()
    extreme = "highest" if keeper.mode == "max" else "lowest"
    record.metrics[str(keeper.monitor)] = score
    record.facts["chosen_epoch"] = epoch
    record.facts["checkpoint"] = {
        "path": str(path.relative_to(home) if path.is_relative_to(home) else path),
        "why": f"{extreme} {keeper.monitor} ({score:.4f}), after epoch {epoch}",
    }
    return path
