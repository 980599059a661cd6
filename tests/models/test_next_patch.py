"""What the prediction of patches minimises and logs."""

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from dlhw.models.next_patch import NextPatch
from dlhw.nets.patch_rnn import PatchRNN, to_patches


def make(**settings: Any) -> NextPatch:
    torch.manual_seed(0)
    return NextPatch(PatchRNN("lstm", 2, 24), partial(torch.optim.SGD, lr=0.1), **settings)


def batch(num: int = 6) -> tuple[Tensor, Tensor]:
    return torch.rand(num, 1, 28, 28, generator=torch.Generator().manual_seed(1)), torch.zeros(num).long()


def distance_by_hand(name: str, probability: float, target: float) -> float:
    if name == "mse":
        return (probability - target) ** 2
    return -target * math.log(probability) - (1 - target) * math.log(1 - probability)


@pytest.mark.parametrize("name", ["mse", "bce"])
def test_the_loss_is_equation_14(name: str) -> None:
    """Pixel by pixel: patch t, compared with what was predicted from patches 1 to t - 1; the mean over images."""
    module, (images, labels) = make(distance=name), batch(2)
    patches = to_patches(images)
    total = 0.0
    for number in range(1, 16):
        predicted = module.net(patches[:, :number])[0][:, -1].sigmoid()
        for image in range(2):
            pairs = zip(predicted[image].tolist(), patches[image, number].tolist(), strict=True)
            total += sum(distance_by_hand(name, probability, target) for probability, target in pairs)
    assert module.training_step((images, labels), 0).item() == pytest.approx(total / 2, rel=1e-5)


@pytest.mark.parametrize("name", ["mse", "bce"])
def test_what_is_logged(name: str) -> None:
    module, (images, labels) = make(distance=name), batch()
    loss = module.training_step((images, labels), 0)
    assert module.sums.pop("train").keys() == {"train/loss", "train/mse"}
    module.eval()
    module.validation_step((images, labels), 0)
    module.test_step((images, labels), 0)
    found = module.sums.pop("val") | module.sums.pop("test")
    patches = to_patches(images)
    predicted = module.net(patches[:, :-1])[0].sigmoid()
    free = module.net.complete(patches[:, :8])
    for split in ("val", "test"):
        assert found[f"{split}/loss"].item() == pytest.approx(loss.item(), rel=1e-5)
        assert found[f"{split}/mse"].item() == pytest.approx((predicted - patches[:, 1:]).square().mean().item())
    assert found["val/free_mse"].item() == pytest.approx((free - patches[:, 8:]).square().mean().item())
    assert "test/free_mse" not in found, "the report of completions measures it, by its own feedback"


@pytest.mark.parametrize("name", ["mse", "bce"])
def test_own_predictions_are_trained_on_too(name: str) -> None:
    module, (images, labels) = make(distance=name, free_weight=0.5), batch()
    loss = module.training_step((images, labels), 0)
    logged = module.sums.pop("train")
    patches = to_patches(images)
    free, bottom = module.net.complete(patches[:, :8]), patches[:, 8:]
    if name == "mse":
        by_hand = (free - bottom).square().sum() / len(images)
    else:
        by_hand = -(bottom * free.log() + (1 - bottom) * (1 - free).log()).sum() / len(images)
    forced = make(distance=name).training_step((images, labels), 0)
    assert logged["train/loss"].item() == pytest.approx(forced.item(), rel=1e-5), "the true patches' part is unchanged"
    assert logged["train/free_loss"].item() == pytest.approx(by_hand.item(), rel=1e-5)
    assert loss.item() == pytest.approx((forced + 0.5 * by_hand).item(), rel=1e-5)


def test_the_gradient_goes_through_what_is_fed_back() -> None:
    """As finite differences see it, in double precision: a step of the loss along the gradient."""
    module, (images, _) = make(free_weight=1.0).double(), batch()
    weight, images = module.net.head.weight, images.double()
    losses = []
    loss = module.both_ways(to_patches(images))["free_loss"]
    (gradient,) = torch.autograd.grad(loss, weight)
    with torch.no_grad():
        for step in (1e-4, -2e-4):
            weight += step * gradient / gradient.norm()
            logits, state = module.net(to_patches(images)[:, :8])
            made, _ = module.net.continued(logits[:, -1:], state, 7)
            losses.append((made - to_patches(images)[:, 8:]).square().sum() / len(images))
    assert ((losses[0] - losses[1]) / 2e-4).item() == pytest.approx(gradient.norm().item(), rel=1e-4)


def test_completions_are_means_or_draws() -> None:
    top = to_patches(batch()[0])[:, :8]
    mean, drawn = (
        make(feedback=feedback).complete(top, torch.Generator().manual_seed(0)) for feedback in ("mean", "sample")
    )
    assert 0 < mean.min() < mean.max() < 1
    assert drawn.unique().tolist() == [0, 1]
    assert mean.shape == drawn.shape == (6, 8, 49)
