"""One run: config -> data, network, module, trainer -> fit, test -> the run's folder."""

import logging
import sys
import time
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import Callback, ModelCheckpoint, RichProgressBar
from torch import nn

from dlhw import baseline, checkpoints
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


def run(cfg: DictConfig, folder: Path) -> dict[str, Any]:
    """Train and test what the config describes, write the folder, and return what `results.json` holds.

    Args:
        cfg: a composed, valid config.
        folder: the run's folder; where it holds an unfinished run and `cfg.resume` names it, the run goes on.

    Raises:
        UserError: something the user can mend, in one line.
    """
    quiet()
    checkpoint = checkpoint_to_resume(cfg, folder)
    save_config(cfg, folder)
    references = baseline.obtain_references(cfg, run) if cfg.get("test", True) else {}
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
    trainer = make_trainer(cfg, folder, callbacks, module)

    if not trainer.is_global_zero:
        logging.getLogger("dlhw").setLevel(logging.WARNING)  # one process speaks for all
    log.info("%s", summary(record))
    if cfg.trainer.max_epochs > 0:
        if checkpoint is not None:
            if not cfg.resume:
                record.notes.append(f"Goes on from {checkpoint}; the epochs before it are not among those chosen from.")
            checkpoints.check_fits(checkpoints.load(checkpoint)["state_dict"], module, checkpoint)
        trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        if trainer.interrupted:
            raise KeyboardInterrupt
    chosen = choose_checkpoint(trainer, record)
    if chosen is not None:
        module.load_state_dict(checkpoints.load(chosen)["state_dict"])
    else:
        trainer.validate(module, datamodule=data, verbose=False)
        record.metrics |= measured(trainer)
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
    warnings.filterwarnings("ignore", ".*treespec, LeafSpec.*")
    warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists and is not empty.*")
    warnings.filterwarnings("ignore", "The dirpath has changed from")  # the record's note says what it means
    warnings.filterwarnings("ignore", "Total length of `list` across ranks is zero")  # there is no validation part
    warnings.filterwarnings("ignore", "You requested to overfit")  # and the loader does not shuffle then


def save_config(cfg: DictConfig, folder: Path) -> None:
    if (folder / "config.yaml").is_file():  # a resumed run keeps what it was started with
        return
    try:
        write_atomically(folder / "config.yaml", OmegaConf.to_yaml(cfg, resolve=True))
        hydras = folder / ".hydra" / "overrides.yaml"
        overrides = hydras.read_text() if hydras.is_file() else OmegaConf.to_yaml(OmegaConf.create([]))
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


def make_trainer(cfg: DictConfig, folder: Path, callbacks: list[Callback], module: pl.LightningModule) -> pl.Trainer:
    make: partial[pl.Trainer] = instantiate(cfg.trainer, _partial_=True)
    # Deterministic algorithms would also fill each new tensor with NaN: a fault finder, for a twentieth of the time
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # set without a stub
    if cfg.trainer.strategy == "ddp" and not module.automatic_optimization:
        # each of its steps leaves another part of the parameters alone
        make = partial(make, strategy="ddp_find_unused_parameters_true")
    return make(
        profiler=cfg.trainer.profiler or NoProfiler(),
        callbacks=callbacks,
        logger=[instantiate(settings) for settings in cfg.logger.values()] or False,
        plugins=[checkpoints.AtomicCheckpointIO(), BatchNormSync()],  # which one process has no use for
        default_root_dir=str(folder),
        num_sanity_val_steps=0,
        use_distributed_sampler=False,  # the loader takes each process's share itself
        enable_model_summary=False,
        enable_progress_bar=attended(),
        deterministic=True,
    )


def choose_checkpoint(trainer: pl.Trainer, record: Record) -> Path | None:
    """The checkpoint that is tested, and why; None where nothing was trained or kept."""
    keeper = find(trainer, ModelCheckpoint)
    if keeper is None or keeper.monitor is None or not keeper.best_model_path:
        why = "nothing chose among the epochs" if trainer.global_step else "nothing was trained"
        record.facts["checkpoint"] = {"path": None, "why": f"{why}: the network as it stands is tested"}
        return None
    path = Path(keeper.best_model_path)
    assert keeper.best_model_score is not None
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
