"""Sweeps: a failed job stops no other, is listed with its reason, and decides the exit code."""

import csv
import importlib.util
import json
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.helpers import SMALL_SVD

STE = ["-m", "experiment=svd_ste", *SMALL_SVD, "trainer.max_epochs=1"]


def sweep_folder(outputs: Path, name: str = "svd_ste") -> Path:
    (folder,) = (outputs / name / "multirun").iterdir()
    return folder


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "sweep.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_failing_jobs_stop_no_others(train, outputs: Path) -> None:
    done: CompletedProcess[str] = train(*STE, "rank=4,0,2", "seed=0,1")
    folder = sweep_folder(outputs)
    assert done.returncode == 1
    assert f"error: 2 of 6 jobs failed; the reasons are in {folder / 'sweep.csv'}" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert str(folder / "report.html") in done.stdout

    listed = {(row["rank"], row["seed"]): row for row in rows(folder)}
    assert listed.keys() == {(rank, seed) for rank in "024" for seed in "01"}
    for (rank, _), row in listed.items():
        if rank == "0":
            assert row["status"] == "failed"
            assert "rank=0: must be a whole number of at least 1, or full" in row["error"]
            assert row["test/acc"] == ""
        else:
            assert row["status"] == "ok"
            assert 0 <= float(row["test/acc"]) <= 1

    failures = [json.loads(file.read_text()) for file in folder.rglob("failure.json")]
    assert [failure["type"] for failure in failures] == ["UserError", "UserError"]
    summary = json.loads((folder / "sweep.json").read_text())
    assert (summary["num_jobs"], summary["num_failed"]) == (6, 2)
    page = (folder / "report.html").read_text()
    assert "digits (8x8, enlarged)" in page
    assert "rank=0" in page
    assert list((folder / "figures").glob("*.png"))
    assert len([path for path in (outputs / "baselines").iterdir() if path.is_dir()]) == 2, "one a seed"


def test_a_good_sweep_in_parallel(train, outputs: Path) -> None:
    """joblib's processes share one baseline; the sweep's exit code is 0."""
    done = train(*STE, "rank=2,4", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    assert done.returncode == 0, done.stderr
    assert [row["status"] for row in rows(sweep_folder(outputs))] == ["ok", "ok"]
    assert (sweep_folder(outputs) / "report.html").is_file()
    assert len([path for path in (outputs / "baselines").iterdir() if path.is_dir()]) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher", "plugin"), [("submitit_local", "hydra_submitit_launcher"), ("ray", "hydra_ray_launcher")]
)
def test_a_sweep_on_a_cluster_of_this_machine(train, outputs: Path, launcher: str, plugin: str) -> None:
    if importlib.util.find_spec(f"hydra_plugins.{plugin}") is None:
        pytest.skip(f"{plugin} is not installed: pip install -e .[cluster]")
    done = train(*STE, "rank=2,4", f"hydra/launcher={launcher}")
    assert done.returncode == 0, done.stderr
    assert [row["status"] for row in rows(sweep_folder(outputs))] == ["ok", "ok"]
    assert (sweep_folder(outputs) / "report.html").is_file()


@pytest.mark.slow
def test_failing_jobs_in_parallel(train, outputs: Path) -> None:
    done = train(*STE, "rank=2,0", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    assert done.returncode == 1
    assert "1 of 2 jobs failed" in done.stderr
    assert [row["status"] for row in rows(sweep_folder(outputs))] == ["failed", "ok"]


@pytest.mark.slow
def test_a_sweep_over_experiments(train, outputs: Path) -> None:
    """The issue's main sweep, small: one figure with the three methods' mean and spread against the rank."""
    experiments = "experiment=svd_ste,svd_finetune,svd_truncate"
    common = [item for item in SMALL_SVD if not item.startswith("rank=")]
    common = [f"++{item}" if item.startswith("baseline") else item for item in common]
    done = train("-m", experiments, *common, "++ranks=[2,4,full]", "rank=2,4,full", "seed=0,1")
    assert done.returncode == 0, done.stderr
    folder = sweep_folder(outputs, "svd_ste+svd_finetune+svd_truncate")
    assert len(rows(folder)) == 18
    assert {row["status"] for row in rows(folder)} == {"ok"}
    assert list((folder / "figures").glob("*.png"))
