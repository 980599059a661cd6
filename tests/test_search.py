"""Searches: a grid always; with Optuna where the `sweep` extra is installed."""

import csv
import importlib.util
import json
import signal
import time
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.helpers import DIGITS, Finished, error_line, same_bits

GRID = ["-m", "hparams_search=fashion_mlp_grid", *DIGITS, "trainer.max_epochs=2", "l2=1e-4", "units=30",
        "hydra/launcher=basic"]  # fmt: skip
OPTUNA = ["-m", "hparams_search=fashion_mlp", *DIGITS[:2], "trainer.max_epochs=2"]
FOUR = ["hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2", "hydra/launcher=basic"]
needs_optuna = pytest.mark.skipif(
    importlib.util.find_spec("hydra_plugins.hydra_optuna_sweeper") is None,
    reason="the `sweep` extra is not installed",
)


def grid_folder(outputs: Path) -> Path:
    (folder,) = (outputs / "fashion_mlp_grid" / "multirun").iterdir()
    return folder


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "sweep.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def study_folder(outputs: Path) -> Path:
    (folder,) = (outputs / "search").iterdir()
    return folder


def check_end(folder: Path) -> None:
    """The best job by validation accuracy was trained once more, came to the same network, and alone was tested."""
    jobs = [Finished(file.parent) for file in folder.glob("*/results.json") if file.parent.name != "best"]
    accuracies = [job.results["metrics"]["val/acc"] for job in jobs]
    best = Finished(folder / "best")
    assert best.results["metrics"]["val/acc"] == max(accuracies)
    twins = [job for job in jobs if same_bits(job.weights("best"), best.weights("best"))]
    assert [twin.results["metrics"]["val/acc"] for twin in twins] == [max(accuracies)]
    assert 0 <= best.results["metrics"]["test/acc"] <= 1
    assert all("test/acc" not in job.results["metrics"] for job in jobs)
    assert best.results["command"].startswith("python train.py experiment=fashion_mlp ")
    retrained = json.loads((folder / "sweep.json").read_text())["retrained"]
    assert retrained["test/acc"] == best.results["metrics"]["test/acc"]
    page = (folder / "report.html").read_text()
    assert 'href="best/report.html"' in page
    assert "What mattered for the validation accuracy" in page
    assert {file.name for file in (folder / "figures").iterdir()} == {"sweep_acc.png", "sweep_importance.png"}


def test_a_grid(train, outputs: Path) -> None:
    """One setting fails: it is listed, stops no other, and decides the exit code."""
    done: CompletedProcess[str] = train(*GRID, "layers=0,1,2", "optimizer.lr=0.05,0.5")
    folder = grid_folder(outputs)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"error: 2 of 6 jobs failed; the reasons are in {folder / 'sweep.csv'}"
    assert "Traceback" not in done.stdout + done.stderr
    listed = rows(folder)
    assert [row["status"] for row in listed] == ["failed"] * 2 + ["ok"] * 4
    assert "best" not in {row["job"] for row in listed}
    check_end(folder)


def test_a_job_of_a_search_draws_nothing(run_experiment) -> None:
    finished = run_experiment("experiment=fashion_mlp", *DIGITS, "trainer.max_epochs=2", "test=false")
    results = finished.results
    assert results["figures"] == results["tables"] == []
    assert {"train/acc", "train/loss", "val/acc", "val/loss"} == set(results["metrics"])
    best = max(finished.rows, key=lambda row: float(row["val/acc"]))
    assert results["metrics"]["val/acc"] == pytest.approx(float(best["val/acc"]))
    assert results["metrics"]["val/loss"] == pytest.approx(float(best["val/loss"]))
    assert results["notes"] == ["The test set was not touched (test=false)."]
    assert "The test set was not touched" in (finished.folder / "report.html").read_text()


def test_the_test_set_is_not_touched(run_experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    from dlhw.data.images import ImageData

    looked_at: list[str] = []
    loader = ImageData.loader
    monkeypatch.setattr(ImageData, "loader", lambda self, split: looked_at.append(split) or loader(self, split))
    for test in ("false", "true"):
        run_experiment("experiment=fashion_mlp", *DIGITS, "trainer.max_epochs=1", f"test={test}")
        assert ("test" in looked_at) is (test == "true")
    assert "val" in looked_at


@needs_optuna
@pytest.mark.slow
def test_a_search_goes_on_after_a_kill(start_training, train, outputs: Path) -> None:
    """Killed when some settings are judged, it ends with as many as were asked for, each of them once."""
    killed = start_training(*OPTUNA, *FOUR)
    deadline = time.monotonic() + 200
    while not list(outputs.glob("search/*/*/results.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    before = {file.parent.name for file in study_folder(outputs).glob("*/results.json")}
    assert before

    done = train(*OPTUNA, *FOUR)
    assert done.returncode == 0, done.stderr
    folder = study_folder(outputs)
    jobs = {row["job"] for row in rows(folder)}
    assert before <= jobs
    assert len(jobs) == 4
    assert {row["status"] for row in rows(folder)} == {"ok"}
    check_end(folder)

    again = train(*OPTUNA, *FOUR)
    assert again.returncode == 0, again.stderr
    assert {row["job"] for row in rows(folder)} == jobs
    assert "trained once more" not in again.stdout


@needs_optuna
@pytest.mark.filterwarnings("ignore:Deprecated API features detected")  # optuna 2 itself, of sqlalchemy 1
def test_an_interrupted_study_is_taken_up(tmp_path: Path) -> None:
    """Of the trials left open, one whose job ended gets its value; the other is suggested again, as it was."""
    import optuna
    from omegaconf import OmegaConf

    from dlhw.search import take_up

    storage = f"sqlite:///{tmp_path / 'study.db'}"
    study = optuna.create_study(study_name="search", storage=storage, direction="maximize")
    units = {"units": optuna.distributions.CategoricalDistribution([30, 40])}
    for value in (30, 40):
        with pytest.warns(optuna.exceptions.ExperimentalWarning):
            study.enqueue_trial({"units": value})
        study.ask(units)
    job = tmp_path / "units=30"
    job.mkdir()
    (job / "overrides.yaml").write_text("- units=30\n- data=digits\n")
    (job / "results.json").write_text(json.dumps({"experiment": "x", "metrics": {"val/acc": 0.8}}))

    sweeper = OmegaConf.create({"study_name": "search", "storage": storage})
    assert take_up(tmp_path, sweeper, "val/acc") == 3
    study = optuna.load_study("search", storage)
    states = [(trial.state.name, trial.value) for trial in study.trials]
    assert states == [("COMPLETE", 0.8), ("FAIL", None), ("WAITING", None)]
    assert study.ask(units).params == {"units": 40}


@needs_optuna
def test_all_settings_fail(train, outputs: Path) -> None:
    done = train(*OPTUNA, *FOUR, "data.num_val=100000")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: all 4 jobs failed, the first one as data.num_val=100000")
    assert "Traceback" not in done.stderr


WRONG = {
    "no choice": (["hparams_search=fashion_mlp_grid", "layers=choice()"], "empty choice is not legal"),
    "empty": (["hparams_search=fashion_mlp_grid", "layers="], "the search space has no point: layers= is empty"),
    "nothing varies": (
        ["hparams_search=fashion_mlp_grid", "layers=3", "units=30", "l2=0", "optimizer.lr=0.1"],
        "the search space has no point: nothing varies",
    ),
    "unknown search": (["hparams_search=fashion_mpl"], "did you mean fashion_mlp or fashion_mlp_grid"),
    "unknown setting": (["hparams_search=fashion_mlp_grid", "layres=3,4"], "did you mean layers"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_searches_get_one_line(case: str, refused) -> None:
    args, expected = WRONG[case]
    assert expected in refused("-m", *args, "data=digits")


def test_a_search_without_m(refused) -> None:
    assert "a search needs -m" in refused("hparams_search=fashion_mlp_grid", "data=digits")


def test_without_the_extra(train) -> None:
    done = train("-m", "hparams_search=fashion_mlp", "data=digits", script="tests/without_optuna.py")
    assert done.returncode == 1
    assert "pip install -e '.[sweep]'" in error_line(done.stderr)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("data.test_every_epoch=true", "test=false: data.test_every_epoch must be false too"),
        ("test=maybe", "test=maybe: must be true or false"),
    ],
)
def test_what_would_touch_the_test_set_is_refused(refused, override: str, expected: str) -> None:
    assert expected in refused("experiment=fashion_mlp", "data=digits", "test=false", override)


def test_no_baseline_without_a_test(refused) -> None:
    line = refused("experiment=svd_ste", "data=digits", "test=false")
    assert "test=false: svd_ste starts from a baseline" in line
