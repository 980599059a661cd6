"""The baseline cache: trained once, shared, taken over from a killed process, refused when damaged."""

import copy
import json
import logging
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from dlhw.baseline import baseline_config, determining, fingerprint, finished_run, plain
from dlhw.config import compose_config, experiments
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


def leaves(node: Any, *place: str | int) -> Iterator[tuple[str | int, ...]]:
    """Where the values of nested settings stand."""
    parts = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    if not parts:
        yield place
    for key, child in parts:
        yield from leaves(child, *place, key)


def with_another(node: Any, key: str | int, *place: str | int) -> Any:
    """The same settings with another value there."""
    changed = copy.copy(node)
    other = {"_target_": "another"} if node[key] is None else f"not {node[key]}"
    changed[key] = with_another(node[key], *place) if place else other
    return changed


# Where things are kept and computed, where a run goes on, what is only shown of it; files count by their content
CHANGES_NOTHING = re.compile(
    r"resume|ckpt_path|(paths|logger|sweep)(\..+)?|optimized_metric|trainer\.(accelerator|profiler)|"
    r"data\.(root|eval_batch_size|path|clean|noise)"
)
SHOWS = re.compile(r".*\.(CarbonReport|Comparison|Confusion|Curves|Energy)")


def shows(config: dict[str, Any], section: str | int, name: str | int = "", *_: str | int) -> bool:
    """Whether a place is in the settings of a callback that only shows what was measured."""
    return (
        section == "callbacks" and SHOWS.fullmatch(str((config["callbacks"][name] or {}).get("_target_"))) is not None
    )


@pytest.mark.parametrize("experiment", list(experiments()))
def test_every_setting_determines_the_name_but_for_a_list(experiment: str) -> None:
    config = plain(compose_config([f"experiment={experiment}"]))
    places = list(leaves(config))
    assert len(places) > 50
    for place in places:
        name = ".".join(map(str, place))
        changes_nothing = CHANGES_NOTHING.fullmatch(name) or (shows(config, *place) and place[2] != "_target_")
        changes = determining(with_another(config, *place)) != determining(config)
        assert changes == (not changes_nothing), name


def test_a_callback_or_a_setting_more_or_less_determines_the_name() -> None:
    config = plain(compose_config(["experiment=svd_ste"]))
    whole = determining(config)
    for section in ("callbacks", "trainer", "data", "model", "optimizer"):
        more = config[section] | {"new": {"_target_": "new"}}
        assert determining(config | {section: more}) != whole, section
    for name, callback in config["callbacks"].items():
        less = {other: made for other, made in config["callbacks"].items() if other != name}
        changes = determining(config | {"callbacks": less}) != whole
        assert changes == (callback is not None and not shows(config, "callbacks", name)), name


def test_what_determines_the_result_is_left_as_it_is() -> None:
    config = plain(compose_config(["experiment=svd_ste"]))
    before = copy.deepcopy(config)
    determining(config)
    assert config == before


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


@pytest.mark.slow
def test_processes_that_want_one_baseline(start_training, outputs: Path) -> None:
    """One of them trains it; the other waits and takes it."""
    processes = [start_training(*FINETUNE, f"optimizer.lr={rate}") for rate in (1e-4, 2e-4)]
    outs = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outs
    assert sum(stdout.count(TRAINS) for stdout, _ in outs) == 1
    assert len(baselines(outputs)) == 1
    runs = [Finished(file.parent).results for file in (outputs / "svd_finetune").glob("*/results.json")]
    assert len(runs) == 2
    assert len({run["metrics"]["baseline/test_acc"] for run in runs}) == 1


@pytest.mark.slow
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


def stand_in(config: DictConfig, folder: Path) -> dict[str, Any]:
    """Writes what a finished run's folder must hold."""
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "best.ckpt").touch()
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(config))
    results = {"checkpoint": {"path": "checkpoints/best.ckpt"}, "metrics": {"test/acc": 0.5}}
    (folder / "results.json").write_text(json.dumps(results))
    return results


def kept(tmp_path: Path) -> tuple[DictConfig, Path]:
    """A baseline's config, and the folder of a run that stands for its training."""
    wanted = spec(f"paths.baselines={tmp_path}")
    return wanted, finished_run(wanted, stand_in, "baseline")


def test_of_many_that_want_it_one_trains_it_and_the_others_wait(tmp_path: Path) -> None:
    begun: list[Path] = []

    def train(config: DictConfig, folder: Path) -> dict[str, Any]:
        begun.append(folder)
        time.sleep(0.2)  # the others are there by now, and it makes no difference if they are not
        return stand_in(config, folder)

    wanted = [spec(f"paths.baselines={tmp_path}") for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda config: finished_run(config, train, "baseline"), wanted))
    assert set(folders) == set(begun)
    assert len(begun) == 1


def not_trained(config: DictConfig, folder: Path) -> dict[str, Any]:
    pytest.fail("it is in the cache")


def test_a_whole_run_is_taken_from_the_cache(tmp_path: Path) -> None:
    _, folder = kept(tmp_path)
    assert finished_run(spec(f"paths.baselines={tmp_path}"), not_trained, "baseline") == folder


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("results.json", '{"checkpoint": {"pa'),
        ("results.json", "{}"),
        ("results.json", "[]"),
        ("results.json", "\xff"),
        ("results.json", '{"checkpoint": null, "metrics": {}}'),
        ("results.json", '{"checkpoint": {"path": null}}'),
        ("config.yaml", "name: [mnist"),
        ("config.yaml", "name: mnist_mlp"),
        ("config.yaml", ""),
        ("config.yaml", None),
        ("checkpoints/best.ckpt", None),
    ],
)
def test_a_damaged_run_in_the_cache_is_named(tmp_path: Path, name: str, content: str | None) -> None:
    wanted, folder = kept(tmp_path)
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(content, encoding="latin-1")
    with pytest.raises(UserError) as refused:
        finished_run(wanted, not_trained, "reference")
    assert str(refused.value) == (
        f"the reference kept in {folder} is damaged: {folder / name} is missing or not as it was written; "
        "delete that folder, and the next run that needs it trains it anew"
    )


def test_another_runs_config_in_the_cache_is_damage(tmp_path: Path) -> None:
    wanted, folder = kept(tmp_path)
    saved = folder / "config.yaml"
    saved.write_text(saved.read_text().replace("seed: 0", "seed: 1"))
    with pytest.raises(UserError, match=f"{saved} is missing or not as it was written"):
        finished_run(wanted, not_trained, "baseline")


def test_a_truncated_checkpoint_of_a_baseline_is_named(run_experiment, outputs: Path) -> None:
    run_experiment(*FINETUNE)
    (folder,) = baselines(outputs)
    best = folder / "checkpoints" / "best.ckpt"
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
