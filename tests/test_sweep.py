"""Sweeps: a failed job stops no other, is listed with its reason, and decides the exit code; each job has a folder of
its own; what ends a sweep early leaves a report, one line, and the command that goes on.
"""

import csv
import importlib.util
import json
import shlex
import signal
import time
from pathlib import Path
from subprocess import CompletedProcess
from types import SimpleNamespace
from typing import Any

import pytest
from filelock import FileLock
from hydra.core.plugins import Plugins

from dlhw import cli, sweep_end
from dlhw.config import compose_config
from dlhw.errors import UserError
from dlhw.process import LOCK, alone_in, is_busy
from tests.helpers import KILLABLE, SMALL_SVD, Finished, error_line, same_bits, small

STE = ["-m", "experiment=svd_ste", *SMALL_SVD, "trainer.max_epochs=1"]
MLP = ["-m", *small("mnist_mlp")[:-1], *KILLABLE]


def sweep_folder(outputs: Path, name: str = "svd_ste") -> Path:
    (folder,) = (outputs / name / "multirun").iterdir()
    return folder


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "sweep.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_failing_jobs_stop_no_others(call, outputs: Path) -> None:
    done: CompletedProcess[str] = call(*STE, "rank=4,0", "seed=0,1")
    folder = sweep_folder(outputs)
    assert done.returncode == 1
    assert f"error: 2 of 4 jobs failed; the reasons are in {folder / 'sweep.csv'}" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert str(folder / "report.html") in done.stdout

    listed = {(row["rank"], row["seed"]): row for row in rows(folder)}
    assert listed.keys() == {(rank, seed) for rank in "04" for seed in "01"}
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
    assert (summary["num_jobs"], summary["num_failed"]) == (4, 2)
    page = (folder / "report.html").read_text()
    assert "digits (8x8, enlarged)" in page
    assert "rank=0" in page
    assert list((folder / "figures").glob("*.png"))
    assert len([path for path in (outputs / "baselines").iterdir() if path.is_dir()]) == 2, "one a seed"


@pytest.mark.slow
def test_a_good_sweep_in_parallel(train, outputs: Path) -> None:
    """joblib's processes share one baseline; the sweep's exit code is 0."""
    done = train(*STE, "rank=2,4", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    assert done.returncode == 0, done.stderr
    assert [row["status"] for row in rows(sweep_folder(outputs))] == ["ok", "ok"]
    assert (sweep_folder(outputs) / "report.html").is_file()
    assert len([path for path in (outputs / "baselines").iterdir() if path.is_dir()]) == 1


def test_every_job_has_a_folder(call, tmp_path: Path) -> None:
    """Also where they differ in nothing but the device, or in where the data lie, and wherever the sweep is kept."""
    outputs, roots = tmp_path / "it's ä, b=c", [tmp_path / name for name in "ab"]
    for root in roots:
        root.mkdir()
    swept = ["trainer=cpu,auto", f"data.root={','.join(map(str, roots))}"]
    done = call(*MLP, "trainer.max_epochs=1", *swept, f'paths.outputs="{outputs}"')
    assert done.returncode == 0, done.stderr
    folder = sweep_folder(outputs, "mnist_mlp")
    jobs = [Finished(file.parent) for file in folder.glob("*/results.json")]
    assert {(job.config.trainer.accelerator, job.config.data.root) for job in jobs} == {
        (device, str(root)) for device in ("cpu", "auto") for root in roots
    }
    assert len(rows(folder)) == len(jobs) == 4


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["experiment=mnist_mlp", "paths.baselines=a,b"], "a sweep has one paths.baselines"),
        (["resume={tmp}"], "leave out -m"),
        (["resume={tmp}", "seed=0,1"], "leave out -m"),
        (["seed=0,1"], "no experiment chosen"),
        (["experiment=mnist_mlp", "hydra.sweep.dir=~/x"], "~"),
    ],
)
def test_what_a_sweep_has_no_use_for_is_refused(refused, tmp_path: Path, args: list[str], expected: str) -> None:
    (tmp_path / "config.yaml").write_text("name: mnist_mlp\n")
    assert expected in refused("-m", *(arg.replace("{tmp}", str(tmp_path)) for arg in args))
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["config.yaml"]


@pytest.mark.parametrize("key", ["hydra.run.dir", "hydra.sweep.dir"])
@pytest.mark.parametrize("has", ["nothing", "logs", "train.log"])
def test_only_what_a_refused_command_made_is_removed(refused, tmp_path: Path, key: str, has: str) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    if has != "nothing":
        (mine / "train.log" if has == "train.log" else mine / "a.log").write_text("kept")
    args = ["-m", "seed=0,1", "nope=3"] if "sweep" in key else ["optimizer.lr=-1"]
    refused(*args, "experiment=mnist_mlp", "data=digits", f"{key}={mine}")
    assert [path.read_text() for path in mine.rglob("*")] == ([] if has == "nothing" else ["kept"])
    refused(*args, "experiment=mnist_mlp", "data=digits", f"{key}={mine / 'new' / 'er'}")
    assert not (mine / "new").exists()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupted_sweep_says_what_there_is_and_goes_on(
    call, outputs: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Interrupted in its second job; the line that it ends with, pasted, ends with the bits of what went through."""
    monkeypatch.setenv("KILL_SIGNAL", name)
    monkeypatch.setenv("KILL_AT_STEP", "25")
    outputs = outputs.parent / "it's b,c=d"
    stopped = call(*MLP, "trainer.max_epochs=1,3,1", f'paths.outputs="{outputs}"')
    assert stopped.returncode == 130
    folder = sweep_folder(outputs, "mnist_mlp")
    reported, _, command = stopped.stderr.partition("; go on with: ")
    assert reported == f"interrupted; 1 of 2 begun jobs are done: {folder / 'report.html'}"
    assert {row["trainer.max_epochs"]: row["status"] for row in rows(folder)} == {"1": "ok", "3": "failed"}

    monkeypatch.delenv("KILL_AT_STEP")
    python, script, *args = shlex.split(command)
    assert (python, script) == ("python", "train.py")
    before = (folder / "report.html").stat().st_ino
    done = call(*args)
    assert done.returncode == 0, done.stderr
    assert (folder / "report.html").stat().st_ino != before
    listed = {row["trainer.max_epochs"]: Finished(folder / row["job"]) for row in rows(folder)}
    assert listed.keys() == {"1", "3"}
    assert len(listed["3"].rows) == 3


def test_a_sweep_whose_launcher_fails_reports_what_there_is(
    call, outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As submitit's does where one of its jobs was killed; what still runs is waited for."""
    launcher = Plugins.instance().class_name_to_class["hydra._internal.core_plugins.basic_launcher.BasicLauncher"]
    launch = launcher.launch
    others: list[FileLock] = []

    def fail(self: Any, job_overrides: Any, initial_job_idx: int) -> None:
        launch(self, job_overrides[:1], initial_job_idx)
        other = sweep_folder(outputs, "mnist_mlp") / "other"
        other.mkdir()
        others.append(FileLock(other / LOCK))
        others[0].acquire()
        raise RuntimeError("Job (task=0) failed during processing with trace:\n" + 40 * "----------------------\n")

    monkeypatch.setattr(launcher, "launch", fail)
    monkeypatch.setattr(sweep_end, "time", SimpleNamespace(sleep=lambda _: others[0].release()))
    done = call(*MLP, "trainer.max_epochs=1", "seed=0,1")
    assert done.returncode == 1
    assert not others[0].is_locked
    line = error_line(done.stderr)
    assert line.startswith("error: RuntimeError: Job (task=0) failed during processing")
    assert f"; 1 of 1 begun jobs are done: {sweep_folder(outputs, 'mnist_mlp') / 'report.html'}; go on with: " in line
    assert len(rows(sweep_folder(outputs, "mnist_mlp"))) == 1


def test_a_preempted_job_goes_on_from_its_checkpoint(
    tmp_path: Path, outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Submitit handles SIGUSR2: it has the job started again with the same arguments, and ends it by this exit code."""
    handler = signal.signal(signal.SIGUSR2, lambda *_: exit_as_submitit_does())
    cfg = compose_config([*MLP[1:], "trainer.max_epochs=3", f"paths.outputs={outputs}"])
    preempted, whole = tmp_path / "preempted", tmp_path / "whole"
    try:
        monkeypatch.setenv("KILL_SIGNAL", "SIGUSR2")
        monkeypatch.setenv("KILL_AT_STEP", "25")
        preempted.mkdir()
        with pytest.raises(SystemExit) as stop:
            cli.run_job(cfg, preempted, in_sweep=True)
        assert stop.value.code == -1
    finally:
        signal.signal(signal.SIGUSR2, handler)
    assert len(Finished(preempted).rows) == 2
    assert not is_busy(preempted)

    monkeypatch.delenv("KILL_AT_STEP")
    whole.mkdir()
    assert cli.run_job(cfg, preempted, in_sweep=True) == cli.run_job(cfg, whole, in_sweep=True)
    assert [row["epoch"] for row in Finished(preempted).rows] == ["1", "2", "3"]
    assert same_bits(Finished(preempted).weights(), Finished(whole).weights())


def exit_as_submitit_does() -> None:
    raise SystemExit(-1)


def test_a_job_with_other_settings_is_left_alone(tmp_path: Path, outputs: Path) -> None:
    cfg = compose_config([*MLP[1:], "trainer.max_epochs=1", f"paths.outputs={outputs}"])
    cli.run_job(cfg, tmp_path, in_sweep=True)
    before = (tmp_path / "results.json").read_bytes()
    cfg.seed = 1
    with pytest.raises(UserError, match=r"a job with other settings; choose another hydra\.sweep\.dir"):
        cli.run_job(cfg, tmp_path, in_sweep=True)
    assert (tmp_path / "results.json").read_bytes() == before


def test_one_process_at_a_time_trains_in_a_folder(tmp_path: Path, refused) -> None:
    (tmp_path / "config.yaml").write_text("name: mnist_mlp\n")
    cfg = compose_config([*MLP[1:], f"resume={tmp_path}"])
    with alone_in(tmp_path):
        assert is_busy(tmp_path)
        with pytest.raises(UserError, match=f"another process trains in {tmp_path}.*resume={tmp_path}"):
            cli.run_job(cfg, tmp_path)
    assert not is_busy(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.name != LOCK] == ["config.yaml"]


@pytest.mark.slow  # a worker that ends with its parent is tested in tests/test_process.py
def test_the_workers_of_a_sweep_end_with_it(start_training, outputs: Path) -> None:
    """However it ends; what they train can go on."""
    jobs = [*MLP, "trainer.max_epochs=1000", "seed=0,1", "hydra/launcher=two_jobs"]
    sweep = start_training(*jobs)
    while sweep.poll() is None and len(list(outputs.rglob("metrics.csv"))) < 2:
        time.sleep(0.1)
    folder = sweep_folder(outputs, "mnist_mlp")
    assert [is_busy(job.parent) for job in folder.glob("*/metrics.csv")] == [True, True]
    sweep.send_signal(signal.SIGTERM)
    _, said = sweep.communicate()
    assert sweep.returncode == 130
    assert said.startswith(f"interrupted; 0 of 2 begun jobs are done: {folder / 'report.html'}; go on with: ")
    assert len(said.splitlines()) == 1
    assert not any(is_busy(job.parent) for job in folder.glob("*/metrics.csv"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher", "plugin"), [("submitit_local", "hydra_submitit_launcher"), ("ray", "hydra_ray_launcher")]
)
def test_a_sweep_on_a_cluster_of_this_machine(train, outputs: Path, launcher: str, plugin: str) -> None:
    if importlib.util.find_spec(f"hydra_plugins.{plugin}") is None:
        pytest.skip(f"{plugin} is not installed: pip install -e '.[cluster,ray]'")
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


@pytest.mark.parametrize(
    ("key", "file"),
    [
        ("run", "multirun.yaml"),  # a sweep's
        ("run", "report.html"),
        ("run", ".hydra/config.yaml"),  # another program's, which Hydra would write over
        ("sweep", "config.yaml"),  # a run's
        ("sweep", "report.html"),
        ("sweep", "multirun.yaml"),  # of another program
    ],
)
def test_a_folder_of_something_else_is_left_as_it_is(call, tmp_path: Path, key: str, file: str) -> None:
    path = tmp_path / "mine" / file
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    flags = ["-m"] if key == "sweep" else []
    done = call(*flags, "experiment=mnist_mlp", "data=digits", f"hydra.{key}.dir={tmp_path / 'mine'}")
    assert "of a run already" in error_line(done.stderr)
    assert [file for file in (tmp_path / "mine").rglob("*") if file.is_file()] == [path]
    assert path.read_text() == "mine"
