"""The classifier's training, against a bare loop, and what it logs."""

from functools import partial
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlhw.data.loader import BatchLoader
from dlhw.models.classifier import Classifier
from dlhw.models.schedule import cosine

NUM_CLASSES = 4


def examples(num: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num, 6, generator=generator), torch.randint(NUM_CLASSES, (num,), generator=generator)


def make_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, NUM_CLASSES))


def make_trainer(**settings: Any) -> pl.Trainer:
    return pl.Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0, **settings,
    )  # fmt: skip


@pytest.fixture
def loaders() -> dict[str, BatchLoader]:
    """50 = 3 x 16 + 2 rows: the last batch is smaller."""
    return {"train": BatchLoader(examples(50, 1), 16, shuffle=True), "val": BatchLoader(examples(50, 2), 16)}


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_training_is_the_bare_loop(loaders: dict[str, BatchLoader], label_smoothing: float) -> None:
    module = Classifier(
        make_net(), partial(torch.optim.SGD, lr=0.1), partial(cosine, warmup=0.2), label_smoothing=label_smoothing
    )
    trainer = make_trainer(max_epochs=2)
    trainer.fit(module, loaders["train"], loaders["val"])

    net = make_net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    scheduler = cosine(optimizer, num_steps=8, warmup=0.2)
    for epoch in range(2):
        loss_sum = hits = 0.0
        loaders["train"].set_epoch(epoch)
        for inputs, labels in loaders["train"]:
            logits = net(inputs)
            loss = F.cross_entropy(logits, labels, label_smoothing=label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            loss_sum += loss.item() * len(labels)
            hits += (logits.argmax(1) == labels).sum().item()
    for one, other in zip(module.net.parameters(), net.parameters(), strict=True):
        assert torch.equal(one, other)
    inputs, labels = loaders["val"].tensors
    expected = {
        "train/loss": loss_sum / 50,
        "train/acc": hits / 50,
        "val/loss": F.cross_entropy(net(inputs), labels).item(),  # without smoothing: comparable between runs
        "val/acc": (net(inputs).argmax(1) == labels).float().mean().item(),
    }
    logged = {name: value.item() for name, value in trainer.callback_metrics.items()}
    assert logged == pytest.approx(expected, rel=1e-5)


def test_the_test_counts_its_confusions(loaders: dict[str, BatchLoader]) -> None:
    module = Classifier(make_net(), partial(torch.optim.SGD, lr=0.1))
    trainer = make_trainer()
    for _ in range(2):  # a second test starts anew
        trainer.test(module, loaders["val"], verbose=False)
    inputs, labels = loaders["val"].tensors
    predicted = module.net(inputs).argmax(1)
    assert module.confusion is not None
    for true in range(NUM_CLASSES):
        for guess in range(NUM_CLASSES):
            assert module.confusion[true, guess] == ((labels == true) & (predicted == guess)).sum()


def test_each_validation_loader_has_its_own_figures(loaders: dict[str, BatchLoader]) -> None:
    module = Classifier(make_net(), partial(torch.optim.SGD, lr=0.1), val_splits=("val", "test"))
    trainer = make_trainer()
    other = BatchLoader(examples(20, 3), 16)
    trainer.validate(module, [loaders["val"], other], verbose=False)
    for name, loader in {"val": loaders["val"], "test": other}.items():
        inputs, labels = loader.tensors
        expected = F.cross_entropy(module.net(inputs), labels).item()
        assert trainer.callback_metrics[f"{name}/loss"].item() == pytest.approx(expected, rel=1e-5)
    assert len(trainer.callback_metrics) == 4


def test_without_a_schedule_the_rate_is_constant(loaders: dict[str, BatchLoader]) -> None:
    module = Classifier(make_net(), partial(torch.optim.SGD, lr=0.1))
    trainer = make_trainer(max_epochs=2)
    trainer.fit(module, loaders["train"], loaders["val"])
    assert trainer.optimizers[0].param_groups[0]["lr"] == 0.1
