"""What a run knows of itself: for its record, and for the reader of its log."""

import platform
import subprocess
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from dlhw.callbacks.energy import Energy
from dlhw.callbacks.find import find
from dlhw.callbacks.metrics_csv import epochs_of
from dlhw.command import train_command
from dlhw.config import experiments
from dlhw.metrics.parameters import count_parameters
from dlhw.record import Record
from dlhw.run_folder import overrides_of

PACKAGES = (
    "torch", "torchvision", "torchaudio", "pytorch-lightning", "hydra-core", "numpy", "scikit-learn", "codecarbon",
)  # fmt: skip


def first_facts(cfg: DictConfig, folder: Path, data: Any, net: nn.Module) -> dict[str, Any]:
    """What is known before training."""
    return {
        "experiment": cfg.name,
        "question": experiments().get(cfg.name, ""),
        "dataset": data.describe(),
        "seed": cfg.seed,
        "parameters": count_parameters(net),
        "optimized_metric": cfg.optimized_metric,
        "sweep": OmegaConf.to_container(cfg.sweep),
        "command": command(cfg, folder),
        "started": datetime.now().isoformat(timespec="seconds"),
        "machine": machine(),
        "git_commit": git_commit(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    }


def machine() -> str:
    threads = torch.get_num_threads()
    return f"{platform.machine()}, {threads} thread{'' if threads == 1 else 's'}, {platform.system()}"


def command(cfg: DictConfig, folder: Path) -> str:
    """The command line that makes this run, by the overrides its folder holds; a baseline's holds none."""
    return train_command(*(overrides_of(folder) or [f"experiment={cfg.name}", f"seed={cfg.seed}"]))


def last_facts(trainer: pl.Trainer, seconds: float) -> dict[str, Any]:
    energy = find(trainer, Energy)
    return {
        "epochs": len(epochs_of(trainer).rows),
        "wall_seconds": round(seconds, 2),
        "energy": energy.result() if energy else {"kwh": None, "co2eq_kg": None, "method": "not asked for"},
        "device": str(trainer.strategy.root_device),
        "precision": str(trainer.precision),
    }


def summary(record: Record) -> str:
    """The network's layers and parameter counts, as lines of text."""
    parameters = record.facts["parameters"]
    lines = [f"  {name:<24} {what:<36} {number:>10,}" for name, what, number in parameters["layers"]]
    facts = record.facts
    head = f"{facts['experiment']} on {facts['dataset']['name']}, seed {facts['seed']}"
    return "\n".join([head, *lines, f"  {'total':<61} {parameters['total']:>10,}"])


def headline(record: Record) -> str:
    """The run's accuracies; where it has none, what a sweep over it would draw, or what was optimised.

    Where nothing was trained, it says of what they are.
    """
    metrics, sweep = record.metrics, record.facts["sweep"]["y"]
    accuracies = [name for name in metrics if name.endswith(("/acc", "_acc"))]
    names = accuracies or [name for name in sweep if name in metrics] or [record.facts["optimized_metric"]]
    told = ", ".join(shown(name, metrics.get(name)) for name in names)
    if "untrained" in record.facts:
        return f"{told} (nothing was trained: this is of {record.facts['untrained']})"
    return told


def shown(name: str, value: float | None) -> str:
    if value is None:
        return f"{name} was not measured"
    return f"{name} {100 * value:.2f} %" if name.endswith(("/acc", "_acc")) else f"{name} {value:.4g}"


def git_commit() -> str | None:
    try:
        asked = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            capture_output=True, text=True, check=True, cwd=Path(__file__).parent, timeout=5,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.strip()


def measured(trainer: pl.Trainer) -> dict[str, float]:
    """What the last validation or test logged."""
    return {name: value.item() for name, value in trainer.callback_metrics.items()}


def chosen_epoch(trainer: pl.Trainer, record: Record) -> dict[str, float]:
    """What was measured in the epoch whose checkpoint was chosen, or in the last one where none was."""
    rows = epochs_of(trainer).rows
    epoch = record.facts.get("chosen_epoch", len(rows))
    rows = [row for row in rows if row["epoch"] == epoch]
    return {name: value for row in rows for name, value in row.items() if name.startswith(("train/", "val/"))}
