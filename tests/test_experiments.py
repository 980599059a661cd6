"""Every shipped experiment, end to end, on embedded data with small networks."""

import math
from functools import cache
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from matplotlib import image
from omegaconf import OmegaConf

from dlhw.config import CONF, compose_config, experiments
from dlhw.schema import RunConfig, measured, validate
from tests.conftest import run_in
from tests.helpers import SMALL_SVD, TITLES, Finished, small

CONTRACT = {
    "experiment", "question", "dataset", "seed", "parameters", "metrics", "optimized_metric", "sweep",
    "checkpoint", "epochs", "wall_seconds", "energy", "tables", "figures", "notes", "versions",
    "git_commit", "command", "started", "machine",
}  # fmt: skip


@pytest.fixture(scope="module")
def shared_outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("experiments")


@pytest.fixture(scope="module", params=list(experiments()))
def finished(request: pytest.FixtureRequest, shared_outputs: Path) -> Finished:
    return finished_once(shared_outputs, request.param)


@cache
def finished_once(outputs: Path, experiment: str) -> Finished:
    return run_in(outputs, *small(experiment))


def test_results_hold_all_that_the_contract_names(finished: Finished) -> None:
    results = finished.results
    assert results.keys() >= CONTRACT
    assert results["experiment"] == finished.config.name
    assert results["question"] == experiments()[results["experiment"]]
    assert results["dataset"]["name"] == TITLES[finished.config.data.dataset]
    num_images = [results["dataset"][f"num_{part}"] for part in ("train", "val", "test")]
    counts = {"digits": 1797, "synthetic_faces": 400, "synthetic_speech": 8}
    assert sum(num_images) == counts[finished.config.data.dataset]
    assert len(results["dataset"]["sha256"]) == 64
    assert results["parameters"]["total"] == sum(row[2] for row in results["parameters"]["layers"])
    losses = [name for name in results["metrics"] if name.startswith("test/") and name.endswith("loss")]
    assert losses
    assert all(results["metrics"][name] > 0 for name in losses)
    if "num_classes" in finished.config.data and not {"latent", "cell"} & finished.config.keys():
        assert 0 <= results["metrics"]["test/acc"] <= 1


def test_the_optimised_metric_is_a_number(finished: Finished) -> None:
    results = finished.results
    assert math.isfinite(results["metrics"][results["optimized_metric"]])


def test_what_the_sweep_would_draw_was_measured(finished: Finished) -> None:
    results = finished.results
    wanted = [*results["sweep"]["y"], *filter(None, [results["sweep"]["x"]])]
    assert results["metrics"].keys() >= set(wanted)


def test_all_that_is_measured_was_foreseen(finished: Finished) -> None:
    """Else nobody could ask for it: what is not foreseen is refused."""
    config = RunConfig.model_validate(OmegaConf.to_container(finished.config))
    assert measured.is_foreseen(config)
    often = measured.by_callbacks(config, measured.EPOCHS) | measured.after_each_epoch(config)
    rows = finished.rows if config.trainer.max_epochs else []
    found = {name for row in rows for name, cell in row.items() if cell}
    assert found - {"epoch", "lr"} <= often
    of_parts = {name for name in finished.results["metrics"] if name.startswith(("train/", "val/", "test/"))}
    assert of_parts <= often | measured.by_callbacks(config, measured.AT_THE_END)


def test_metrics_csv_has_a_row_an_epoch(finished: Finished) -> None:
    num_epochs = finished.config.trainer.max_epochs
    assert finished.results["epochs"] == num_epochs
    if num_epochs:
        assert [row["epoch"] for row in finished.rows] == [str(n + 1) for n in range(num_epochs)]
        losses = [name for name in finished.rows[0] if name.startswith("train/") and name.endswith("loss")]
        assert losses
        assert all(math.isfinite(float(row[name])) for row in finished.rows for name in losses)


def test_figures_show_something(finished: Finished) -> None:
    figures = finished.results["figures"]
    assert figures
    for figure in figures:
        pixels = image.imread(finished.folder / figure["file"])
        assert min(pixels.shape[:2]) > 100
        assert pixels[..., :3].std() > 0.01
        assert figure["title"]
        assert figure["caption"]


def test_denoising_answers_in_words_from_its_own_numbers(shared_outputs: Path) -> None:
    results = finished_once(shared_outputs, "face_denoising").results
    metrics = results["metrics"]
    words = " ".join(results["notes"])
    for name in ("plain_autoencoder", "linear_interpolation", "eigenface_projection"):
        assert f"{metrics[f'psnr_50/{name}']:.1f} dB" in words
    (table,) = (table for table in results["tables"] if table["title"].startswith("PSNR"))
    by_name = {row[0]: row[1:] for row in table["rows"]}
    assert by_name["linear interpolation"][0] > by_name["linear interpolation"][1] > 12
    assert by_name["the corrupted face itself"][0] > by_name["the corrupted face itself"][1]
    for name, values in by_name.items():
        if name.endswith("pasted back"):
            bare = by_name[name.removesuffix(", known pixels pasted back")]
            assert all(pasted > plain for pasted, plain in zip(values, bare, strict=True)), name


def test_the_report_names_the_data(finished: Finished) -> None:
    assert TITLES[finished.config.data.dataset] in (finished.folder / "report.html").read_text()


def test_checkpoints_hold_tensors_and_plain_values_only(finished: Finished) -> None:
    files = sorted((finished.folder / "checkpoints").glob("*"))
    keepers = [
        settings.filename for settings in finished.config.callbacks.values() if settings and "filename" in settings
    ]
    expected = sorted(f"{name}.ckpt" for name in keepers) if finished.config.trainer.max_epochs else []
    assert [file.name for file in files] == expected
    for file in files:
        content = torch.load(file, weights_only=True)
        assert content["state_dict"]
        if file.name == "last.ckpt":
            assert content["epoch"] == finished.config.trainer.max_epochs - 1


def test_nothing_temporary_is_left(finished: Finished, shared_outputs: Path) -> None:
    assert not list(shared_outputs.rglob("*.tmp"))
    assert not (finished.folder / "failure.json").exists()


def test_the_saved_config_is_valid_and_whole(finished: Finished) -> None:
    validate(finished.config)


@pytest.mark.parametrize("name", list(experiments()))
def test_an_experiment_file_begins_with_its_question(name: str) -> None:
    lines = (CONF / "experiment" / f"{name}.yaml").read_text().splitlines()
    assert lines[0] == "# @package _global_"
    assert lines[1].startswith("# ")
    assert lines[1].endswith("?")
    assert experiments()[name] == lines[1].removeprefix("# ")


def test_truncation_and_fine_tuning_start_from_the_same_network(shared_outputs: Path) -> None:
    """svd_finetune's accuracy before training is svd_truncate's, by the definition of both."""
    starts = []
    for name in ("svd_truncate", "svd_finetune"):
        finished = run_in(shared_outputs, *small(name, num_epochs=0), "truncation=plain")
        starts.append(finished.results["metrics"])
    assert starts[0]["test/acc"] == starts[1]["test/acc"] == pytest.approx(starts[0]["start/test_acc"], abs=1e-6)
    assert starts[0]["start/test_acc"] == starts[1]["start/test_acc"] < starts[0]["baseline/test_acc"]


def test_the_straight_through_network_starts_from_the_truncation(shared_outputs: Path) -> None:
    ste, truncated = (
        run_in(shared_outputs, *small(name, num_epochs=0), "++truncation=plain").results["metrics"]
        for name in ("svd_ste", "svd_truncate")
    )
    assert ste["baseline/test_acc"] > 0.5, "a baseline at chance would make the comparison empty"
    assert ste["test/acc"] == pytest.approx(truncated["test/acc"], abs=1 / 359)
    assert ste["test/loss"] == pytest.approx(truncated["test/loss"], rel=1e-4)


@pytest.mark.parametrize("experiment", ["mnist_mlp", "svd_ste"])
@pytest.mark.parametrize("debug", ["fdr", "limit", "overfit", "profiler"])
def test_debug_settings_run(debug: str, experiment: str, run_experiment) -> None:
    baseline = SMALL_SVD if experiment == "svd_ste" else ["data=digits"]
    epochs = ["trainer.max_epochs=2"] if debug == "overfit" else []
    finished = run_experiment(f"experiment={experiment}", f"debug={debug}", *baseline, *epochs)
    assert math.isfinite(finished.results["metrics"]["test/loss"])


def test_a_real_mnist_run(run_experiment, real_data: Path) -> None:
    finished = run_experiment("experiment=mnist_mlp", f"data.root={real_data}", "trainer.max_epochs=1")
    results = finished.results
    assert results["dataset"]["name"] == "MNIST"
    counts = [results["dataset"][f"num_{part}"] for part in ("train", "val", "test")]
    assert counts == [55000, 5000, 10000]
    assert results["parameters"]["total"] == 84_060
    assert results["metrics"]["test/acc"] > 0.9
    assert float(finished.rows[0]["test/acc"]) == pytest.approx(results["metrics"]["test/acc"], abs=1e-6)


def test_the_experiment_can_be_composed_on_each_trainer() -> None:
    names = [file.stem for file in (CONF / "trainer").glob("*.yaml")]
    assert names
    for name in names:
        cfg = compose_config(["experiment=mnist_mlp", "data=digits", f"trainer={name}"])
        validate(cfg)
        assert instantiate(cfg.trainer, _partial_=True).keywords["max_epochs"] == 100
