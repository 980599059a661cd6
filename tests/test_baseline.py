"""The baseline cache: trained once, shared, taken over from a killed process, refused when damaged."""

import json
import logging
import signal
from pathlib import Path

import pytest
from omegaconf import DictConfig

from dlhw.baseline import baseline_config, fingerprint
from dlhw.config import compose_config
from dlhw.errors import UserError
from tests.helpers import SMALL_SVD, Finished, same_bits, small

FINETUNE = ["experiment=svd_finetune", *SMALL_SVD, "trainer.max_epochs=1"]
TRAINS = "training the baseline svd_baseline"


def baselines(outputs: Path) -> list[Path]:
    return sorted(path for path in (outputs / "baselines").iterdir() if path.is_dir())


def test_it_is_trained_once_and_reused(run_experiment, outputs: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    first = run_experiment(*FINETUNE)
    (folder,) = baselines(outputs)
    assert TRAINS in caplog.text
    written = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert len(Finished(folder).rows) == 3, "it has its own number of epochs"

    caplog.clear()
    second = run_experiment(*[item.replace("finetune", "truncate") for item in FINETUNE[:-1]], "ranks=[8]")
    assert baselines(outputs) == [folder]
    assert TRAINS not in caplog.text
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == written
    accuracies = {run.results["metrics"]["baseline/test_acc"] for run in (first, second)}
    assert accuracies == {first.results["metrics"]["baseline/test_acc"]}
    assert Finished(folder).results["metrics"]["test/acc"] == pytest.approx(accuracies.pop(), abs=1e-6)


def test_a_seed_has_its_own_baseline(run_experiment, outputs: Path) -> None:
    for seed in (0, 1):
        run_experiment(*FINETUNE, f"seed={seed}")
    one, other = (Finished(folder) for folder in baselines(outputs))
    assert {one.results["seed"], other.results["seed"]} == {0, 1}
    assert not same_bits(one.weights("best"), other.weights("best"))


def spec(*overrides: str) -> DictConfig:
    return baseline_config(compose_config(["experiment=svd_finetune", "data=digits", *overrides]))


@pytest.mark.parametrize(
    "override",
    [
        "seed=1",
        "model.net.hidden=[64,64]",
        "model.net.activation=tanh",
        "data=fashion_mnist",
        "data.num_val=100",
        "data.split_seed=1",
        'baseline.overrides=["trainer.max_epochs=2"]',
        'baseline.overrides=["optimizer.lr=0.5"]',
        'baseline.overrides=["data.batch_size=32"]',
        "trainer.limit_train_batches=3",
    ],
)
def test_what_determines_the_result_determines_the_name(override: str) -> None:
    assert fingerprint(spec(override)) != fingerprint(spec())


@pytest.mark.parametrize(
    "override",
    [
        "data.root=elsewhere",
        "paths.outputs=elsewhere",
        "data.batch_size=32",
        "data.eval_batch_size=7",
        "optimizer.lr=0.5",
        "trainer.max_epochs=9",
        "rank=5",
        "augment=affine",
        "trainer=cpu",
    ],
)
def test_what_belongs_to_the_run_does_not(override: str) -> None:
    assert fingerprint(spec(override)) == fingerprint(spec())


@pytest.mark.parametrize("num_processes", [2, 4])
def test_processes_that_want_one_baseline(start_training, outputs: Path, num_processes: int) -> None:
    """One of them trains it; the others wait and take it."""
    processes = [start_training(*FINETUNE, f"optimizer.lr={1e-4 * (1 + number)}") for number in range(num_processes)]
    outs = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0] * num_processes, outs
    assert sum(stdout.count(TRAINS) for stdout, _ in outs) == 1
    assert len(baselines(outputs)) == 1
    runs = [Finished(file.parent).results for file in (outputs / "svd_finetune").glob("*/results.json")]
    assert len(runs) == num_processes
    assert len({run["metrics"]["baseline/test_acc"] for run in runs}) == 1


def test_a_baseline_whose_training_was_killed_is_taken_over(train, run_experiment, outputs: Path) -> None:
    callback = "+callbacks.kill._target_=tests.kill.KillAtStep"
    overrides = [*FINETUNE, f'baseline.overrides=["trainer.max_epochs=3","data.batch_size=128","{callback}"]']
    killed = train(*overrides, env={"KILL_AT_STEP": "15"})
    assert killed.returncode == -signal.SIGKILL
    (folder,) = baselines(outputs)
    assert len(Finished(folder).rows) == 1
    assert not (folder / "results.json").exists()

    run_experiment(*overrides)  # waits for no stale lock, and goes on after the first epoch
    assert baselines(outputs) == [folder]
    taken_over = Finished(folder)
    whole = run_experiment(*overrides, f"paths.baselines={outputs}/others")
    (other,) = (path for path in (outputs / "others").iterdir() if path.is_dir())
    assert same_bits(taken_over.weights(), Finished(other).weights())
    assert taken_over.results["metrics"] == Finished(other).results["metrics"]
    assert whole.results["metrics"]["baseline/test_acc"] > 0


@pytest.mark.parametrize("damage", ["truncated", "gone"])
def test_a_damaged_baseline_is_named(run_experiment, outputs: Path, damage: str) -> None:
    run_experiment(*FINETUNE)
    (folder,) = baselines(outputs)
    best = folder / "checkpoints" / "best.ckpt"
    if damage == "gone":
        best.unlink()
    else:
        best.write_bytes(best.read_bytes()[:1000])
    with pytest.raises(UserError) as refused:
        run_experiment(*FINETUNE)
    assert str(best) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_for_baselines_that_cannot_be_written_is_named(run_experiment, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=f"cannot write to {tmp_path}/file/baselines"):
        run_experiment(*FINETUNE, f"paths.baselines={tmp_path}/file/baselines")


def test_a_baseline_is_an_ordinary_run(run_experiment, outputs: Path) -> None:
    run_experiment(*small("lowrank", num_epochs=1))
    (folder,) = baselines(outputs)
    for name in ("results.json", "report.html", "config.yaml", "metrics.csv"):
        assert (folder / name).is_file()
    assert json.loads((folder / "results.json").read_text())["dataset"]["name"].startswith("digits")
