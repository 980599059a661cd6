"""A run that was killed or interrupted ends with the bits of one that was not."""

import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import torch

from dlhw import checkpoints, cli
from dlhw.config import compose_config
from dlhw.data.images import ImageData
from tests.conftest import resume_in
from tests.helpers import BASELINE, KILLABLE, SMALL_SVD, Finished, learned, same_bits, small
from tests.kill import kill

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
        pytest.param("mnist_mlp", MLP, 4, 0, marks=pytest.mark.slow),
        ("shallow_mlp", SHALLOW, 25, 2),
        pytest.param("lr_drop", DROP, 25, 2, marks=pytest.mark.slow),
        ("lr_drop", DROP, 35, 3),
        pytest.param("face_autoencoder", FACES, 25, 2, marks=pytest.mark.slow),
        pytest.param("face_denoising", DENOISING, 25, 2, marks=pytest.mark.slow),
        ("gan_dense", GAN, 50, 2),  # Lightning counts both optimizers' steps
        pytest.param("gan_conv", CONV_GAN, 30, 1, marks=pytest.mark.slow),
        pytest.param("patch_lstm_plus", PATCHES, 25, 2, marks=pytest.mark.slow),
        pytest.param("ibm_denoiser", MASKS, 10, 2, marks=pytest.mark.slow),
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
    ("name", "overrides"),
    [
        ("shallow_mlp", SHALLOW),
        pytest.param("lr_drop", DROP, marks=pytest.mark.slow),
        pytest.param("patch_lstm_plus", PATCHES, marks=pytest.mark.slow),
    ],
)
def test_killed_after_its_last_epoch(run_experiment, name: str, overrides: list[str]) -> None:
    """Nothing is left but the test: no further epoch is trained."""
    whole, killed = run_experiment(*overrides), run_experiment(*overrides)
    num_epochs = {"shallow_mlp": 4, "lr_drop": 5, "patch_lstm_plus": 4}[name]
    assert len(whole.rows) == num_epochs
    (killed.folder / "results.json").unlink()
    assert_same(resume_in(killed.folder), whole)


@pytest.mark.slow
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


class Killed(Exception):
    pass


def contents(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_run_that_was_moved_goes_on_to_the_same_bits(
    run_experiment, tmp_path: Path, outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also as a copy beside the old folder, and where something else lies in that place by then.

    The best epoch is before the kill, so its checkpoint has to be found again.
    """

    def killed(*_: int) -> None:
        raise Killed

    whole = run_experiment(*DROP)
    with monkeypatch.context() as patch:
        patch.setenv("KILL_AT_STEP", "25")
        patch.setattr("os.kill", killed)
        with pytest.raises(Killed):
            run_experiment(*DROP)
    (folder,) = {*(outputs / "lr_drop").iterdir()} - {whole.folder}

    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    before = contents(folder)
    assert_same(resume_in(copy), whole)
    assert contents(folder) == before

    moved = Path(shutil.move(folder, tmp_path / "moved"))
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "best.ckpt").write_text("something else")
    before = contents(folder)
    cli.run_job(cli.continued(compose_config([f"resume={moved}", f"paths.outputs={tmp_path / 'elsewhere'}"])), moved)
    assert_same(Finished(moved), whole)
    assert contents(folder) == before


def test_what_a_resumed_run_had_used_counts(run_experiment) -> None:
    finished = run_experiment(*small("mnist_mlp", num_epochs=2))
    before = finished.results["energy"]
    (finished.folder / "results.json").unlink()
    after = resume_in(finished.folder).results["energy"]
    state = torch.load(finished.folder / "checkpoints" / "last.ckpt", weights_only=True)["callbacks"]["Energy"]
    assert 0 < state["kwh"] < before["kwh"]
    assert after["kwh"] > state["kwh"]
    assert after["co2eq_kg"] / after["kwh"] == pytest.approx(before["co2eq_kg"] / before["kwh"])


def test_a_finished_run_is_not_resumed(refused, run_experiment, outputs: Path) -> None:
    folder = run_experiment(*small("mnist_mlp", num_epochs=1)).folder
    said = refused(f"resume={folder}", f"paths.outputs={outputs}")
    assert f"resume={folder}: this run is finished" in said


@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGTERM"])
def test_ctrl_c_and_a_polite_kill_say_how_to_go_on(
    call, run_experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signal_name: str
) -> None:
    overrides = small("mnist_mlp", num_epochs=4)
    outputs = tmp_path / "it's ä, b=c"
    monkeypatch.setenv("KILL_AT_STEP", "25")
    monkeypatch.setenv("KILL_SIGNAL", signal_name)
    stopped = call(*overrides, *KILLABLE, f'paths.outputs="{outputs}"')
    folder = Finished(only_run(outputs, "mnist_mlp"))
    command = pasted(stopped)
    assert len(folder.rows) == 2

    monkeypatch.delenv("KILL_AT_STEP")
    resumed = call(*command)
    assert resumed.returncode == 0, resumed.stderr
    assert_same(folder, run_experiment(*overrides))


PLACES = {
    "the test": ({"KILL_IN": "test"}, [*small("mnist_mlp", num_epochs=1), *KILLABLE]),
    "the first validation": ({"KILL_IN": "val"}, [*small("mnist_mlp", num_epochs=1), *KILLABLE]),
    "its baseline": (
        {"KILL_AT_STEP": "15"},
        ["experiment=svd_ste", *SMALL_SVD[:-1], BASELINE.replace("]", f',"{KILLABLE[0]}"]'), "trainer.max_epochs=1"],
    ),
    "its data": ({}, small("mnist_mlp", num_epochs=1)),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_polite_kill_is_heard_everywhere(call, outputs: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Whatever the run is at, it ends, and goes on by the command that it prints."""
    environment, overrides = PLACES[place]
    with monkeypatch.context() as patch:
        for key, value in {**environment, "KILL_SIGNAL": "SIGTERM"}.items():
            patch.setenv(key, value)
        if place == "its data":
            patch.setattr(ImageData, "setup", lambda *_: kill())
        command = pasted(call(*overrides))
    (folder,) = (file.parent for file in outputs.glob("*/*/config.yaml") if file.parents[1].name != "baselines")
    assert not list(outputs.rglob("results.json"))
    resumed = call(*command)
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stderr == ""
    assert "though the run had" not in resumed.stdout, "its baseline is where it was"
    assert (folder / "results.json").is_file()


def pasted(stopped: CompletedProcess[str]) -> list[str]:
    """The arguments of the command with which an interrupted run says that it goes on."""
    assert stopped.returncode == 130
    before, _, command = stopped.stderr.partition("; go on with: ")
    assert before == "interrupted"
    python, script, *args = shlex.split(command)
    assert (python, script) == ("python", "train.py")
    return args


def test_the_same_seed_gives_the_same_bits_and_another_does_not(run_experiment) -> None:
    overrides = [*small("mnist_mlp", num_epochs=2), "model.net.dropout=0.2", "augment=affine"]
    one, same, other = (run_experiment(*overrides, f"seed={seed}") for seed in (0, 0, 1))
    assert_same(one, same)
    assert not same_bits(one.weights(), other.weights())
    assert one.results["metrics"] != other.results["metrics"]


def test_a_resumed_run_takes_its_own_settings(refused, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("name: mnist_mlp\n")
    assert "leave out trainer.max_epochs=9" in refused(f"resume={tmp_path}", "trainer.max_epochs=9")


def test_a_failure_is_forgotten_when_the_run_is_taken_up_and_finished(run_experiment) -> None:
    run = run_experiment(*small("mnist_mlp", num_epochs=1))
    (run.folder / "results.json").rename(run.folder / "before.json")
    (run.folder / "failure.json").write_text('{"type": "OSError", "error": "no space left"}')
    resume_in(run.folder)
    assert (run.folder / "results.json").exists()
    assert not (run.folder / "failure.json").exists()


@pytest.mark.slow
def test_a_run_goes_on_and_is_reported_where_the_locale_knows_ascii_alone(
    train, run_experiment, tmp_path: Path
) -> None:
    run = run_experiment(*small("mnist_mlp", num_epochs=1)).folder
    (run / "results.json").unlink()
    folder = shutil.move(run, tmp_path / "m\N{LATIN SMALL LETTER U WITH DIAERESIS}ll")
    ascii_alone = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    resumed = train(f"resume='{folder}'", env=ascii_alone)
    assert (resumed.returncode, resumed.stderr) == (0, "")
    report = [sys.executable, "-m", "dlhw.report", str(folder)]
    done = subprocess.run(report, env={**os.environ, **ascii_alone}, capture_output=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, b"")
    log = (folder / "train.log").read_text(encoding="utf-8")
    assert f"report: {folder / 'report.html'}" in log
