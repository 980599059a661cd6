"""The last iterations' losses, kept, carried through checkpoints and shown."""

import logging
from types import SimpleNamespace

import pytest
import torch

from dlhw.callbacks.last_iterations import LastIterations
from tests.conftest import resume_in
from tests.helpers import DIGITS, KILLABLE

RUN = ["experiment=fashion_mlp", *DIGITS, "trainer.max_epochs=3"]
TITLE = "The last 20 iterations"


def shown(finished) -> list[list]:
    (table,) = [table for table in finished.results["tables"] if table["title"] == TITLE]
    return table["rows"]


def test_it_keeps_the_last_ones_and_their_order() -> None:
    kept = LastIterations(num=3)
    for loss in range(5):
        kept.on_train_batch_end(SimpleNamespace(), SimpleNamespace(), {"loss": torch.tensor(float(loss))}, None, loss)
    assert kept.values() == [2.0, 3.0, 4.0]
    copy = LastIterations(num=3)
    copy.load_state_dict(kept.state_dict())
    assert copy.values() == [2.0, 3.0, 4.0]
    assert LastIterations().values() == []


def test_the_run_shows_them_with_the_test_accuracy(run_experiment, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    finished = run_experiment(*RUN)
    table = shown(finished)
    assert [row[0] for row in table] == list(range(11, 31)), "ten steps an epoch, three epochs"
    last_epoch = [loss for _, loss in table[-10:]]
    sizes = [128] * 9 + [1238 - 9 * 128]
    mean = sum(loss * size for loss, size in zip(last_epoch, sizes, strict=True)) / 1238
    assert mean == pytest.approx(float(finished.rows[-1]["train/loss"]), rel=1e-5)
    accuracy = f"test accuracy {100 * finished.results['metrics']['test/acc']:.2f} %"
    assert accuracy in caplog.text
    assert f"iteration      30  training loss {table[-1][1]:.4f}" in caplog.text
    assert accuracy in (finished.folder / "report.html").read_text().lower()
    assert (finished.folder / "figures" / "last_iterations.png").is_file()


def test_a_resumed_run_shows_the_same(train, run_experiment, outputs) -> None:
    killed = train(*RUN, *KILLABLE, env={"KILL_AT_STEP": "25"})
    assert killed.returncode < 0
    (folder,) = (outputs / "fashion_mlp").iterdir()
    assert shown(resume_in(folder)) == shown(run_experiment(*RUN, *KILLABLE))
