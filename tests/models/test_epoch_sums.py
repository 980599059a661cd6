"""Means over an epoch whose last batch is smaller."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from dlhw.models.epoch_sums import EpochSums, num_hits


@given(num=st.integers(1, 60), batch_size=st.integers(1, 60), seed=st.integers(0, 1000))
def test_means_are_those_of_all_rows_at_once(num, batch_size, seed) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(num, 5, generator=generator)
    labels = torch.randint(5, (num,), generator=generator)
    sums = EpochSums()
    for part, targets in zip(logits.split(batch_size), labels.split(batch_size), strict=True):
        sums.add("val", len(targets), num_hits(part, targets), loss=F.cross_entropy(part, targets))
    means = sums.pop("val")
    assert means["val/loss"].item() == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-5)
    assert means["val/acc"].item() == pytest.approx((logits.argmax(1) == labels).float().mean().item())


def test_splits_are_kept_apart_and_start_anew() -> None:
    sums = EpochSums()
    right, wrong = torch.tensor(1), torch.tensor(0)
    sums.add("train", 1, right, loss=torch.tensor(1.0))
    sums.add("val", 1, wrong, loss=torch.tensor(3.0))
    assert {name: value.item() for name, value in sums.pop("train").items()} == {"train/loss": 1, "train/acc": 1}
    sums.add("train", 1, wrong, loss=torch.tensor(5.0))
    assert {name: value.item() for name, value in sums.pop("train").items()} == {"train/loss": 5, "train/acc": 0}
    assert {name: value.item() for name, value in sums.pop("val").items()} == {"val/loss": 3, "val/acc": 0}


def test_several_means_without_hits() -> None:
    sums = EpochSums()
    sums.add("train", 3, loss=torch.tensor(1.0), penalty=torch.tensor(0.0))
    sums.add("train", 1, loss=torch.tensor(5.0), penalty=torch.tensor(8.0))
    assert {name: value.item() for name, value in sums.pop("train").items()} == {"train/loss": 2, "train/penalty": 2}
