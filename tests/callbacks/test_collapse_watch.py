"""Mode collapse and a discriminator that has won, told once each, and when they are over."""

import logging
import math
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from dlhw.callbacks.collapse_watch import CollapseWatch, lowest_loss
from dlhw.models.gan import Gan
from dlhw.nets.gan import Adversaries, DenseDiscriminator, DenseGenerator
from dlhw.record import Record

CHANCE = math.log(2)


def module(**settings: float) -> Gan:
    net = Adversaries(DenseGenerator(2, [3]), DenseDiscriminator([3]))
    return Gan(net, partial(torch.optim.Adam, lr=1e-3), **settings)


def watched(watch: CollapseWatch, gan: Gan, epochs: list[tuple[float, float]], first: int = 0) -> list[str]:
    """What the watch says over epochs of (spread, discriminator's loss)."""
    for epoch, (spread, loss) in enumerate(epochs, first):
        metrics = {"train/spread": torch.tensor(spread), "train/discriminator_loss": torch.tensor(loss)}
        watch.on_train_epoch_end(SimpleNamespace(callback_metrics=metrics, current_epoch=epoch), gan)
    return watch.events


def test_a_healthy_run_is_not_warned_of(tmp_path: Path) -> None:
    watch = CollapseWatch()
    assert watched(watch, module(), [(0.9, CHANCE), (0.5, 0.3), (1.1, 0.06)]) == []
    watch.record = Record(tmp_path)
    watch.on_test_start(None, None)  # type: ignore[arg-type]
    assert watch.record.notes == ["No mode collapse, and no discriminator that won outright, was seen in any epoch."]


def test_of_an_untrained_network_there_is_nothing_to_tell(tmp_path: Path) -> None:
    watch = CollapseWatch()
    watch.record = Record(tmp_path, facts={"untrained": "an untrained network"})
    watch.on_test_start(None, None)  # type: ignore[arg-type]
    assert watch.record.notes == []


def test_a_collapse_is_told_when_it_begins_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        events = watched(CollapseWatch(), module(), [(0.9, 0.6), (0.1, 0.6), (0.05, 0.6), (0.8, 0.6)])
    assert [event.split(":")[0] for event in events] == ["Epoch 2", "Epoch 4"]
    assert "mode collapse: fakes of a batch spread 10 % as widely" in events[0]
    assert "is over" in events[1]
    assert caplog.text.count("WARNING") == 2


def test_a_spread_that_is_no_number_is_a_collapse() -> None:
    assert len(watched(CollapseWatch(), module(), [(math.nan, 0.6)])) == 1


def test_a_discriminator_wins_by_low_losses_in_a_row() -> None:
    watch = CollapseWatch(patience=3)
    low, high = (0.9, 0.01), (0.9, 0.4)
    events = watched(watch, module(), [low, low, high, low, low, low, low, high])
    assert [event.split(":")[0] for event in events] == ["Epoch 6", "Epoch 8"]
    assert "has won for 3 epochs: its loss is 0.0100 nats, and 0.0000" in events[0]
    assert "can be fooled again" in events[1]


def test_soft_labels_have_a_loss_that_is_lowest() -> None:
    """The least of the binary cross entropy, searched for."""
    logits = torch.linspace(-6, 6, 100_001, dtype=torch.float64)
    least = [
        torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label), reduction="none")
        .min()
        .item()
        for label in (0.9, 0.2)
    ]
    assert lowest_loss(0.9, 0.2) == pytest.approx(sum(least) / 2, abs=1e-8)
    assert lowest_loss(1.0, 0.0) == 0
    soft = module(real_label=0.9, fake_label=0.1)
    won = lowest_loss(0.9, 0.1) + 0.01
    assert len(watched(CollapseWatch(patience=2), soft, [(0.9, won), (0.9, won)])) == 1
    assert watched(CollapseWatch(patience=2), module(), [(0.9, won), (0.9, won)]) == []


def test_what_was_told_travels_in_the_checkpoint() -> None:
    whole, first, second = (CollapseWatch(patience=3) for _ in range(3))
    epochs = [(0.1, 0.01), (0.1, 0.01), (0.9, 0.01), (0.9, 0.5)]
    watched(whole, module(), epochs)
    watched(first, module(), epochs[:2])
    second.load_state_dict(first.state_dict())
    watched(second, module(), epochs[2:], first=2)
    assert second.events == whole.events
    assert len(whole.events) == 4
