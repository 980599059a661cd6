"""Loggers of other projects: where they log, under which id, and what of the run's settings."""

import json
import sqlite3
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import pytest
import pytorch_lightning as pl
from omegaconf import OmegaConf
from pytorch_lightning import Callback
from pytorch_lightning.loggers import Logger

from dlhw import loggers
from dlhw.config import compose_config
from dlhw.errors import UserError
from dlhw.schema import checks, validate
from tests.conftest import resume_in
from tests.helpers import Finished, small

RUN = small("mnist_mlp")


class Kept(Logger):
    """Keeps in this process what it is given, by the run's id."""

    runs: ClassVar[dict[str, dict[str, Any]]] = {}

    def __init__(self, save_dir: str, version: str | None = None) -> None:
        super().__init__()
        self.id = version or f"run-{len(self.runs)}"
        if version is not None and self.id not in self.runs:
            raise LookupError(f"no run {version}")
        self.run = self.runs.setdefault(self.id, {"folder": save_dir, "settings": [], "metrics": [], "ends": []})

    @property
    def name(self) -> str:
        return "kept"

    @property
    def version(self) -> str:
        return self.id

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        self.run["settings"].append(params)

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.run["metrics"].append(metrics)

    def finalize(self, status: str) -> None:
        self.run["ends"].append(status)


class Stop(Callback):
    """Stops training in the second epoch while it is asked to."""

    wanted = True

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.wanted and trainer.current_epoch == 1:
            raise InterruptedError


@pytest.fixture
def stopped_and_resumed(run_experiment, outputs: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs with a logger until the second epoch, then goes on."""

    def run(*logger: str) -> Finished:
        with pytest.raises(InterruptedError):
            run_experiment(*RUN, "+callbacks.stop._target_=tests.test_loggers.Stop", *logger)
        monkeypatch.setattr(Stop, "wanted", False)
        (config,) = outputs.glob("mnist_mlp/*/config.yaml")
        return resume_in(config.parent)

    return run


KEPT = "+logger.kept._target_=tests.test_loggers.Kept"


@pytest.fixture(autouse=True)
def no_runs_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kept, "runs", {})


def test_a_logger_gets_the_settings_of_the_run_and_its_metrics(run_experiment) -> None:
    run = run_experiment(*RUN, KEPT)
    (logged,) = Kept.runs.values()
    assert logged["folder"] == str(run.folder)
    (settings,) = logged["settings"]
    assert settings == loggers.flat(OmegaConf.to_container(run.config))
    assert settings["optimizer.lr"] == run.config.optimizer.lr
    assert settings["model.net.hidden"] == run.config.model.net.hidden
    assert sum("val/acc" in metrics for metrics in logged["metrics"]) == len(run.rows) == 2
    assert logged["metrics"][-1]["test/acc"] == pytest.approx(run.results["metrics"]["test/acc"])


def test_two_runs_are_two_runs_for_a_logger(run_experiment) -> None:
    run_experiment(*RUN, KEPT, "seed=0")
    run_experiment(*RUN, KEPT, "seed=1")
    assert [run["settings"][0]["seed"] for run in Kept.runs.values()] == [0, 1]


def test_a_resumed_run_is_logged_under_its_id(stopped_and_resumed) -> None:
    run = stopped_and_resumed(KEPT)
    (logged,) = Kept.runs.values()
    first, second = logged["settings"]  # the same ones, as some loggers refuse others: nothing of the resumption
    assert first == second
    assert sum("val/acc" in metrics for metrics in logged["metrics"]) == 2
    assert json.loads((run.folder / "loggers.json").read_text()) == {"kept": "run-0"}
    assert logged["ends"][0] == "failed"
    assert logged["ends"][-1] == "success"


def test_several_loggers_at_once(run_experiment) -> None:
    run = run_experiment(*RUN, KEPT, KEPT.replace(".kept.", ".other."))
    assert json.loads((run.folder / "loggers.json").read_text()) == {"kept": "run-0", "other": "run-1"}
    one, other = Kept.runs.values()
    assert one == other
    assert one["metrics"]


def test_several_loggers_are_a_list_of_options() -> None:
    assert list(compose_config([*RUN, "logger=[mlflow,tensorboard]"]).logger) == ["mlflow", "tensorboard"]


@pytest.mark.parametrize("content", ["{", "[]", '{"kept": "../../elsewhere"}', '{"kept": ["a"]}'])
def test_ids_that_cannot_be_read_are_refused(content: str, tmp_path: Path) -> None:
    file = tmp_path / "loggers.json"
    file.write_text(content)
    with pytest.raises(UserError, match=r"loggers\.json cannot be read; remove it"):
        loggers.ids_in(file)


@pytest.fixture
def open_loggers(tmp_path: Path):
    """Opens the loggers of a run that has just begun."""

    def opened(*logger: str) -> None:
        cfg = compose_config([*RUN, f"paths.outputs={tmp_path / 'outputs'}", KEPT, *logger])
        (tmp_path / "config.yaml").write_text("seed: 0")
        with loggers.opened(cfg, tmp_path):
            pass

    return opened


def test_a_logger_that_cannot_start_is_named_and_the_others_are_closed(open_loggers) -> None:
    with pytest.raises(UserError, match=r"^logger\.other: .*nope"):
        open_loggers("+logger.other._target_=tests.test_loggers.Kept", "+logger.other.nope=1")
    (first,) = Kept.runs.values()
    assert first["ends"] == ["failed"]


def test_a_run_that_was_logged_elsewhere_can_be_logged_anew(open_loggers, tmp_path: Path) -> None:
    (tmp_path / "loggers.json").write_text('{"kept": "of-somebody-else"}')
    with pytest.raises(UserError, match=r"^logger\.kept: no run of-somebody-else; remove .*loggers\.json, and the run"):
        open_loggers()


def test_what_the_user_says_of_a_logger_is_kept(open_loggers, tmp_path: Path) -> None:
    open_loggers(f"+logger.kept.save_dir={tmp_path / 'mine'}")
    (logged,) = Kept.runs.values()
    assert logged["folder"] == str(tmp_path / "mine")


@pytest.mark.parametrize("name", ["mlflow", "tensorboard", "wandb"])
def test_a_logger_that_is_not_installed_names_its_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "find_spec", lambda package: None)
    with pytest.raises(UserError, match=rf"^logger={name} needs {name}: pip install -e '\.\[loggers\]'"):
        validate(compose_config([*RUN, f"logger={name}"]))


@pytest.mark.parametrize("setting", ["name=../../x", "sub_dir=/tmp/x", "version=..", r"name=a\\b"])
def test_a_loggers_files_stay_in_the_runs_folder(setting: str) -> None:
    key = setting.partition("=")[0]
    with pytest.raises(UserError, match=rf"^logger\.kept\.{key}=.*without path separators"):
        validate(compose_config([*RUN, KEPT, f"+logger.kept.{setting}"]))


# ----------------------------------------------------------------------- those that conf/logger/ has, where installed

ONLINE = pytest.mark.filterwarnings("default")  # what these libraries say of themselves


def needs(package: str) -> None:
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed (pip install -e '.[loggers]')")


@ONLINE
def test_tensorboard(stopped_and_resumed) -> None:
    needs("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = stopped_and_resumed("logger=tensorboard")
    (folder,) = (run.folder / "tensorboard").iterdir()
    events = EventAccumulator(str(folder)).Reload()
    assert len(events.Scalars("val/acc")) == 2
    assert events.Scalars("test/acc")[-1].value == pytest.approx(run.results["metrics"]["test/acc"])
    assert OmegaConf.load(folder / "hparams.yaml")["optimizer.lr"] == run.config.optimizer.lr


@ONLINE
def test_mlflow(stopped_and_resumed, run_experiment, outputs: Path) -> None:
    needs("mlflow")
    run = stopped_and_resumed("logger=mlflow")
    run_experiment(*RUN, "logger=mlflow", "seed=1")
    with closing(sqlite3.connect(outputs / "mlflow.db")) as base:
        runs = base.execute("select name, status from runs").fetchall()
        params = dict(base.execute("select key, value from params where run_uuid = ?", (logged_id(run, "mlflow"),)))
        values = base.execute("select value from metrics where key = 'val/acc'").fetchall()
    assert [status for _, status in runs] == ["FINISHED", "FINISHED"]
    assert run.folder.name in [name for name, _ in runs]
    assert params["optimizer.lr"] == str(run.config.optimizer.lr)
    assert params["resume"] == "None"
    assert len(values) == 4


@ONLINE
def test_wandb(stopped_and_resumed, run_experiment, outputs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    needs("wandb")
    run = stopped_and_resumed("logger=wandb", "logger.wandb.offline=true")
    other = run_experiment(*RUN, "logger=wandb", "logger.wandb.offline=true", "seed=1")
    files = [file.stem for file in outputs.glob(".wandb/wandb/offline-run-*/*.wandb")]  # one each time it was started
    first, second = (f"run-{logged_id(one, 'wandb')}" for one in (run, other))
    assert first != second
    assert sorted(files) == sorted([first, first, second])
    assert "WARNING" not in capfd.readouterr().err


def logged_id(run: Finished, logger: str) -> str:
    return json.loads((run.folder / "loggers.json").read_text())[logger]


def test_a_logger_that_cannot_be_started_is_told_of_and_closed(open_loggers, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError("no account")

    monkeypatch.setattr(Kept, "log_hyperparams", fail)
    monkeypatch.setattr(Kept, "finalize", fail)
    with pytest.raises(UserError, match=r"^logger\.kept: no account$"):
        open_loggers()
