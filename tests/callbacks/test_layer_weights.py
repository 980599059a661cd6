"""What is kept of the weights of both networks, and what is said of it."""

import math
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from dlhw.callbacks.layer_weights import (
    CLIPPED,
    MOST_BINS,
    MOST_EPOCHS,
    LayerWeights,
    LayerWeightsReport,
    courses_of,
    num_bins_for,
    spread,
    summary_of,
    verdict,
    weights_of,
)
from dlhw.callbacks.snapshots import load_snapshots
from dlhw.models.gan import Gan
from dlhw.nets.gan import Adversaries, DenseDiscriminator, DenseGenerator
from dlhw.record import Record
from tests.helpers import image_data, same_bits

LAYERS = ["layer 1", "layer 2"]


def small_gan(spectral_norm: bool = True) -> Gan:
    torch.manual_seed(0)
    net = Adversaries(DenseGenerator(4, [8]), DenseDiscriminator([8], spectral_norm=spectral_norm))
    return Gan(net, partial(torch.optim.Adam, lr=0.01), ema=0.9)


def fit(folder: Path, *callbacks: pl.Callback) -> Gan:
    """Three epochs of two steps."""
    module = small_gan()
    trainer = pl.Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False, max_epochs=3,
        enable_model_summary=False, default_root_dir=folder, callbacks=list(callbacks), limit_train_batches=2,
        limit_val_batches=1, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(module, datamodule=image_data())
    return module


@pytest.mark.parametrize(("shape", "num_bins"), [((1, 3), 1), ((1, 256), 17), ((6, 5, 3, 3), 17), ((100, 90), 81)])
def test_a_summary_is_numpys(shape: tuple[int, ...], num_bins: int) -> None:
    weight = torch.from_numpy(np.random.default_rng(0).standard_t(3, size=shape))
    values = weight.float().numpy().ravel()
    summary = summary_of(weight)
    assert summary["shape"] == list(shape)
    assert summary["norm"] == pytest.approx(np.linalg.norm(values))
    assert summary["rms"] == pytest.approx(np.sqrt(np.mean(values**2)))
    assert summary["limit"] == pytest.approx(np.sort(abs(values))[math.ceil(CLIPPED * len(values)) - 1])
    counts, edges = np.histogram(values, num_bins, (-summary["limit"], summary["limit"]))
    np.testing.assert_allclose(summary["density"].numpy(), counts / len(values) / np.diff(edges), rtol=1e-5)


def test_one_weight_far_off_does_not_stretch_the_bins() -> None:
    weight = torch.linspace(-1, 1, 10_000)
    weight[0] = 1e6
    summary = summary_of(weight)
    assert summary["limit"] < 1
    share = summary["density"].sum().item() * 2 * summary["limit"] / MOST_BINS
    assert share == pytest.approx(CLIPPED, abs=1e-3)


def test_weights_that_are_all_zero_or_no_numbers_have_a_summary_too() -> None:
    zero = summary_of(torch.zeros(5, 5))
    assert (zero["norm"], zero["rms"], zero["limit"]) == (0, 0, 1)
    assert zero["density"].nonzero().tolist() == [[2]]
    assert summary_of(torch.full((3, 3), math.nan))["limit"] == 1


@given(num_values=st.integers(1, 10**9))
def test_one_bin_is_around_zero(num_values: int) -> None:
    assert num_bins_for(num_values) % 2 == 1
    assert abs(num_bins_for(num_values) - math.sqrt(num_values)) <= 1


def test_matrices_are_numbered_and_batch_norm_is_left_out() -> None:
    net = DenseGenerator(4, [8])
    weights = weights_of(net)
    assert {name: tuple(weight.shape) for name, weight in weights.items()} == {"layer 1": (8, 4), "layer 2": (784, 8)}
    assert torch.equal(weights["layer 1"], net.layers[0].weight)


def test_a_normalised_weight_is_the_one_that_the_layer_uses() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(5, 7))).train()
    kept = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    (weight,) = weights_of(net).values()
    assert torch.linalg.matrix_norm(weight, 2).item() == pytest.approx(1, rel=0.1)
    assert same_bits(kept, net.state_dict()), "no step of the power iteration is made"
    assert net[0].parametrizations.training
    assert all(parameter.requires_grad for parameter in net.parameters())
    assert torch.equal(weight, net.eval()[0].weight)


def test_the_epochs_that_are_kept() -> None:
    callback = LayerWeights(every=10)
    assert [epoch for epoch in range(35) if callback.due(epoch)] == [0, 1, 10, 20, 30]


def test_files_of_both_networks_before_training_and_after_epochs(tmp_path: Path) -> None:
    before = weights_of(small_gan().net.generator)
    module = fit(tmp_path, LayerWeights(every=2))
    snapshots = load_snapshots(tmp_path / "layer_weights")
    assert list(snapshots) == [0, 1, 2, 3]
    for kept in snapshots.values():
        assert {network: list(layers) for network, layers in kept.items()} == {
            "generator": LAYERS,
            "discriminator": LAYERS,
        }
    norms = {epoch: kept["generator"]["layer 2"]["norm"] for epoch, kept in snapshots.items()}
    assert norms[0] == pytest.approx(before["layer 2"].norm().item())
    after = module.net.generator.layers[3].weight.norm().item()
    assert norms[3] == pytest.approx(after)
    assert module.average is not None
    assert abs(norms[3] - module.average.layers[3].weight.norm().item()) > 1e-4 * after, "not the average"


def test_keeping_them_changes_nothing_in_training(tmp_path: Path) -> None:
    with_it, without = fit(tmp_path, LayerWeights(every=1)), fit(tmp_path / "other")
    assert same_bits(with_it.state_dict(), without.state_dict())


def kept(scale: float) -> dict[str, Any]:
    """A snapshot of both networks whose generator's second layer is `scale` times what it was."""
    weight = torch.linspace(-1, 1, 60).view(10, 6)
    return {
        "generator": {"layer 1": summary_of(weight), "layer 2": summary_of(scale * weight)},
        "discriminator": {"layer 1": summary_of(2 * weight)},
    }


class TestReport:
    def report(self, folder: Path, is_global_zero: bool = True) -> Record:
        report = LayerWeightsReport()
        report.record = Record(folder, facts={"experiment": "gan_dense"})
        report.data = SimpleNamespace(title="the data")  # type: ignore[assignment]
        report.on_test_end(SimpleNamespace(is_global_zero=is_global_zero), nn.Module())  # type: ignore[arg-type]
        return report.record

    def write(self, folder: Path, **scales: float) -> None:
        for epoch, scale in scales.items():
            file = folder / LayerWeights.folder / f"epoch_{int(epoch[1:]):05d}.pt"
            file.parent.mkdir(exist_ok=True)
            torch.save(kept(scale), file)

    def test_two_figures_and_a_note_for_each_network(self, tmp_path: Path) -> None:
        self.write(tmp_path, e0=1.0, e1=0.5, e10=0.02)
        record = self.report(tmp_path)
        assert [figure["file"] for figure in record.figures] == [
            "figures/weight_histograms.png",
            "figures/weight_norms.png",
        ]
        assert all((tmp_path / figure["file"]).stat().st_size > 5000 for figure in record.figures)
        generator, discriminator = record.notes
        assert "generator: weights vanished, none grew tenfold" in generator
        assert "between 0.02 (layer 2, epoch 10) and 1 times" in generator
        assert "discriminator: no layer's weights vanished, none grew tenfold" in discriminator

    def test_nothing_without_files_or_in_other_processes(self, tmp_path: Path) -> None:
        assert self.report(tmp_path).results()["figures"] == []
        self.write(tmp_path, e0=1.0)
        assert self.report(tmp_path).notes == [], "before training there is nothing to compare"
        self.write(tmp_path, e1=1.0)
        assert self.report(tmp_path, is_global_zero=False).notes == []

    def test_a_course_is_in_multiples_of_the_start(self) -> None:
        courses = courses_of({0: kept(1.0), 5: kept(3.0)})
        assert courses["generator"]["layer 2"] == [(0, 1.0), (5, pytest.approx(3.0))]
        assert courses["discriminator"]["layer 1"] == [(0, 1.0), (5, 1.0)]

    @pytest.mark.parametrize(
        ("multiples", "words"),
        [
            ([0.5, 9.0], "no layer's weights vanished, none grew tenfold. A layer's root mean square was between 0.5 "),
            ([0.05, 9.0], "weights vanished, none grew tenfold"),
            ([0.5, 40.0], "no layer's weights vanished, some grew more than tenfold"),
            ([0.05, 40.0], "(layer 1, epoch 1) and 40 times (layer 2, epoch 9) what it was before training."),
        ],
    )
    def test_the_verdict(self, multiples: list[float], words: str) -> None:
        least, most = multiples
        course = {"layer 1": [(0, 1.0), (1, least), (9, 1.0)], "layer 2": [(0, 1.0), (1, 1.0), (9, most)]}
        assert words in verdict("generator", course)


@given(epochs=st.lists(st.integers(0, 1000), min_size=1, max_size=60, unique=True).map(sorted))
def test_epochs_are_spread_from_the_first_to_the_last(epochs: list[int]) -> None:
    chosen = spread(epochs, MOST_EPOCHS)
    assert chosen == sorted(set(chosen))
    assert set(chosen) <= set(epochs)
    assert len(chosen) == min(len(epochs), MOST_EPOCHS)
    assert chosen[:2] == epochs[:2]
    assert chosen[-1] == epochs[-1]
    places = np.diff([epochs.index(epoch) for epoch in chosen[1:]])
    assert len(places) == 0 or max(places) - min(places) <= 1
