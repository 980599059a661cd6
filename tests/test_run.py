"""What a run says it did: checkpoints taken as they are, nothing trained, folders that are taken, what is printed."""

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from dlhw.config import compose_config, experiments
from dlhw.errors import UserError
from dlhw.run import audible, run
from tests.conftest import resume_in, run_in
from tests.helpers import KILLABLE, SMALL_SVD, Finished, learned, same_bits, small

MLP = small("mnist_mlp")
TAKEN = "holds the config.yaml of a run already; choose another folder, or go on with that run: python train.py resume="


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run of two epochs, which no test changes."""
    return run_in(tmp_path_factory.mktemp("trained"), *MLP)


def last_line(caplog: pytest.LogCaptureFixture) -> str:
    """The headline, which stands before the report's path."""
    return caplog.messages[-2]


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "overrides",
    [
        ["trainer.max_epochs=0"],
        ["trainer.max_epochs=1"],
        [],
        ["trainer.max_epochs=3", "trainer.limit_train_batches=0"],
    ],
    ids=["no epochs", "fewer epochs", "all epochs done", "no batches"],
)
def test_a_checkpoint_that_nothing_is_trained_from_is_tested(
    trained: Finished, run_experiment, caplog: pytest.LogCaptureFixture, overrides: list[str]
) -> None:
    caplog.set_level(logging.INFO)
    last = trained.folder / "checkpoints" / "last.ckpt"
    finished = run_experiment(*MLP, f"ckpt_path={last}", *overrides)
    results = finished.results
    assert results["metrics"]["test/acc"] == pytest.approx(float(trained.rows[-1]["test/acc"]), abs=1e-6)
    assert results["checkpoint"]["path"] is None
    assert "nothing was trained" in results["checkpoint"]["why"]
    what = f"the checkpoint {last} as it is"
    assert f"Nothing was trained: what is measured is of {what}." in results["notes"]
    assert last_line(caplog).endswith(f"(nothing was trained: this is of {what})")
    assert f"Nothing was trained: what is measured is of {what}." in (finished.folder / "report.html").read_text()


@pytest.mark.parametrize("override", ["trainer.max_epochs=0", "trainer.limit_train_batches=0"])
@pytest.mark.parametrize("test", ["true", "false"])
def test_an_untrained_network_is_called_so(
    run_experiment, caplog: pytest.LogCaptureFixture, override: str, test: str
) -> None:
    caplog.set_level(logging.INFO)
    finished = run_experiment(*MLP, override, f"test={test}", f"data.test_every_epoch={test}")
    assert "Nothing was trained: what is measured is of an untrained network." in finished.results["notes"]
    assert last_line(caplog).endswith("(nothing was trained: this is of an untrained network)")
    assert ("test/acc" in finished.results["metrics"]) == (test == "true")
    report = (finished.folder / "report.html").read_text()
    assert "Nothing was trained: what is measured is of an untrained network." in report


def test_a_trained_network_is_not_called_untrained(trained: Finished) -> None:
    assert not [note for note in trained.results["notes"] if "Nothing was trained" in note]
    assert "Nothing was trained" not in (trained.folder / "report.html").read_text()


def test_what_was_made_of_a_baseline_is_called_so(run_experiment) -> None:
    notes = run_experiment("experiment=svd_finetune", *SMALL_SVD, "trainer.max_epochs=0").results["notes"]
    assert "Nothing was trained: what is measured is of what was made of the baseline svd_baseline." in notes


@pytest.mark.parametrize("override", ['baseline.overrides=["trainer.max_epochs=0"]', "trainer.limit_train_batches=0"])
def test_a_baseline_that_nothing_would_train_is_refused(run_experiment, override: str) -> None:
    with pytest.raises(UserError, match=r"the baseline svd_baseline would not be trained: .*both must be above 0"):
        run_experiment("experiment=svd_finetune", *SMALL_SVD, override)


def test_a_damaged_checkpoint_is_refused_before_references_are_trained(run_experiment, tmp_path: Path) -> None:
    damaged = tmp_path / "last.ckpt"
    damaged.write_bytes(b"not a checkpoint")
    with pytest.raises(UserError, match=f"the checkpoint {damaged} is corrupt"):
        run_experiment(*small("lr_drop"), f"ckpt_path={damaged}")
    assert not list((tmp_path / "outputs").glob("baselines/*"))


def test_a_folder_with_a_run_takes_no_other(trained: Finished) -> None:
    before = content(trained.folder)
    for overrides in (MLP, [*MLP, "seed=1"]):
        with pytest.raises(UserError, match=TAKEN):
            run(compose_config(overrides), trained.folder)
    assert content(trained.folder) == before


def test_the_command_refuses_a_folder_with_a_run(trained: Finished, refused) -> None:
    before = content(trained.folder)
    line = refused("experiment=mnist_mlp", "data=digits", f"hydra.run.dir={trained.folder}")
    assert f"{TAKEN}{trained.folder}" in line
    assert content(trained.folder) == before, "no log, and nothing of Hydra's"


def test_a_run_goes_on_in_its_own_folder_with_its_own_settings(trained: Finished, tmp_path: Path) -> None:
    unfinished = OmegaConf.merge(trained.config, {"resume": str(trained.folder), "ckpt_path": "last"})
    with pytest.raises(UserError, match=f"a run goes on in its own folder, and not in {tmp_path}"):
        run(unfinished, tmp_path)
    (tmp_path / "config.yaml").write_bytes((trained.folder / "config.yaml").read_bytes())
    others = OmegaConf.merge(unfinished, {"resume": str(tmp_path), "optimizer": {"lr": 0.5}})
    with pytest.raises(UserError, match="has other settings than the run is to go on with"):
        run(others, tmp_path)


def test_a_resumed_run_still_says_what_it_went_on_from(trained: Finished, run_experiment) -> None:
    last = trained.folder / "checkpoints" / "last.ckpt"
    overrides = [*small("mnist_mlp", num_epochs=4), f"ckpt_path={last}"]
    whole, killed = run_experiment(*overrides), run_experiment(*overrides)
    (killed.folder / "results.json").unlink()
    resumed = resume_in(killed.folder)
    assert f"Goes on from {last}; the epochs before it are not among those chosen from." in whole.results["notes"]
    assert resumed.results["notes"] == whole.results["notes"]
    assert same_bits(resumed.weights(), whole.weights())
    assert learned(resumed.rows) == learned(whole.rows)


@pytest.mark.slow
def test_a_run_killed_before_its_first_checkpoint_does_not_begin_anew(trained: Finished, train, outputs: Path) -> None:
    last = trained.folder / "checkpoints" / "last.ckpt"
    overrides = [*small("mnist_mlp", num_epochs=4), *KILLABLE, f"ckpt_path={last}"]
    assert train(*overrides, env={"KILL_AT_STEP": "22"}).returncode == -signal.SIGKILL
    (killed,) = (outputs / "mnist_mlp").iterdir()
    assert not (killed / "checkpoints").exists()
    with pytest.raises(UserError, match=f"it went on from ckpt_path={last}, and was ended before"):
        resume_in(killed)


def test_without_a_test_the_headline_is_of_the_validation_part(
    run_experiment, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    finished = run_experiment(*MLP, "test=false", "data.test_every_epoch=false")
    metrics = finished.results["metrics"]
    assert f"val/acc {100 * metrics['val/acc']:.2f} %" in last_line(caplog)
    assert f"train/acc {100 * metrics['train/acc']:.2f} %" in last_line(caplog)
    assert not [name for name in metrics if name.startswith("test/")]
    assert "The test set was not touched (test=false)." in finished.results["notes"]


def test_where_nothing_chooses_an_epoch_the_last_one_is_told(run_experiment, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    settings = ["callbacks.checkpoint=null", "test=false", "data.test_every_epoch=false"]
    finished = run_experiment(*MLP, *settings)
    assert f"train/acc {100 * float(finished.rows[-1]['train/acc']):.2f} %" in last_line(caplog)


def judged_while_training(name: str) -> bool:
    callbacks = compose_config([f"experiment={name}"]).callbacks.values()
    return any("sample_quality" in str(settings) for settings in callbacks)


@pytest.mark.parametrize(
    "name",
    [name if name == "gan_dense" else pytest.param(name, marks=pytest.mark.slow) for name in experiments()],
)
def test_every_experiment_without_a_test(name: str, run_experiment, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    settings = ["test=false", "data.test_every_epoch=false"]
    if compose_config([f"experiment={name}"]).get("baseline") is not None:
        with pytest.raises(UserError, match="starts from a baseline, which is judged on the test set"):
            run_experiment(*small(name), *settings)
        return
    finished = run_experiment(*small(name), *settings)
    assert not [metric for metric in finished.results["metrics"] if metric.startswith("test/")]
    assert any(digit in last_line(caplog) for digit in "0123456789")
    assert "not measured" not in last_line(caplog)
    assert bool(list((finished.folder.parents[1]).glob("baselines/*/results.json"))) == judged_while_training(name)


@contextmanager
def unconfigured() -> Iterator[None]:
    """Logging as a notebook finds it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logging.getLogger(), "handlers", [])
        yield
    assert logging.getLogger("dlhw").handlers == []


def test_in_a_notebook_a_run_prints_what_it_does(run_experiment, capsys: pytest.CaptureFixture[str]) -> None:
    with unconfigured():
        finished = run_experiment(*MLP)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("epoch ")] == ["1/2", "2/2"]
    assert f"test/acc {100 * finished.results['metrics']['test/acc']:.2f} %" in lines[-2]
    assert lines[-1] == f"report: {finished.folder / 'report.html'}"


def test_a_run_within_a_run_prints_once(capsys: pytest.CaptureFixture[str]) -> None:
    with unconfigured():
        with audible(), audible():
            logging.getLogger("dlhw.run").info("an epoch")
        logging.getLogger("dlhw.run").info("over")
    assert capsys.readouterr().out == "an epoch\n"


def test_who_wants_less_sets_the_level(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("dlhw").setLevel(logging.WARNING)
    try:
        with unconfigured(), audible():
            logging.getLogger("dlhw.run").info("an epoch")
    finally:
        logging.getLogger("dlhw").setLevel(logging.NOTSET)
    assert capsys.readouterr().out == ""
