"""Means over an epoch whose last batch is smaller."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from dlhw.models.epoch_sums import EpochSums


@given(num=st.integers(1, 60), batch_size=st.integers(1, 60), seed=st.integers(0, 1000))
def test_means_are_those_of_all_rows_at_once(num, batch_size, seed) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(num, 5, generator=generator)
    labels = torch.randint(5, (num,), generator=generator)
    sums = EpochSums()
    for part, targets in zip(logits.split(batch_size), labels.split(batch_size), strict=True):
        sums.add("val", F.cross_entropy(part, targets), part, targets)
    means = sums.pop("val")
    assert means["val/loss"].item() == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-5)
    assert means["val/acc"].item() == pytest.approx((logits.argmax(1) == labels).float().mean().item())


def test_splits_are_kept_apart_and_start_anew() -> None:
    sums = EpochSums()
    right, wrong = torch.tensor([[9.0, 0.0]]), torch.tensor([[0.0, 9.0]])
    sums.add("train", torch.tensor(1.0), right, torch.tensor([0]))
    sums.add("val", torch.tensor(3.0), wrong, torch.tensor([0]))
    assert {name: value.item() for name, value in sums.pop("train").items()} == {"train/loss": 1, "train/acc": 1}
    sums.add("train", torch.tensor(5.0), wrong, torch.tensor([0]))
    assert {name: value.item() for name, value in sums.pop("train").items()} == {"train/loss": 5, "train/acc": 0}
    assert {name: value.item() for name, value in sums.pop("val").items()} == {"val/loss": 3, "val/acc": 0}
