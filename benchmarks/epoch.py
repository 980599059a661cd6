"""An epoch of mnist_mlp through train.py's own path, against a bare loop and against the usual way."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from PIL import Image
from timing import heading, line
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchmetrics.classification import MulticlassAccuracy
from torchvision import transforms

from dlhw import run
from dlhw.config import compose_config
from dlhw.models.one_net import decay_matrices_only


class Stopwatch(pl.callbacks.Checkpoint):
    """Times each epoch of a fit, and calls `between` before it, so that two ways alternate."""

    def __init__(self, between: Callable[[], Any] = lambda: None) -> None:
        self.between, self.seconds = between, []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.between()
        self.start = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.seconds.append(time.perf_counter() - self.start)


class UsualData(Dataset):
    """A torchvision data set as everybody writes it: a PIL image and a transform for each sample."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.13,), (0.31,))])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index].numpy())), int(self.labels[index])


class UsualModule(pl.LightningModule):
    """The same network, its metrics kept by torchmetrics and logged at each step."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.accuracy = MulticlassAccuracy(10, average="micro")

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        inputs, labels = batch
        logits = self.net(inputs)
        loss = F.cross_entropy(logits, labels)
        self.accuracy(logits, labels)
        self.log("train/loss", loss, on_step=True, on_epoch=True)
        self.log("train/acc", self.accuracy, on_step=True, on_epoch=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def bare_epoch(cfg: Any, train: tuple[Tensor, Tensor], val: tuple[Tensor, Tensor]) -> Callable[[], float]:
    """What one writes without a framework for the same outcome: the experiment's own optimizer, with weight decay on
    the matrices alone, its schedule, loss and accuracy of both parts; no checkpoint.
    """
    net = instantiate(cfg.model.net)
    optimizer = instantiate(cfg.optimizer)(decay_matrices_only(net))
    scheduler = instantiate(cfg.scheduler)(optimizer, num_steps=10_000)

    def epoch() -> float:
        start = time.perf_counter()
        net.train()
        loss_sum, hits = torch.zeros(()), torch.zeros(())
        for rows in torch.randperm(len(train[1])).split(128):
            inputs, labels = train[0][rows], train[1][rows]
            optimizer.zero_grad()
            logits = net(inputs)
            loss = F.cross_entropy(logits, labels)
            loss.backward()
            optimizer.step()
            scheduler.step()
            loss_sum += loss.detach() * len(rows)
            hits += (logits.argmax(1) == labels).sum()
        net.eval()
        with torch.no_grad():
            for inputs, labels in zip(val[0].split(2000), val[1].split(2000), strict=True):
                logits = net(inputs)
                F.cross_entropy(logits, labels)
                (logits.argmax(1) == labels).sum()
        return time.perf_counter() - start

    return epoch


def main(overrides: list[str], epochs: int = 7) -> None:
    cfg = compose_config(
        [
            "experiment=mnist_mlp",
            "trainer=cpu",
            "data.test_every_epoch=false",
            f"trainer.max_epochs={epochs}",
            *overrides,
        ]
    )
    data = instantiate(cfg.data, seed=0)
    data.setup()
    heading(f"an epoch of mnist_mlp on {data.title}: {len(data.parts['train'][1]):,} images, batch 128")
    own, bare = own_against_bare(cfg, data)
    line("through train.py's own path / bare PyTorch loop", f"{own / bare:.2f}", "<= 1.25")
    line("seconds an epoch: own path, bare loop", f"{own:.2f}, {bare:.2f}")
    usual = usual_way(data, instantiate(cfg.model.net))
    line("the usual way / own path", f"{usual / own:.1f}", ">= 5")


def own_against_bare(cfg: Any, data: Any) -> tuple[float, float]:
    run.quiet()
    with tempfile.TemporaryDirectory() as folder:
        net = instantiate(cfg.model.net)
        bare = bare_epoch(cfg, data.parts["train"], data.parts["val"])
        bare_seconds: list[float] = []
        watch = Stopwatch(between=lambda: bare_seconds.append(bare()))
        callbacks = [*run.make_callbacks(cfg, Path(folder))[0], watch]
        module = run.make_module(cfg, net, data)
        run.make_trainer(cfg, Path(folder), callbacks, module).fit(module, datamodule=data)
    return statistics.median(watch.seconds[1:]), statistics.median(bare_seconds[1:])


def usual_way(data: Any, net: nn.Module, batch_size: int = 128, num_epochs: int = 2) -> float:
    """Seconds of the last epoch, with a PIL image and a transform for each sample, and metrics logged at each step."""
    images = (data.parts["train"][0][:, 0] * data.std + data.mean).mul(255).round().byte()
    loader = DataLoader(UsualData(images, data.parts["train"][1]), batch_size=batch_size, shuffle=True)
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        trainer = pl.Trainer(
            max_epochs=num_epochs, accelerator="cpu", callbacks=[watch], default_root_dir=folder,
            logger=pl.loggers.CSVLogger(folder), enable_model_summary=False, enable_progress_bar=False,
        )  # fmt: skip
        trainer.fit(UsualModule(net), loader)
    return watch.seconds[-1]
