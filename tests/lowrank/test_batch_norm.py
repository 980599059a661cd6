"""Folding batch normalisation is exact in evaluation mode."""

from collections import OrderedDict

import pytest
import torch
from torch import nn

from dlhw.lowrank import fold_batch_norm


def trained_statistics(model: nn.Module, features: int) -> nn.Module:
    """The model in double precision and evaluation mode, with non-trivial statistics and parameters."""
    torch.manual_seed(0)
    model = model.double()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d) and module.affine:
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias)
    for _ in range(5):
        model(3 * torch.randn(30, features, dtype=torch.float64) + 1)
    return model.eval()


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_outputs_stay_and_the_layers_are_gone(affine: bool, bias: bool) -> None:
    def norm(features: int) -> nn.Module:
        return nn.BatchNorm1d(features, affine=affine)

    def linear(inputs: int, outputs: int) -> nn.Module:
        return nn.Linear(inputs, outputs, bias=bias)

    inner = nn.Sequential(linear(8, 4), norm(4))
    model = nn.Sequential(norm(6), linear(6, 8), norm(8), nn.ReLU(), norm(8), linear(8, 8), norm(8), inner)
    model = trained_statistics(model, 6)
    folded = fold_batch_norm(model)
    x = torch.randn(9, 6, dtype=torch.float64)
    torch.testing.assert_close(folded(x), model(x), atol=1e-12, rtol=1e-12)
    assert not any(isinstance(module, nn.BatchNorm1d) for module in folded.modules())
    assert len([module for module in model.modules() if isinstance(module, nn.BatchNorm1d)]) == 5


def test_the_state_dict_is_that_of_the_model_without_it() -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    plain = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).double()
    folded = fold_batch_norm(trained_statistics(model, 6))
    plain.load_state_dict(folded.state_dict())
    x = torch.randn(9, 6, dtype=torch.float64)
    torch.testing.assert_close(plain(x), model(x))


def test_names_are_kept_in_a_named_sequential() -> None:
    model = nn.Sequential(
        OrderedDict(norm=nn.BatchNorm1d(6), first=nn.Linear(6, 8), second=nn.BatchNorm1d(8), act=nn.ReLU())
    )
    folded = fold_batch_norm(trained_statistics(model, 6))
    assert list(folded._modules) == ["first", "act"]


def test_what_cannot_be_folded_is_left() -> None:
    shared = nn.Linear(6, 6)
    model = nn.Sequential(
        shared, nn.BatchNorm1d(6), shared, nn.ReLU(), nn.BatchNorm1d(6), nn.ReLU(),
        nn.Linear(6, 6), nn.BatchNorm1d(6, track_running_stats=False),
    )  # fmt: skip
    model = trained_statistics(model, 6)
    folded = fold_batch_norm(model)
    assert len(folded) == 8
    x = torch.randn(9, 6, dtype=torch.float64)
    torch.testing.assert_close(folded(x), model(x))
