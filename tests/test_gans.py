"""GANs from end to end: what a run measures, keeps and tells, and a sweep over both of them."""

import csv
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate

from dlhw import checkpoints
from dlhw.callbacks.samples import fixed_noise, to_bytes
from dlhw.callbacks.snapshots import load_snapshots
from dlhw.nets.gan import Adversaries
from tests.conftest import run_in
from tests.helpers import Finished, small


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, shared: str) -> Finished:
    overrides = [*small("gan_dense", num_epochs=3), "callbacks.sample_quality.every=2", "model.ema=0.5"]
    return run_in(tmp_path_factory.mktemp("gans"), *overrides, shared)


def test_accumulated_gradients_are_refused_before_the_judge_is_trained(refused) -> None:
    line = refused("experiment=gan_dense", "data=digits", "++trainer.accumulate_grad_batches=2")
    assert "trainer.accumulate_grad_batches=2: must be 1 for a GAN" in line


def test_a_judge_that_two_references_are_is_refused(refused) -> None:
    twice = '++references=[{experiment:small_cnn},{experiment:small_cnn,overrides:["seed=3"]}]'
    line = refused("experiment=gan_dense", "data=digits", twice)
    assert "judge=small_cnn: must be among the references (small_cnn, small_cnn), and once" in line


def test_quality_is_measured_between_its_anchors(finished: Finished) -> None:
    metrics = finished.results["metrics"]
    (table,) = [table for table in finished.results["tables"] if table["title"].startswith("Quality of")]
    distances = {name: distance for distance, name, *_ in table["rows"]}
    assert list(distances.values()) == sorted(distances.values())
    assert distances["gan_dense, epoch 3"] == metrics["test/small_cnn_frechet"]
    assert distances["real images, training part"] == metrics["floor/small_cnn_frechet"]
    assert metrics["floor/small_cnn_frechet"] < distances["uniform noise"], "the floor lies below noise"
    assert metrics["floor/small_cnn_frechet"] < metrics["test/small_cnn_frechet"]
    assert {"gan_dense, epoch 3, not averaged", "per-class Gaussian sampler"} <= distances.keys()
    assert table["columns"][0] == "Fréchet distance (small_cnn)"
    assert "small_cnn on digits (8x8, enlarged), seed 0" in table["note"]


def test_what_else_is_measured_of_the_samples(finished: Finished) -> None:
    metrics = finished.results["metrics"]
    for share in ("small_cnn_precision", "small_cnn_recall", "small_cnn_rarest", "memorised"):
        assert 0 <= metrics[f"test/{share}"] <= 1
    assert 1 <= metrics["test/small_cnn_classes"] <= 10
    assert metrics["test/nearest"] > 0
    assert metrics["test/checkerboard"] > 0


def test_quality_by_epoch_is_measured_where_it_is_due_and_nowhere_else(finished: Finished) -> None:
    measured = [row["epoch"] for row in finished.rows if row["val/small_cnn_frechet"]]
    assert measured == ["1", "2", "3"]
    assert len({row["val/small_cnn_frechet"] for row in finished.rows}) == 3


def test_an_epoch_that_is_not_due_has_an_empty_cell(run_experiment, shared: str) -> None:
    finished = run_experiment(*small("gan_dense", num_epochs=4), "callbacks.sample_quality.every=9", shared)
    assert [bool(row["val/small_cnn_frechet"]) for row in finished.rows] == [True, False, False, True]
    assert all(row["train/discriminator_loss"] for row in finished.rows)


def test_both_networks_are_summarised(finished: Finished) -> None:
    tables = {table["title"]: table["rows"] for table in finished.results["tables"]}
    (generator,) = [title for title in tables if title.startswith("Generator, ")]
    (discriminator,) = [title for title in tables if title.startswith("Discriminator, ")]
    assert ["Linear 24 -> 784", "784", 25 * 784] in tables[generator]
    assert ["Linear 784 -> 24", "24", 785 * 24] in tables[discriminator]
    total = sum(row[2] for title in (generator, discriminator) for row in tables[title])
    assert total == finished.results["parameters"]["total"]


def test_the_kept_samples_are_those_of_the_checkpoint(finished: Finished) -> None:
    kept = load_snapshots(finished.folder / "samples")
    assert list(kept) == [1, 3]
    assert kept[3].shape == (100, 28, 28)
    assert not torch.equal(kept[1], kept[3])
    net = instantiate(finished.config.model.net)
    assert isinstance(net, Adversaries)
    average = checkpoints.load_net(finished.folder / "checkpoints" / "last.ckpt", net.generator, ["average."]).eval()
    noise = fixed_noise(type("Module", (), {"net": net, "device": torch.device("cpu")}), 100)  # type: ignore[arg-type]
    assert torch.equal(to_bytes(average(noise).detach()), kept[3])


def test_the_notes_tell_of_collapse_and_weights(finished: Finished) -> None:
    notes = " ".join(finished.results["notes"])
    assert "mode collapse" in notes.lower()
    assert "weights" in notes.lower()


@pytest.mark.slow
def test_one_sweep_over_both_has_one_report(train, outputs: Path) -> None:
    judge = 'references=[{experiment:small_cnn,seed:0,overrides:["trainer.max_epochs=1"]}]'
    done = train(
        "-m", "experiment=gan_dense,gan_conv", "seed=0,1", "data=digits", "data.passes=1", "trainer.max_epochs=2",
        f"++{judge}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder,) = (outputs / "gan_dense+gan_conv" / "multirun").iterdir()
    with (folder / "sweep.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["experiment"], row["seed"]) for row in rows] == [
        (experiment, seed) for experiment in ("gan_conv", "gan_dense") for seed in "01"
    ]
    assert all(float(row["test/small_cnn_frechet"]) > 0 for row in rows)
    assert len(list((outputs / "baselines").glob("small_cnn-*/results.json"))) == 1, "one judge for all"
    page = (folder / "report.html").read_text()
    assert "gan_conv, seed=1" in page
    assert page.count("100 samples of one fixed noise") >= 4


@pytest.mark.slow
def test_bf16_autocast_trains_as_float32_does(finished: Finished, run_experiment, shared: str) -> None:
    half = run_experiment(
        *small("gan_dense", num_epochs=3), "callbacks.sample_quality.every=2", "model.ema=0.5",
        "trainer.precision=bf16-mixed", shared,
    )  # fmt: skip
    assert half.results["precision"] == "bf16-mixed"
    assert all(value.dtype == torch.float32 for value in half.weights().values() if value.is_floating_point())
    assert half.rows[-1]["train/discriminator_loss"] != finished.rows[-1]["train/discriminator_loss"]
    for name in ("train/discriminator_loss", "train/generator_loss", "val/small_cnn_frechet"):
        one, other = float(half.rows[-1][name]), float(finished.rows[-1][name])
        assert one == pytest.approx(other, rel=0.05), name
