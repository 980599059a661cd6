"""Cutting images into patches, and the recurrent network over them."""

import itertools

import pytest
import torch
from torch import Tensor

from dlhw.nets.patch_rnn import PatchRNN, from_patches, to_patches

NETS = list(itertools.product(["lstm", "gru"], [1, 2, 3]))


def make(cell: str = "lstm", num_layers: int = 2, dropout: float = 0.0) -> PatchRNN:
    torch.manual_seed(0)
    net = PatchRNN(cell, num_layers, 24, dropout).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter *= 3  # far from the linear middle of its gates
    return net


def some_patches(num: int = 5) -> Tensor:
    return torch.rand(num, 16, 49, generator=torch.Generator().manual_seed(1))


def test_patches_go_row_by_row() -> None:
    images = torch.arange(2 * 784).float().view(2, 1, 28, 28)
    patches = to_patches(images)
    assert patches.shape == (2, 16, 49)
    for number in range(16):
        top, left = 7 * (number // 4), 7 * (number % 4)
        expected = images[:, 0, top : top + 7, left : left + 7].flatten(1)
        assert torch.equal(patches[:, number], expected), number


def test_the_first_eight_patches_are_the_top_half() -> None:
    images = torch.rand(3, 1, 28, 28)
    patches = to_patches(images)
    patches[:, 8:] = 0
    assert torch.equal(from_patches(patches)[..., :14, :], images[..., :14, :])
    assert not from_patches(patches)[..., 14:, :].any()


def test_each_undoes_the_other() -> None:
    images, patches = torch.rand(3, 1, 28, 28), torch.rand(3, 16, 49)
    assert torch.equal(from_patches(to_patches(images)), images)
    assert torch.equal(to_patches(from_patches(patches)), patches)


@pytest.mark.parametrize(("cell", "num_layers"), NETS)
def test_single_steps_give_what_one_pass_gives(cell: str, num_layers: int) -> None:
    net, patches = make(cell, num_layers), some_patches()
    whole, last = net(patches)
    state, steps = None, []
    for number in range(16):
        logits, state = net(patches[:, number : number + 1], state)
        steps.append(logits)
    torch.testing.assert_close(torch.cat(steps, 1), whole, rtol=0, atol=1e-5)
    torch.testing.assert_close(state, last, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("cell", "num_layers"), NETS)
def test_a_completion_is_fed_with_itself(cell: str, num_layers: int) -> None:
    """In one pass over the top half and the completion, each patch of it is the prediction from what is before it."""
    net, top = make(cell, num_layers), some_patches()[:, :8]
    completed = net.complete(top)
    assert completed.shape == (5, 8, 49)
    predicted = net(torch.cat([top, completed[:, :-1]], 1))[0].sigmoid()
    torch.testing.assert_close(completed, predicted[:, 7:], rtol=0, atol=1e-5)
    assert completed.std(0).max() > 0.01, "another top half, another completion"


def test_a_prediction_depends_on_what_went_before_alone() -> None:
    net, patches = make(), some_patches()
    changed = patches.clone()
    changed[:, 9] += 1
    before, after = net(patches)[0], net(changed)[0]
    assert torch.equal(before[:, :9], after[:, :9])
    assert not torch.allclose(before[:, 9:], after[:, 9:])


def test_a_drawn_completion_is_black_and_white_and_its_seeds() -> None:
    net, top = make(), some_patches()[:, :8]
    one, same, other = (net.complete(top, generator=torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert one.unique().tolist() == [0, 1]
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_draws_have_the_predicted_probabilities_and_are_fed_back() -> None:
    net, top = make(), some_patches(1)[:, :8].expand(4000, 8, 49)
    drawn = net.complete(top, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn[:, 0].mean(0), net.complete(top[:1], 1)[0, 0], rtol=0, atol=0.04)
    then = net(torch.cat([top, drawn[:, :-1]], 1))[0].sigmoid()[:, -1]
    assert then.std(0).max() > 0.01, "what was drawn decides on what follows"
    torch.testing.assert_close(drawn[:, -1].mean(0), then.mean(0), rtol=0, atol=0.04)


@pytest.mark.parametrize("num_layers", [1, 2])
def test_dropout_acts_in_training_alone(num_layers: int) -> None:
    net, patches = make(num_layers=num_layers, dropout=0.5), some_patches()
    assert torch.equal(net(patches)[0], net(patches)[0])
    net.train()
    assert not torch.equal(net(patches)[0], net(patches)[0])
