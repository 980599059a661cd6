"""metrics.csv: its rows travel in the checkpoint; a cell without a measurement is empty."""

import csv
import math
from pathlib import Path

import torch

from dlhw.callbacks.metrics_csv import MetricsCsv
from tests.helpers import Finished, learned, small


def test_the_last_checkpoint_holds_every_row(run_experiment) -> None:
    finished: Finished = run_experiment(*small("mnist_mlp", num_epochs=3))
    content = torch.load(finished.folder / "checkpoints" / "last.ckpt", weights_only=True)
    rows = content["callbacks"]["MetricsCsv"]["rows"]
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    for row, line in zip(rows, finished.rows, strict=True):
        assert {name: float(cell) for name, cell in line.items() if cell} == row
    names = {"epoch", "train/loss", "train/acc", "val/loss", "val/acc", "test/loss", "test/acc", "lr"}
    assert set(learned(finished.rows)[0]) == names


def test_rows_survive_the_state(tmp_path: Path) -> None:
    table = MetricsCsv()
    table.rows = [{"epoch": 1, "val/acc": 0.1}, {"epoch": 2, "val/acc": 1 / 3, "test/acc": 0.5}]
    copy = MetricsCsv()
    copy.load_state_dict(table.state_dict())
    assert copy.text() == table.text()
    rows = list(csv.DictReader(copy.text().splitlines()))
    assert rows[0]["test/acc"] == ""
    assert float(rows[1]["val/acc"]) == 1 / 3, "written with all its digits"
    assert copy.history() == {"epoch": [1, 2], "val/acc": [0.1, 1 / 3], "test/acc": [None, 0.5]}


def test_the_state_is_a_copy() -> None:
    table = MetricsCsv()
    table.rows = [{"epoch": 1, "val/acc": 0.1}]
    state = table.state_dict()
    table.rows[0]["val/acc"] = math.nan
    assert state["rows"][0]["val/acc"] == 0.1
