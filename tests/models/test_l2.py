"""`l2` is the strength of the penalty on the weight matrices; the biases go free."""

import torch
from hydra.utils import instantiate
from torch.nn import functional as F

from dlhw.config import compose_config
from dlhw.models.one_net import decay_matrices_only


def test_a_step_descends_the_loss_with_half_the_squared_norm_of_the_matrices() -> None:
    l2, rate = 0.3, 0.1
    cfg = compose_config(["experiment=fashion_mlp", "data=digits", f"l2={l2}", f"optimizer.lr={rate}", "units=7"])
    torch.manual_seed(0)
    net = instantiate(cfg.model.net)
    inputs, labels = torch.randn(16, 784), torch.randint(10, (16,))

    matrices = [parameter for parameter in net.parameters() if parameter.ndim == 2]
    penalty = l2 / 2 * sum(matrix.square().sum() for matrix in matrices)
    loss = F.cross_entropy(net(inputs), labels)
    gradients = torch.autograd.grad(loss + penalty, list(net.parameters()))
    expected = [
        parameter.detach() - rate * gradient for parameter, gradient in zip(net.parameters(), gradients, strict=True)
    ]

    optimizer = instantiate(cfg.optimizer)(decay_matrices_only(net))
    F.cross_entropy(net(inputs), labels).backward()
    optimizer.step()
    for parameter, value in zip(net.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.detach(), value, atol=1e-6, rtol=1e-5)
