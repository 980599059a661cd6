"""Adversarial training: a step against a loop written out, and what each network sees and leaves alone."""

import copy
from functools import partial
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from dlhw.errors import UserError
from dlhw.models.gan import Gan, scores_of, shuffled_pair, spread
from dlhw.models.schedule import cosine
from dlhw.nets.frozen import frozen
from dlhw.nets.gan import Adversaries, DenseDiscriminator, DenseGenerator
from tests.helpers import image_data, same_bits

ADAM = partial(torch.optim.Adam, lr=1e-3, betas=(0.5, 0.999))
BATCH = 300  # of 1,238 digits: four batches, and one of 38


def networks(**settings: Any) -> Adversaries:
    torch.manual_seed(0)
    return Adversaries(DenseGenerator(5, [12]), DenseDiscriminator([16], **settings))


def with_batch_norm() -> nn.Module:
    """A discriminator with all that a pass in training mode may change."""
    torch.manual_seed(1)
    normalised = nn.utils.parametrizations.spectral_norm(nn.Linear(784, 8))
    return nn.Sequential(
        nn.Flatten(), normalised, nn.BatchNorm1d(8), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(8, 1), nn.Flatten(0)
    )


def fitted(module: Gan, num_epochs: int = 1, batch_size: int = BATCH) -> pl.Trainer:
    trainer = pl.Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0, max_epochs=num_epochs,
    )  # fmt: skip
    torch.manual_seed(7)
    trainer.fit(module, datamodule=image_data(standardised=False, batch_size=batch_size))
    return trainer


def copied(net: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in net.state_dict().items()}


def test_training_is_the_assignments_loop_written_out() -> None:
    """Five batches, each of both steps: the same weights to rounding, as the order of the batch alters no sum much."""
    net = networks(dropout=0.0)
    other = copy.deepcopy(net)
    module = Gan(net, ADAM, real_label=0.9, fake_label=0.1, ema=0.9)
    trainer = fitted(module)

    average = copied(other.generator)
    generator_optimizer, discriminator_optimizer = (
        ADAM(other.generator.parameters()),
        ADAM(other.discriminator.parameters()),
    )
    data = image_data(standardised=False, batch_size=BATCH)
    torch.manual_seed(7)
    losses = []
    for step, (real, _) in enumerate(data.train_dataloader(), 1):
        num = len(real)
        fake = other.generator(torch.randn(num, 5)).detach()
        torch.randperm(2 * num)
        logits_real, logits_fake = other.discriminator(real), other.discriminator(fake)
        loss = 0.5 * (
            F.binary_cross_entropy(logits_real.sigmoid(), torch.full((num,), 0.9))
            + F.binary_cross_entropy(logits_fake.sigmoid(), torch.full((num,), 0.1))
        )
        discriminator_optimizer.zero_grad()
        loss.backward()
        discriminator_optimizer.step()
        generator_loss = -other.discriminator(other.generator(torch.randn(num, 5))).sigmoid().log().mean()
        generator_optimizer.zero_grad()
        generator_loss.backward()
        generator_optimizer.step()
        decay = min(0.9, (1 + step) / (10 + step))
        average = {
            name: decay * kept + (1 - decay) * other.generator.state_dict()[name] for name, kept in average.items()
        }
        losses.append((num, loss.item(), generator_loss.item()))

    for name, value in other.state_dict().items():
        torch.testing.assert_close(net.state_dict()[name], value, rtol=1e-3, atol=1e-5)
    assert module.average is not None
    for name, value in average.items():
        if value.is_floating_point() and "num_batches" not in name:
            torch.testing.assert_close(module.average.state_dict()[name], value, rtol=1e-3, atol=1e-5)
    total = sum(num for num, _, _ in losses)
    for place, name in ((1, "discriminator"), (2, "generator")):
        expected = sum(entry[0] * entry[place] for entry in losses) / total
        assert trainer.callback_metrics[f"train/{name}_loss"].item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("settings", [{}, {"spectral_norm": True}])
def test_each_step_changes_its_own_network_only(monkeypatch: pytest.MonkeyPatch, settings: dict[str, bool]) -> None:
    module = Gan(networks(**settings), ADAM)
    states = [copied(module.net)]
    step = Gan._step

    def and_note(self: Gan, optimizer: Any, loss: Tensor) -> None:
        step(self, optimizer, loss)
        states.append(copied(module.net))

    monkeypatch.setattr(Gan, "_step", and_note)
    fitted(module, batch_size=1238)
    changed = [
        {name for name in before if not torch.equal(before[name], after[name])} for before, after in pairwise(states)
    ]
    assert len(changed) == 2
    parameters = {name for name, _ in module.net.named_parameters()}
    assert changed[0] & parameters == {name for name in parameters if name.startswith("discriminator.")}
    assert {name.split(".")[0] for name in changed[1]} == {"generator"}
    assert changed[1] >= {name for name in parameters if name.startswith("generator.")}


def test_a_frozen_discriminator_stays_as_it_is_and_passes_gradients_on() -> None:
    net = with_batch_norm().train()
    before = copied(net)
    images = torch.rand(20, 1, 28, 28, requires_grad=True)
    with frozen(net):
        net(images).sum().backward()
    assert same_bits(before, net.state_dict())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


def test_a_thawed_discriminator_learns_again() -> None:
    net = with_batch_norm().train()
    with pytest.raises(RuntimeError, match="on the way"), frozen(net):
        raise RuntimeError("on the way")
    before = copied(net)
    net(torch.rand(20, 1, 28, 28)).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())
    assert all(module.training for module in net.modules())
    changed = {name for name, value in net.state_dict().items() if not torch.equal(before[name], value)}
    assert {name.split(".")[0] for name in changed} == {"1", "2"}, "the power iteration and the running statistics"


def test_freezing_leaves_frozen_parameters_frozen() -> None:
    net = nn.Linear(2, 1)
    net.bias.requires_grad_(False)
    with frozen(net):
        pass
    assert net.weight.requires_grad
    assert not net.bias.requires_grad


@given(num=st.integers(1, 9), seed=st.integers(0, 1000))
def test_the_permutation_moves_whole_images_and_their_labels(num: int, seed: int) -> None:
    torch.manual_seed(seed)
    real, fake = torch.rand(num, 1, 3, 4), -torch.rand(num, 1, 3, 4)
    order = torch.randperm(2 * num)
    images, labels = shuffled_pair(real, fake, 0.9, 0.1, order)
    assert torch.equal(images, torch.cat([real, fake])[order])
    assert torch.equal(labels, torch.where(images.flatten(1).sum(1) > 0, 0.9, 0.1))


def test_scores_are_mean_probabilities() -> None:
    logits, is_real = torch.tensor([0.0, 2.0, -1.0, 0.5]), torch.tensor([True, False, False, True])
    told = scores_of(logits, is_real)
    p = logits.sigmoid()
    assert told["real_score"].item() == pytest.approx(((p[0] + p[3]) / 2).item())
    assert told["fake_score"].item() == pytest.approx(((p[1] + p[2]) / 2).item())


def test_spread_is_0_for_equal_images() -> None:
    assert spread(torch.rand(1, 1, 4, 4).expand(6, 1, 4, 4)).item() == pytest.approx(0, abs=1e-12)
    assert spread(torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 1, 3, 3)).item() == 0.5


def test_instance_noise_falls_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    module = Gan(networks(), ADAM, instance_noise=0.5)
    monkeypatch.setattr(Gan, "trainer", SimpleNamespace(max_epochs=4))
    images = torch.zeros(4000, 1, 2, 2)
    seen = []
    for epoch in range(4):
        monkeypatch.setattr(Gan, "current_epoch", epoch)
        seen.append(module._blurred(images, len(images), slice(None)).std().item())
    assert seen == pytest.approx([0.5, 0.375, 0.25, 0.125], rel=0.03)
    assert Gan(networks(), ADAM)._blurred(images, len(images), slice(None)) is images


def test_both_networks_have_their_optimizer_and_schedule() -> None:
    module = Gan(networks(), ADAM, cosine, discriminator_lr=4e-3)
    trainer = fitted(module, num_epochs=2)
    sizes = [sum(p.numel() for group in o.param_groups for p in group["params"]) for o in trainer.optimizers]
    assert sizes == [
        sum(p.numel() for p in net.parameters()) for net in (module.net.generator, module.net.discriminator)
    ]
    schedulers = [config.scheduler for config in trainer.lr_scheduler_configs]
    assert [scheduler.base_lrs[0] for scheduler in schedulers] == [1e-3, 4e-3]
    assert [scheduler.last_epoch for scheduler in schedulers] == [10, 10]
    assert [scheduler.get_last_lr()[0] for scheduler in schedulers] == pytest.approx([0, 0], abs=1e-9)


def test_samples_come_from_the_average_in_evaluation_mode() -> None:
    module, noise = Gan(networks(), ADAM, ema=0.99), torch.randn(3, 5)
    fitted(module)
    assert module.average is not None
    assert torch.equal(module.sample(noise), module.average.eval()(noise))
    assert torch.equal(module.sample(noise), torch.cat([module.sample(row[None]) for row in noise])) or torch.allclose(
        module.sample(noise), torch.cat([module.sample(row[None]) for row in noise]), atol=1e-6
    )
    assert not torch.allclose(module.sample(noise), module.sample(noise, module.net.generator))
    assert module.net.generator.training
    plain = Gan(networks(), ADAM)
    assert torch.equal(plain.sample(noise), plain.net.generator.eval()(noise))


def test_the_average_is_not_trained() -> None:
    module = Gan(networks(), ADAM, ema=0.99)
    fitted(module)
    assert module.average is not None
    assert not any(parameter.requires_grad for parameter in module.average.parameters())


@pytest.mark.parametrize("batch_size", [1, 1237])
def test_a_batch_of_one_image_is_refused_before_training(batch_size: int) -> None:
    with pytest.raises(UserError, match=f"data.batch_size={batch_size}: .* single one"):
        fitted(Gan(networks(), ADAM), batch_size=batch_size)


def test_validation_asks_the_discriminator_of_images_it_has_not_seen() -> None:
    module = Gan(networks(dropout=0.5), ADAM)
    trainer = fitted(module)
    first = {name: value for name, value in trainer.callback_metrics.items() if name.startswith("val/")}
    assert first.keys() == {"val/discriminator_loss", "val/real_score", "val/fake_score"}
    again = trainer.validate(module, datamodule=image_data(standardised=False), verbose=False)[0]
    assert again == pytest.approx({name: value.item() for name, value in first.items()}), "the same noise each time"
