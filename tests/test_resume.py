"""A run that was killed or interrupted ends with the bits of one that was not."""

import random
import signal
from pathlib import Path

import pytest
import torch

from dlhw import checkpoints
from tests.conftest import resume_in
from tests.helpers import KILLABLE, SMALL_SVD, Finished, error_line, learned, same_bits, small

MLP = [
    *small("mnist_mlp", num_epochs=4),
    *KILLABLE,
    "model.net.dropout=0.2",
    "model.net.batch_norm=true",
    "augment=affine",
    "scheduler=onecycle",
]
# The three checkpoints, and the end: flat after four epochs
SHALLOW = [
    *small("shallow_mlp", num_epochs=9),
    *KILLABLE,
    "callbacks.early_stopping.patience=3",
    "callbacks.early_stopping.min_delta=9",
]
# A plateau after the third epoch, the first being the best
DROP = [*small("lr_drop", num_epochs=5), *KILLABLE, "scheduler.patience=2", "scheduler.min_delta=9"]
# The rate found before training, the weights kept on the way
FACES = [*small("face_autoencoder", num_epochs=5), *KILLABLE, "callbacks.weight_snapshots.every=2"]
DENOISING = [*small("face_denoising", num_epochs=4), *KILLABLE, "references=[]"]
# Two optimizers, two schedules, an average, spectral vectors, dropout, noise: and a judge trained before
GAN = [
    *small("gan_dense", num_epochs=4),
    *KILLABLE,
    "model.instance_noise=0.1",
    "model.net.discriminator.spectral_norm=true",
    "model.net.discriminator.dropout=0.2",
    "callbacks.sample_quality.every=2",
]
# Dropout between recurrent layers, own predictions, and an end: flat after four epochs
PATCHES = [
    *small("patch_lstm_plus", num_epochs=9),
    *KILLABLE,
    "callbacks.early_stopping.min_delta=9",
    "callbacks.early_stopping.patience=3",
]
# Mixtures drawn anew each epoch, levels drawn in each step, dropout between recurrent layers
MASKS = [*small("ibm_denoiser", num_epochs=4), *KILLABLE, "data.batch_size=2", "references=[]"]
CONV_GAN = [*small("gan_conv", num_epochs=3), *KILLABLE]
STE = ["experiment=svd_ste", *SMALL_SVD, *KILLABLE, "trainer.max_epochs=4", "optimizer.lr=0.01"]
FACTORS = ["experiment=svd_finetune", *SMALL_SVD, *KILLABLE, "trainer.max_epochs=4"]
LABELS = [*small("noisy_labels", num_epochs=4), *KILLABLE, "remedy=co_teaching", "noise=0.4"]
LANDSCAPE = [*small("loss_landscape", num_epochs=4), *KILLABLE, "inits=2"]

NUM_KILLS = 20


def name_of(overrides: list[str]) -> str:
    return next(override for override in overrides if override.startswith("experiment=")).removeprefix("experiment=")


def only_run(outputs: Path, name: str) -> Path:
    (folder,) = (outputs / name).iterdir()
    return folder


def assert_same(one: Finished, other: Finished) -> None:
    kept = sorted(file.stem for file in (one.folder / "checkpoints").iterdir())
    assert kept == sorted(file.stem for file in (other.folder / "checkpoints").iterdir())
    for name in kept:
        assert same_bits(one.weights(name), other.weights(name)), name
    assert learned(one.rows) == learned(other.rows)
    assert untimed(one.results["metrics"]) == untimed(other.results["metrics"])
    assert one.results["checkpoint"] == other.results["checkpoint"]


def untimed(metrics: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if not name.endswith("_seconds")}


@pytest.mark.parametrize(
    ("name", "overrides", "step", "num_rows"),
    [
        ("mnist_mlp", MLP, 25, 2),
        ("svd_ste", STE, 33, 3),
        ("mnist_mlp", MLP, 4, 0),
        ("shallow_mlp", SHALLOW, 25, 2),
        ("lr_drop", DROP, 25, 2),
        ("lr_drop", DROP, 35, 3),
        ("face_autoencoder", FACES, 25, 2),
        ("face_denoising", DENOISING, 25, 2),
        ("gan_dense", GAN, 50, 2),  # Lightning counts both optimizers' steps
        ("gan_conv", CONV_GAN, 30, 1),
        ("patch_lstm_plus", PATCHES, 25, 2),
        ("ibm_denoiser", MASKS, 10, 2),
    ],
    ids=[
        "mnist_mlp",
        "svd_ste",
        "before the first epoch has ended",
        "shallow_mlp",
        "before the learning rate drops",
        "after the learning rate dropped",
        "face_autoencoder",
        "face_denoising",
        "gan_dense",
        "gan_conv",
        "patch_lstm_plus",
        "ibm_denoiser",
    ],
)
def test_killed_and_resumed(
    train, run_experiment, outputs: Path, name: str, overrides: list[str], step: int, num_rows: int
) -> None:
    killed = train(*overrides, env={"KILL_AT_STEP": str(step)})
    assert killed.returncode == -signal.SIGKILL
    folder = Finished(only_run(outputs, name))
    assert not (folder.folder / "results.json").exists()
    assert (folder.folder / "metrics.csv").exists() == (num_rows > 0)
    assert not num_rows or len(folder.rows) == num_rows

    resume_in(folder.folder)
    assert_same(folder, run_experiment(*overrides))


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [MLP, STE, FACTORS, SHALLOW, FACES, DENOISING, GAN, CONV_GAN, PATCHES, MASKS, LABELS, LANDSCAPE],
    ids=name_of,
)
def test_killed_twenty_times_at_random_steps(train, run_experiment, outputs: Path, overrides: list[str]) -> None:
    """In one life: each time it is taken up where the last kill left it, and killed again further on."""
    whole = run_experiment(*overrides)
    num_steps = checkpoints.load(whole.folder / "checkpoints" / "last.ckpt")["global_step"]
    each = 2 if "gan" in name_of(overrides) else 1  # Lightning counts both optimizers' steps
    rng = random.Random(name_of(overrides))
    steps = sorted(each * rng.randint(1, num_steps // each - 1) for _ in range(NUM_KILLS))
    command, folder = overrides, None
    for step in steps:
        killed = train(*command, env={"KILL_AT_STEP": str(step)})
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        (folder,) = {*(outputs / whole.config.name).iterdir()} - {whole.folder}
        command = [f"resume={folder}"]
    assert folder is not None
    assert_same(resume_in(folder), whole)


@pytest.mark.parametrize(
    ("name", "overrides"), [("shallow_mlp", SHALLOW), ("lr_drop", DROP), ("patch_lstm_plus", PATCHES)]
)
def test_killed_after_its_last_epoch(run_experiment, name: str, overrides: list[str]) -> None:
    """Nothing is left but the test: no further epoch is trained."""
    whole, killed = run_experiment(*overrides), run_experiment(*overrides)
    num_epochs = {"shallow_mlp": 4, "lr_drop": 5, "patch_lstm_plus": 4}[name]
    assert len(whole.rows) == num_epochs
    (killed.folder / "results.json").unlink()
    assert_same(resume_in(killed.folder), whole)


def test_a_new_run_goes_on_from_the_newest_unfinished_one(train, run_experiment, outputs: Path) -> None:
    """The newest was killed in its second epoch, another before it in its third; one is finished."""
    whole = run_experiment(*MLP)
    for step in (25, 15):
        assert train(*MLP, env={"KILL_AT_STEP": str(step)}).returncode == -signal.SIGKILL
    newest = sorted((outputs / "mnist_mlp").iterdir())[-1]
    new = run_experiment(*MLP, "ckpt_path=last")
    assert learned(new.rows) == learned(whole.rows), "the first epoch's row came with the checkpoint"
    assert same_bits(new.weights("last"), whole.weights("last"))
    assert new.results["checkpoint"]["path"] == "checkpoints/best.ckpt"
    (note,) = (note for note in new.results["notes"] if note.startswith("Goes on from"))
    assert str(newest) in note


def test_what_a_resumed_run_had_used_counts(run_experiment) -> None:
    finished = run_experiment(*small("mnist_mlp", num_epochs=2))
    before = finished.results["energy"]
    (finished.folder / "results.json").unlink()
    after = resume_in(finished.folder).results["energy"]
    state = torch.load(finished.folder / "checkpoints" / "last.ckpt", weights_only=True)["callbacks"]["Energy"]
    assert 0 < state["kwh"] < before["kwh"]
    assert after["kwh"] > state["kwh"]
    assert after["co2eq_kg"] / after["kwh"] == pytest.approx(before["co2eq_kg"] / before["kwh"])


def test_a_finished_run_is_not_resumed(train, run_experiment) -> None:
    folder = run_experiment(*small("mnist_mlp", num_epochs=1))
    again = train(f"resume={folder.folder}", script="tests/without_torch.py")
    assert again.returncode == 1
    assert f"resume={folder.folder}: this run is finished" in error_line(again.stderr)


@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGTERM"])
def test_ctrl_c_and_a_polite_kill_say_how_to_go_on(train, run_experiment, outputs: Path, signal_name: str) -> None:
    overrides = small("mnist_mlp", num_epochs=4)
    stopped = train(*overrides, *KILLABLE, env={"KILL_AT_STEP": "25", "KILL_SIGNAL": signal_name})
    folder = Finished(only_run(outputs, "mnist_mlp"))
    assert stopped.returncode == 130
    assert f"python train.py resume={folder.folder}" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert 1 <= len(folder.rows) < 4

    resumed = train(f"resume={folder.folder}")
    assert resumed.returncode == 0, resumed.stderr
    assert_same(folder, run_experiment(*overrides))


def test_the_same_seed_gives_the_same_bits_and_another_does_not(run_experiment) -> None:
    overrides = [*small("mnist_mlp", num_epochs=2), "model.net.dropout=0.2", "augment=affine"]
    one, same, other = (run_experiment(*overrides, f"seed={seed}") for seed in (0, 0, 1))
    assert_same(one, same)
    assert not same_bits(one.weights(), other.weights())
    assert one.results["metrics"] != other.results["metrics"]


def test_a_resumed_run_takes_its_own_settings(train, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("name: mnist_mlp\n")
    done = train(f"resume={tmp_path}", "trainer.max_epochs=9", script="tests/without_torch.py")
    assert done.returncode == 1
    assert "leave out trainer.max_epochs=9" in error_line(done.stderr)


def test_a_failure_is_forgotten_when_the_run_is_taken_up_and_finished(run_experiment) -> None:
    run = run_experiment(*small("mnist_mlp", num_epochs=1))
    (run.folder / "results.json").rename(run.folder / "before.json")
    (run.folder / "failure.json").write_text('{"type": "OSError", "error": "no space left"}')
    resume_in(run.folder)
    assert (run.folder / "results.json").exists()
    assert not (run.folder / "failure.json").exists()
