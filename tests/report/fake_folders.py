"""Folders as runs and sweeps leave them, without running anything."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dlhw.figures import curves, save_figure

RANKS = (10, 20, 50, 100, 200, "full")
ACCURACY = {  # test accuracy in per cent at each rank
    "svd_ste": (98.12, 98.45, 98.55, 98.58, 98.60, 98.62),
    "svd_finetune": (98.00, 98.41, 98.52, 98.57, 98.59, 98.63),
    "svd_truncate": (82.30, 96.70, 98.30, 98.55, 98.60, 98.62),
}

DISTANCE = {"gan_conv": (400.0, 40.0, 10.0), "gan_dense": (900.0, 90.0, 30.0)}  # after epochs 1, 5 and 10


def results(**changes: Any) -> dict[str, Any]:
    """A complete results.json; `changes` replace its entries."""
    record: dict[str, Any] = {
        "experiment": "svd_ste",
        "question": "Does training through the rank-k projection keep the accuracy of the dense network?",
        "dataset": {
            "name": "MNIST",
            "num_train": 55000,
            "num_val": 5000,
            "num_test": 10000,
            "sha256": "ab" * 32,
        },
        "seed": 0,
        "parameters": {
            "total": 5_012_490,
            "trainable": 5_012_490,
            "layers": [
                ["layers.0", "Linear 784 -> 1024", 803_840],
                ["layers.5", "Linear 1024 -> 10", 10_250],
            ],
        },
        "metrics": {
            "test/acc": 0.9845,
            "test/loss": 0.0512,
            "start/test_acc": 0.967,
            "baseline/test_acc": 0.9862,
        },
        "optimized_metric": "val/acc",
        "sweep": {"x": None, "y": ["test/acc"]},
        "checkpoint": {"path": "checkpoints/best.ckpt", "why": "highest val/acc 0.9861 at epoch 3"},
        "epochs": 10,
        "wall_seconds": 83.2,
        "energy": {
            "kwh": 0.00123,
            "co2eq_kg": 0.00047,
            "country": "DEU",
            "method": "Estimated by codecarbon from the processor's thermal design power.",
        },
        "tables": [
            {
                "title": "Accuracy at each rank",
                "note": "Plain truncation, no training.",
                "columns": ["D", "test accuracy", "parameters"],
                "rows": [[10, 0.823, 123_456], [20, 0.967, 234_567], ["full", 0.9862, 5_012_490]],
                "percent": ["test accuracy"],
            }
        ],
        "figures": [
            {
                "file": "figures/curves.png",
                "title": "Loss and accuracy",
                "caption": "Loss and accuracy by epoch; the chosen epoch is circled.",
            }
        ],
        "notes": ["The projection is warm-started: each step begins with the last step's subspace."],
        "versions": {"torch": "2.14.1", "lightning": "2.6.6"},
        "git_commit": "0123456789abcdef0123456789abcdef01234567",
        "command": "python train.py experiment=svd_ste rank=20",
        "started": "2026-11-20T17:00:00",
        "machine": "2 cores, no GPU",
    }
    return record | changes


def write_run(folder: Path, overrides: list[str], record: dict[str, Any] | None = None) -> Path:
    """A finished run's folder, with a figure."""
    folder.mkdir(parents=True)
    record = record or results()
    (folder / "overrides.yaml").write_text("".join(f"- {json.dumps(override)}\n" for override in overrides))
    (folder / "config.yaml").write_text("rank: 20\nmodel:\n  _target_: dlhw.models.Classifier\n")
    epochs = np.arange(10)
    loss, accuracy = np.exp(-epochs / 3), 0.985 - 0.1 * np.exp(-epochs / 2)
    lines = [f"{e},{loss[e]:.5f},{accuracy[e]:.4f},{'' if e % 2 else accuracy[e]}," for e in epochs]
    (folder / "metrics.csv").write_text("epoch,train/loss,val/acc,test/acc,never\n" + "\n".join(lines) + "\n")
    history = {"epoch": epochs, "train/loss": loss, "val/acc": accuracy}
    if any(figure["file"] == "figures/curves.png" for figure in record["figures"]):
        figure = curves(history, title="svd_ste", data_name="MNIST", chosen_epoch=3)
        save_figure(figure, folder / "figures" / "curves.png")
    (folder / "results.json").write_text(json.dumps(record))
    return folder


def write_failure(folder: Path, overrides: list[str], error: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "overrides.yaml").write_text("".join(f"- {json.dumps(override)}\n" for override in overrides))
    (folder / "failure.json").write_text(json.dumps({"type": "ValueError", "error": error}))
    return folder


def write_epochs(folder: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """A metrics.csv; cells of None are empty."""
    rows = zip(*columns.values(), strict=True)
    lines = [",".join("" if cell is None else str(cell) for cell in row) for row in [columns, *rows]]
    (folder / "metrics.csv").write_text("\n".join(lines) + "\n")


def write_image(folder: Path, file: str, size: tuple[int, int] = (800, 800), grey: int = 128) -> None:
    (folder / file).parent.mkdir(exist_ok=True)
    Image.new("L", size, grey).save(folder / file)


def two_gans(folder: Path) -> Path:
    """Two experiments x three seeds, as `-m experiment=gan_dense,gan_conv seed=0,1,2` leaves them.

    Over seeds, the distance after an epoch has the mean of `DISTANCE` and a tenth of it as standard deviation.
    """
    caption = "100 samples, none chosen."
    for experiment, distances in DISTANCE.items():
        for seed in range(3):
            share = 1 + 0.1 * (seed - 1)
            record = results(
                experiment=experiment, seed=seed, optimized_metric="val/small_cnn_frechet",
                dataset={"name": "Fashion-MNIST"},
                metrics={"test/small_cnn_frechet": share * distances[-1], "test/small_cnn_precision": 0.7 + seed / 100},
                sweep={
                    "x": None, "y": ["test/small_cnn_frechet", "test/small_cnn_precision"],
                    "history": ["val/small_cnn_frechet"], "pictures": ["samples"],
                },
                figures=[{"file": "figures/samples.png", "title": f"{experiment}: samples", "caption": caption}],
            )  # fmt: skip
            overrides = [f"experiment={experiment}", f"seed={seed}"]
            job = write_run(folder / ",".join(overrides), overrides, record)
            measured = dict(zip((1, 5, 10), distances, strict=True))
            cells = [share * measured[epoch] if epoch in measured else None for epoch in range(1, 11)]
            write_epochs(job, {"epoch": range(1, 11), "train/loss": [0.5] * 10, "val/small_cnn_frechet": cells})
            write_image(job, "figures/samples.png", grey=seed)
    return folder


def three_methods(folder: Path) -> Path:
    """Three methods x six ranks x three seeds, as `-m experiment=... rank=... seed=0,1,2` leaves them."""
    rng = np.random.default_rng(0)
    for experiment, accuracies in ACCURACY.items():
        for rank, accuracy in zip(RANKS, accuracies, strict=True):
            for seed in range(3):
                metrics = {
                    "test/acc": accuracy / 100 + float(rng.normal(0, 5e-4)),
                    "test/loss": float(rng.uniform(0.05, 0.06)),
                    "baseline/test_acc": 0.986 + 0.0002 * seed,
                }
                size = 5_012_490 if rank == "full" else 1000 + 9_000 * int(rank)
                overrides = [f"experiment={experiment}", f"rank={rank}", f"seed={seed}", "data=mnist"]
                record = results(
                    experiment=experiment, seed=seed, metrics=metrics, figures=[], wall_seconds=60.0 + seed,
                    parameters={"total": size, "trainable": size, "layers": []},
                )  # fmt: skip
                write_run(folder / ",".join(overrides[:3]), overrides, record)
    return folder


def all_kinds(outputs: Path) -> Path:
    """Runs, a sweep, a search and a baseline, as an outputs folder holds them; one run failed, one has not ended."""
    write_run(outputs / "svd_ste" / "2026-11-21_11-12-13", ["experiment=svd_ste", "rank=20", "data=mnist"])
    write_failure(
        outputs / "svd_ste" / "2026-11-21_12-00-00", ["experiment=svd_ste", "rank=0"], "rank <0> is too small"
    )
    begun = outputs / "gan_conv" / "2026-11-24_00-00-00" / ".hydra"
    begun.mkdir(parents=True)
    (begun / "overrides.yaml").write_text("- experiment=gan_conv\n- paths.outputs=/elsewhere\n- seed=3\n")
    two_gans(outputs / "gan_dense+gan_conv" / "multirun" / "2026-11-22_10-00-00")
    search = outputs / "search" / "fashion_mlp"
    for name, rate, accuracy in (("a", 0.1, 0.88), ("b", 0.2, 0.91)):
        record = results(
            experiment="fashion_mlp", dataset={"name": "Fashion-MNIST"}, figures=[], metrics={"val/acc": accuracy},
            sweep={"x": None, "y": ["val/acc"]}, started="2026-11-23T09:00:00",
        )  # fmt: skip
        write_run(search / name, ["hparams_search=fashion_mlp", f"optimizer.lr={rate}"], record)
    (search / "multirun.yaml").touch()
    tested = results(experiment="fashion_mlp", figures=[], metrics={"val/acc": 0.91, "test/acc": 0.9})
    write_run(search / "best", ["optimizer.lr=0.2"], tested)
    record = results(experiment="mnist_mlp", started="2026-11-20T08:00:00", metrics={"test/acc": 0.9862}, sweep={})
    write_run(outputs / "baselines" / "mnist_mlp-mnist-seed0-0123456789", [], record)
    return outputs
