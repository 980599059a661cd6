"""Completed digits: what a run measures of them, shows and tells."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from dlhw import checkpoints
from dlhw.nets.patch_rnn import to_patches
from tests.conftest import run_in
from tests.helpers import Finished, image_data, small

# A judge that has learned to read
JUDGE = 'references=[{experiment:small_cnn,seed:0,overrides:["data.batch_size=64","trainer.max_epochs=5"]}]'
WAYS = ("test", "sampled", "nearest", "class_mean", "blank", "originals")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return run_in(tmp_path_factory.mktemp("completions"), *small("patch_lstm", num_epochs=3), JUDGE)


@pytest.fixture(scope="module")
def halves() -> dict[str, tuple[Tensor, Tensor, Tensor]]:
    """Top halves and bottom halves (num, 14, 28) and labels of the training and of the test part."""
    data = image_data(standardised=False)
    parts = {name: (data.inputs(name).squeeze(1), data.parts[name][1]) for name in ("train", "test")}
    return {name: (images[:, :14], images[:, 14:], labels) for name, (images, labels) in parts.items()}


def test_each_way_of_completing_is_measured(finished: Finished) -> None:
    metrics = finished.results["metrics"]
    (table,) = [table for table in finished.results["tables"] if table["title"].startswith("The bottom halves of 359")]
    for way, row in zip(WAYS, table["rows"], strict=True):
        assert row[1:] == [metrics[f"{way}/free_mse"], metrics[f"{way}/legibility"]]
        assert 0 <= metrics[f"{way}/legibility"] <= 1
    assert metrics["originals/free_mse"] == 0
    assert metrics["blank/legibility"] < 0.7 < metrics["originals/legibility"]
    assert 0.5 < metrics["top_half/legibility"] < 1
    assert "small_cnn on digits (8x8, enlarged)" in table["note"]


def test_the_errors_of_the_ways_without_a_network(finished: Finished, halves) -> None:
    metrics = finished.results["metrics"]
    tops, bottoms, labels = halves["train"]
    test_tops, test_bottoms, test_labels = halves["test"]
    nearest = [(tops - top).square().flatten(1).sum(1).argmin() for top in test_tops]
    means = torch.stack([bottoms[labels == label].mean(0) for label in test_labels])
    by_hand = {"nearest": bottoms[torch.stack(nearest)], "class_mean": means, "blank": torch.zeros_like(test_bottoms)}
    for way, made in by_hand.items():
        error = (made - test_bottoms).square().mean().item()
        assert metrics[f"{way}/free_mse"] == pytest.approx(error, rel=1e-5), way


def test_the_tested_network_made_the_completions(finished: Finished) -> None:
    metrics = finished.results["metrics"]
    net = checkpoints.trained_net(finished.folder)
    patches = to_patches(image_data(standardised=False).inputs("test"))
    made = net.complete(patches[:, :8])
    error = (made - patches[:, 8:]).square().mean().item()
    assert metrics["test/free_mse"] == pytest.approx(error, rel=1e-5)
    predicted = net(patches[:, :-1])[0].sigmoid()
    assert metrics["test/mse"] == pytest.approx((predicted - patches[:, 1:]).square().mean().item(), rel=1e-5)
    assert metrics["sampled/free_mse"] > metrics["test/free_mse"], "draws scatter around their mean"


def test_legibility_is_what_the_judge_reads(finished: Finished) -> None:
    (folder,) = (path.parent for path in finished.folder.parents[1].glob("baselines/small_cnn-*/results.json"))
    judge = checkpoints.trained_net(folder)
    data = image_data(standardised=False)
    images, labels = data.inputs("test").clone(), data.parts["test"][1]
    for way in ("originals", "blank"):
        with torch.no_grad():
            right = (judge(images).argmax(1) == labels).double().mean().item()
        assert finished.results["metrics"][f"{way}/legibility"] == pytest.approx(right)
        images[..., 14:, :] = 0


def test_there_is_a_value_an_epoch_and_nothing_of_the_test_set(finished: Finished) -> None:
    wanted = {"train/loss", "train/mse", "val/loss", "val/mse", "val/free_mse"}
    assert all(row[name] for row in finished.rows for name in wanted)
    assert not any(name.startswith("test/") for name in finished.rows[0])
    assert "val/mse" in finished.results["checkpoint"]["why"]
    assert not any("test set chose" in note for note in finished.results["notes"])


def test_the_figures(finished: Finished) -> None:
    figures = {Path(figure["file"]).stem for figure in finished.results["figures"]}
    assert figures == {"curves", "completions", "error_by_patch", "samples"}


def test_the_test_set_may_choose_and_it_is_said(finished: Finished, run_experiment, shared: str) -> None:
    chosen = run_experiment(*small("patch_lstm", num_epochs=3), "early_stop_on=test", shared)
    assert "test/mse" in chosen.results["checkpoint"]["why"]
    assert any("early_stop_on=test" in note for note in chosen.results["notes"])
    assert float(chosen.rows[-1]["test/mse"]) == pytest.approx(chosen.results["metrics"]["test/mse"], rel=1e-5)
    assert [row["val/mse"] for row in chosen.rows] == [row["val/mse"] for row in finished.rows], "and nothing else"


@pytest.mark.slow
def test_drawn_pixels_can_be_what_is_completed_with(run_experiment, shared: str) -> None:
    drawn = run_experiment(*small("patch_lstm", num_epochs=1), "model.feedback=sample", "cell=gru", "layers=1", shared)
    metrics = drawn.results["metrics"]
    assert metrics["test/free_mse"] == pytest.approx(metrics["sampled/free_mse"], rel=0.1)
