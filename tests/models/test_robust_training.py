"""Co-teaching and early-learning regularisation, a step at a time against their definitions."""

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dlhw.models.co_teaching import CoTeaching
from dlhw.models.early_learning import EarlyLearning
from dlhw.models.robust import RobustClassifier

SGD = partial(torch.optim.SGD, lr=0.1)


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))


def batch(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(10, 6, generator=generator), torch.randint(4, (10,), generator=generator)


def at_epoch(module: Any, epoch: int) -> Any:
    module._trainer = SimpleNamespace(current_epoch=epoch, datamodule=None)
    return module


def test_each_network_learns_from_what_the_other_one_picked(monkeypatch: pytest.MonkeyPatch) -> None:
    module = CoTeaching(net(), SGD, forget_rate=0.4, ramp=2)
    monkeypatch.setattr(CoTeaching, "current_epoch", 7)
    inputs, labels = batch()
    module.training_step((inputs, labels), 0).backward()
    losses, peer_losses = (
        F.cross_entropy(network(inputs), labels, reduction="none") for network in (module.net, module.peer)
    )
    kept, peer_kept = losses.argsort()[:6], peer_losses.argsort()[:6]
    (expected,) = torch.autograd.grad(losses[peer_kept].mean(), module.net[0].weight)
    torch.testing.assert_close(module.net[0].weight.grad, expected)
    (expected,) = torch.autograd.grad(peer_losses[kept].mean(), module.peer[0].weight)
    torch.testing.assert_close(module.peer[0].weight.grad, expected)


def test_the_forgotten_share_grows_with_the_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    module = CoTeaching(net(), SGD, forget_rate=0.4, ramp=4)
    shares = []
    for epoch in range(6):
        monkeypatch.setattr(CoTeaching, "current_epoch", epoch)
        shares.append(module.forgotten)
    assert shares == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.4])


def test_the_two_networks_start_apart() -> None:
    module = CoTeaching(net(), SGD, forget_rate=0.4)
    assert not torch.equal(module.net[0].weight, module.peer[0].weight)
    (matrices, vectors) = module.configure_optimizers().param_groups
    assert len(matrices["params"]) == len(vectors["params"]) == 4, "one optimizer trains both"


def test_early_learning_is_equations_4_and_6(monkeypatch: pytest.MonkeyPatch) -> None:
    module = EarlyLearning(net(), SGD, strength=3.0, momentum=0.7)
    parts = {"train": (None, torch.zeros(30))}
    monkeypatch.setattr(EarlyLearning, "trainer", SimpleNamespace(datamodule=SimpleNamespace(parts=parts)))
    (inputs, labels), rows = batch(), torch.arange(10) * 2
    targets = torch.zeros(30, 4)
    for number in range(3):
        p = module.net(inputs).softmax(1)
        targets[rows] = 0.7 * targets[rows] + 0.3 * p.detach()
        expected = F.cross_entropy(module.net(inputs), labels) + 3 * (1 - (p * targets[rows]).sum(1)).log().mean()
        torch.testing.assert_close(module.training_step((inputs, labels, rows), number), expected)
    assert module.targets is not None
    torch.testing.assert_close(module.targets, targets)


def test_the_running_targets_travel_in_the_checkpoint() -> None:
    module, other = (EarlyLearning(net(), SGD, strength=3.0, momentum=0.7) for _ in range(2))
    module.targets = torch.rand(30, 4)
    checkpoint: dict[str, Any] = {}
    module.on_save_checkpoint(checkpoint)
    other.on_load_checkpoint(checkpoint)
    assert other.targets is not None
    torch.testing.assert_close(other.targets, module.targets)


def test_another_loss_trains_and_cross_entropy_is_reported() -> None:
    module = RobustClassifier(net(), SGD, loss=lambda logits, labels: (logits**2).mean())
    inputs, labels = batch()
    torch.testing.assert_close(module.training_step((inputs, labels), 0), (module.net(inputs) ** 2).mean())
    module.validation_step((inputs, labels), 0)
    torch.testing.assert_close(module.sums.pop("val")["val/loss"].float(), F.cross_entropy(module.net(inputs), labels))
