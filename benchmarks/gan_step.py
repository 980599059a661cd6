"""A step of a GAN through train.py's own path, against a bare PyTorch loop of the same GAN; and what options give."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from timing import heading, line
from torch import Tensor
from torch.nn import functional as F

from dlhw import run
from dlhw.config import compose_config

NUM_STEPS = {"gan_dense": 60, "gan_conv": 20}  # an epoch of the benchmark
UNMEASURED = [f"callbacks.{name}=null" for name in ("sample_quality", "sample_snapshots", "layer_weights")]


class StepStopwatch(pl.Callback):
    """Times the steps of each epoch but for its first, and calls `between` before it, so that two ways alternate."""

    def __init__(self, between: Callable[[], Any]) -> None:
        self.between, self.seconds = between, []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.between()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx == 0:
            self.start = time.perf_counter()
        if trainer.is_last_batch:
            self.seconds.append((time.perf_counter() - self.start) / batch_idx)


def bare_epoch(cfg: Any, images: Tensor, num_steps: int) -> Callable[[], float]:
    """What one writes without a framework: both steps of both networks, their schedules, the generator's average."""
    net = instantiate(cfg.model.net)
    if cfg.model.channels_last:
        net = net.to(memory_format=torch.channels_last)
    generator, discriminator = net.generator, net.discriminator
    average = [value.clone() for value in generator.state_dict().values()]
    make = instantiate(cfg.optimizer)
    optimizers = [make(part.parameters()) for part in (generator, discriminator)]
    schedulers = [instantiate(cfg.scheduler)(optimizer, num_steps=10_000) for optimizer in optimizers]
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=cfg.trainer.precision == "bf16-mixed")
    batch = cfg.data.batch_size

    def step(real: Tensor) -> tuple[Tensor, Tensor]:
        noise = torch.randn(2, len(real), cfg.latent)
        with autocast:
            with torch.no_grad():
                fake = generator(noise[0])
            order = torch.randperm(2 * len(real))
            labels = torch.cat([torch.ones(len(real)), torch.zeros(len(real))])[order]
            logits = discriminator(torch.cat([real, fake])[order]).float()
            loss = F.binary_cross_entropy_with_logits(logits, labels)
        optimizers[1].zero_grad()
        loss.backward()
        optimizers[1].step()
        discriminator.requires_grad_(False)
        with autocast:
            logits = discriminator(generator(noise[1])).float()
            generator_loss = F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
        optimizers[0].zero_grad()
        generator_loss.backward()
        optimizers[0].step()
        discriminator.requires_grad_(True)
        with torch.no_grad():
            for kept, new in zip(average, generator.state_dict().values(), strict=True):
                kept.lerp_(new, 0.001) if kept.is_floating_point() else kept.copy_(new)
        for scheduler in schedulers:
            scheduler.step()
        return loss.detach(), generator_loss.detach()

    def epoch() -> float:
        """Seconds a step."""
        first, *others = torch.randperm(len(images)).split(batch)[:num_steps]
        losses = [step(images[first])]
        start = time.perf_counter()
        losses += [step(images[rows]) for rows in others]
        return (time.perf_counter() - start) / len(others)

    return epoch


def own_against_bare(experiment: str, overrides: list[str], num_epochs: int = 5) -> tuple[float, float]:
    """Seconds a step, own path and bare loop, epochs of the two alternating; the medians of all but the first."""
    num_steps = NUM_STEPS[experiment]
    cfg = compose_config(
        [
            f"experiment={experiment}", "trainer=cpu", "references=[]", f"trainer.max_epochs={num_epochs}",
            f"trainer.limit_train_batches={num_steps}", "trainer.limit_val_batches=0", *UNMEASURED, *overrides,
        ]
    )  # fmt: skip
    run.quiet()
    data = instantiate(cfg.data, seed=0)
    data.setup()
    bare = bare_epoch(cfg, data.parts["train"][0], num_steps)
    bare_seconds: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        watch = StepStopwatch(between=lambda: bare_seconds.append(bare()))
        callbacks = [*run.make_callbacks(cfg, Path(folder))[0], watch]
        module = run.make_module(cfg, instantiate(cfg.model.net), data)
        run.make_trainer(cfg, Path(folder), callbacks, module).fit(module, datamodule=data)
    return statistics.median(watch.seconds[1:]), statistics.median(bare_seconds[1:])


def main(overrides: list[str]) -> None:
    heading("a step of both networks of a GAN")
    for experiment in NUM_STEPS:
        own, bare = own_against_bare(experiment, overrides)
        line(f"a step of {experiment}: own path / bare PyTorch loop", f"{own / bare:.2f}", "<= 1.1")
        line("milliseconds a step: own path, bare loop", f"{1000 * own:.1f}, {1000 * bare:.1f}")
    plain, _ = own_against_bare("gan_conv", [*overrides, "model.channels_last=false"])
    line("gan_conv, channels_last / contiguous", f"{own / plain:.2f}")
    half, _ = own_against_bare("gan_conv", [*overrides, "trainer.precision=bf16-mixed"], num_epochs=2)
    line("gan_conv, bf16 autocast (few processors compute in it) / float32", f"{half / own:.2f}")
