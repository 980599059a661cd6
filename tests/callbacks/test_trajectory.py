"""When the trajectory is sampled, and what is kept of it."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.utils import parameters_to_vector

from dlhw.callbacks.trajectory import Trajectory, load_trajectory, sampled_batches
from dlhw.data.loader import BatchLoader
from dlhw.models.side_by_side import SideBySideClassifier
from dlhw.nets.mlp import MLP


class EveryStep(pl.Callback):
    """The parameters after each step, kept the plain way."""

    def __init__(self) -> None:
        self.points: list[Tensor] = []

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        self.points.append(torch.stack([parameters_to_vector(net.parameters()).detach() for net in pl_module.nets]))


def fit(folder: Path, samples_per_epoch: int) -> tuple[Tensor, Tensor]:
    """Three epochs of four batches of two networks: the parameters at the start, and after each step."""
    torch.manual_seed(0)
    module = SideBySideClassifier(MLP(6, [4], 3), inits=2, optimizer=partial(torch.optim.SGD, lr=0.1))
    start = torch.stack([parameters_to_vector(net.parameters()).detach() for net in module.nets])
    every = EveryStep()
    trainer = pl.Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False, max_epochs=3,
        enable_model_summary=False, default_root_dir=folder, callbacks=[Trajectory(samples_per_epoch), every],
    )  # fmt: skip
    trainer.fit(module, BatchLoader((torch.randn(50, 6), torch.randint(3, (50,))), 16, shuffle=True))
    return start, torch.stack(every.points)


@pytest.mark.parametrize(
    ("samples_per_epoch", "steps"),
    [(1, [0, 4, 8, 12]), (2, [0, 2, 4, 6, 8, 10, 12]), (4, list(range(13))), (99, list(range(13)))],
)
@pytest.mark.filterwarnings("ignore:.*val_dataloader.*|.*validation_step.*")
def test_the_samples_are_the_parameters_at_their_steps(
    tmp_path: Path, samples_per_epoch: int, steps: list[int]
) -> None:
    start, every = fit(tmp_path, samples_per_epoch)
    samples = load_trajectory(tmp_path)
    assert samples is not None
    assert samples.steps == steps
    assert samples.epochs == [step / 4 for step in steps]
    assert torch.equal(samples.points, torch.cat([start[None], every])[steps])
    assert not torch.equal(samples.points[0], samples.points[-1])


def test_no_trajectory_where_nothing_was_written(tmp_path: Path) -> None:
    assert load_trajectory(tmp_path) is None


@given(num_batches=st.integers(1, 500), num_samples=st.integers(1, 500))
def test_samples_are_spread_evenly_and_end_with_the_epoch(num_batches: int, num_samples: int) -> None:
    batches = sorted(sampled_batches(num_batches, num_samples))
    assert len(batches) == min(num_batches, num_samples)
    assert batches[-1] == num_batches - 1
    gaps = [b - a for a, b in zip([-1, *batches], batches, strict=False)]
    assert max(gaps) - min(gaps) <= 1
