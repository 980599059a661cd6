"""Two processes that share each batch end with the weights of one that has it whole."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, distributed, nn

from dlhw.distributed import BatchNormSync, Share, SyncedBatchNorm, check_shares
from dlhw.errors import UserError
from tests.helpers import SMALL_SVD, Finished, small

# What is drawn at random in each process (dropout, levels) differs from what one process draws: left out here.
# Batches of an even size: each process's share then counts alike
FAMILIES = {
    "classifier": [*small("mnist_mlp"), "model.net.dropout=0"],
    "straight-through": ["experiment=svd_ste", *SMALL_SVD],
    "adversaries": [
        *small("gan_conv"), "data.batch_size=100", "model.net.discriminator.dropout=0", "model.instance_noise=0.1",
        "references=[]", "callbacks.sample_quality=null", "callbacks.quality_report=null",
        "callbacks.sample_snapshots=null", "test=false",
    ],
    "patches": [*small("patch_lstm"), "references=[]", "callbacks.completion=null"],
    "denoiser": [*small("ibm_denoiser"), "data.batch_size=2", "model.net.dropout=0", "model.gain=0", "references=[]"],
}  # fmt: skip
QUICK = {"adversaries"}  # two networks, BatchNorm, noise: what the others do, and more
# A few steps in double precision: equal but for rounding, which a long training would make grow
FEW_STEPS = ["trainer.max_epochs=1", "trainer.limit_train_batches=4", "trainer.precision=64-true"]


@pytest.mark.parametrize("family", [pytest.param(f, marks=[] if f in QUICK else pytest.mark.slow) for f in FAMILIES])
def test_two_processes_train_as_one(train, outputs, family: str) -> None:
    found = []
    for trainer in ("cpu", "ddp_sim"):
        done = train(*FAMILIES[family], *FEW_STEPS, f"trainer={trainer}", f"paths.outputs={outputs / trainer}",
                     f"paths.baselines={outputs / 'baselines'}")  # fmt: skip
        assert done.returncode == 0, done.stderr
        (file,) = (outputs / trainer).glob("*/*/results.json")
        found.append(Finished(file.parent))
    alone, together = found
    for name, weights in alone.weights("last").items():
        torch.testing.assert_close(together.weights("last")[name], weights, atol=1e-9, rtol=1e-9, msg=name)
    for name, value in alone.results["metrics"].items():
        if name.startswith(("val/", "test/")):
            assert together.results["metrics"][name] == pytest.approx(value, rel=1e-6, abs=1e-9), name


@pytest.fixture
def one_process(tmp_path: Path) -> Iterator[None]:
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 3, 2)])
@pytest.mark.parametrize("settings", [{}, {"momentum": None}, {"affine": False}, {"track_running_stats": False}])
def test_synced_batch_norm_of_one_process_is_batch_norm(one_process, shape, settings) -> None:
    kind = nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d
    # in double precision: in single, the two round differently where the mean is large, and neither is the truth
    alone, synced = kind(5, **settings).double(), nn.Sequential(kind(5, **settings)).double()
    sync = BatchNormSync()
    assert isinstance(sync.apply(synced)[0], SyncedBatchNorm)
    for _ in range(3):
        values = 100 + torch.randn(shape, dtype=torch.float64)
        one, other = (passed(layer, values) for layer in (alone, synced))
        for expected, found in zip(one, other, strict=True):
            torch.testing.assert_close(found, expected, atol=1e-9, rtol=1e-9)
    assert type(sync.revert(synced)[0]) is kind
    for expected, found in zip(alone.state_dict().values(), synced.state_dict().values(), strict=True):
        torch.testing.assert_close(found, expected)
    torch.testing.assert_close(synced.eval()(values), alone.eval()(values))


def passed(layer: nn.Module, values: Tensor) -> tuple[Tensor, ...]:
    """Its outputs, and the gradients of a loss that depends on every one of them."""
    inputs = values.clone().requires_grad_()
    outputs = layer(inputs)
    weights = torch.linspace(-1, 1, outputs.numel()).view(outputs.shape)
    return outputs, *torch.autograd.grad((weights * outputs.square()).sum(), [inputs, *layer.parameters()])


@given(num=st.integers(3, 30), world_size=st.integers(1, 3), seed=st.integers(0, 1000))
def test_the_shares_of_a_pair_make_up_its_order(num: int, world_size: int, seed: int) -> None:
    order = torch.randperm(2 * num, generator=torch.Generator().manual_seed(seed))
    first, second = torch.arange(num), 100 + torch.arange(num)
    whole = torch.cat([first, second])[order]
    made = torch.full_like(whole, -1)
    for rank in range(world_size):
        share = Share(num, rank, world_size)
        places, own = share.of_pair(order)
        made[places] = torch.cat([first[share.rows], second[share.rows]])[own]
    assert torch.equal(made, whole)


def test_a_batch_that_leaves_a_process_without_a_row_is_refused() -> None:
    check_shares(102, 100, 2)
    check_shares(100, 100, 2)
    with pytest.raises(UserError, match=r"data.batch_size=100: a batch of the 101 rows .* hold 1, too few for 2"):
        check_shares(101, 100, 2)
    with pytest.raises(UserError, match=r"data.batch_size=1: .* hold 1, too few for 2"):
        check_shares(10, 1, 2)
