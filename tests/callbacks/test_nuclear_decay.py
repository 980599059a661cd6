"""Nuclear-norm decay lowers the singular values of all layers but the last, every so many steps."""

from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor, nn

from dlhw.callbacks.nuclear_decay import NuclearDecay

STRENGTH, EVERY, LR = 0.5, 10, 0.02


def after_step(step: int) -> tuple[list[Tensor], list[Tensor]]:
    """The weights of a small network before and after the callback saw the end of a step."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
    before = [layer.weight.detach().clone() for layer in net if isinstance(layer, nn.Linear)]
    trainer = SimpleNamespace(global_step=step, optimizers=[torch.optim.SGD(net.parameters(), lr=LR)])
    NuclearDecay(STRENGTH, EVERY).on_train_batch_end(trainer, net, None, None, 0)  # type: ignore[arg-type]
    return before, [layer.weight.detach() for layer in net if isinstance(layer, nn.Linear)]


def test_singular_values_fall_by_what_the_rate_would_have_taken_in_the_steps_between() -> None:
    before, after = after_step(EVERY)
    for old, new in zip(before[:-1], after[:-1], strict=True):
        expected = np.maximum(np.linalg.svd(old.double(), compute_uv=False) - STRENGTH * LR * EVERY, 0)
        np.testing.assert_allclose(np.linalg.svd(new.double(), compute_uv=False), expected, atol=1e-6)
    assert torch.equal(before[-1], after[-1])


def test_between_these_steps_it_leaves_the_weights_alone() -> None:
    for old, new in zip(*after_step(EVERY + 1), strict=True):
        assert torch.equal(old, new)
