"""What reconstruction and denoising minimise."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dlhw.models.autoencoder import Denoising, Reconstruction


class Remember(nn.Module):
    """Gives back its input, and keeps what it was given."""

    def forward(self, *given: torch.Tensor) -> torch.Tensor:
        self.given = given
        return given[0]


def sgd() -> partial[torch.optim.SGD]:
    return partial(torch.optim.SGD, lr=0.1)


def batch(num: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.rand(num, 1, 10, 10) + 0.01, torch.zeros(num).long()


def test_the_loss_is_the_mean_squared_error_per_pixel() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(100, 100), nn.Unflatten(1, (1, 10, 10)))
    module = Reconstruction(net, sgd())
    images, labels = batch()
    loss = module.training_step((images, labels), 0)
    assert loss.item() == pytest.approx(((net(images) - images) ** 2).mean().item(), rel=1e-6)
    assert module.sums.pop("train")["train/loss"].item() == pytest.approx(loss.item())


@pytest.mark.parametrize("mask", [False, True])
def test_the_denoiser_sees_what_is_left_and_is_held_to_the_whole(mask: bool) -> None:
    net = Remember()
    module = Denoising(net, sgd(), low=0.5, high=0.5, mask=mask)
    images, labels = batch()
    loss = module.training_step((images, labels), 0)
    corrupted = net.given[0]
    lost = corrupted == 0
    assert lost.flatten(1).sum(1).tolist() == [50] * len(images)
    torch.testing.assert_close(corrupted[~lost], images[~lost])
    assert loss.item() == pytest.approx(F.mse_loss(corrupted, images).item())
    assert len(net.given) == 1 + mask
    if mask:
        assert torch.equal(net.given[1], ~lost)


def test_each_image_loses_a_share_of_its_own_within_the_bounds() -> None:
    net = Remember()
    module = Denoising(net, sgd(), low=0.2, high=0.8)
    module.training_step(batch(200), 0)
    shares = (net.given[0] == 0).float().flatten(1).mean(1)
    assert 0.19 < shares.min() < 0.3
    assert 0.7 < shares.max() < 0.81


def test_evaluation_is_the_same_each_time_and_training_is_not() -> None:
    net = Remember()
    module = Denoising(net, sgd(), low=0.2, high=0.8)
    seen = []
    for step in (module.test_step, module.test_step, module.training_step, module.training_step):
        torch.manual_seed(len(seen))
        step((torch.ones(4, 1, 10, 10), torch.zeros(4)), 0)
        seen.append(net.given[0])
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[2], seen[3])


def test_rescaled_faces_are_as_bright_as_whole_ones() -> None:
    net = Remember()
    module = Denoising(net, sgd(), low=0.25, high=0.25, rescaled=True)
    module.training_step((torch.ones(4, 1, 10, 10), torch.zeros(4)), 0)
    torch.testing.assert_close(net.given[0].flatten(1).mean(1), torch.ones(4))
    assert net.given[0].unique().tolist() == pytest.approx([0, 4 / 3])
