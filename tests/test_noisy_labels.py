"""Training on wrong labels, end to end: what is measured, the remedies, and the ranking of the suspects."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from dlhw.callbacks.memorisation import shares
from dlhw.callbacks.mislabelled import paragraph
from dlhw.config import CONF
from tests.conftest import run_in
from tests.helpers import KILLABLE, Finished, same_bits, small

REMEDIES = sorted(file.stem for file in (CONF / "remedy").glob("[!_]*.yaml"))
# Enough epochs on few images for a network to memorise what it is told
OVERFIT = ["model.net.hidden=[256,128]", "optimizer.lr=0.003", "trainer.max_epochs=80"]


def noisy(num_epochs: int = 3) -> list[str]:
    return small("noisy_labels", num_epochs)


@pytest.mark.parametrize("remedy", REMEDIES)
def test_every_remedy_trains_and_ranks(remedy: str, run_experiment) -> None:
    finished = run_experiment(*noisy(), f"remedy={remedy}", "model.net.hidden=[32,32]")
    metrics = finished.results["metrics"]
    assert all(math.isfinite(metrics[name]) for name in ("last/test_acc", "peak/test_acc", "test/acc", "test/loss"))
    assert metrics["peak/test_acc"] >= metrics["last/test_acc"]
    with (finished.folder / "suspects.csv").open(newline="") as file:
        ranking = list(csv.DictReader(file))
    num_train = finished.results["dataset"]["num_train"]
    assert num_train == (1238 if remedy == "early_stopping" else 1438)
    assert sorted(int(row["place"]) for row in ranking)[-1] == 1437
    assert len({row["place"] for row in ranking}) == len(ranking) == num_train
    scores = [float(row["score"]) for row in ranking]
    assert scores == sorted(scores, reverse=True)
    num_wrong = sum(int(row["wrong"]) for row in ranking)
    assert num_wrong / num_train == pytest.approx(0.4, abs=0.05 if remedy == "early_stopping" else 0.001)
    found = sum(int(row["wrong"]) for row in ranking[:num_wrong]) / num_wrong
    assert found == pytest.approx(metrics["ranking/precision"])
    assert found > 0.55, "better than the 0.4 of a random order"


@pytest.fixture(scope="module")
def memorised(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return run_in(tmp_path_factory.mktemp("memorised"), *small("noisy_labels"), *OVERFIT)


def test_the_plain_network_memorises_and_declines(memorised: Finished) -> None:
    metrics = memorised.results["metrics"]
    assert metrics["wrong/memorised"] > 0.4
    assert metrics["peak/test_acc"] > metrics["last/test_acc"] + 0.05
    assert metrics["ranking/precision"] > 0.8, "what is memorised in the end was contradicted for long"
    (text,) = [note for note in memorised.results["notes"] if "Test accuracy peaks" in note]
    assert f"{100 * metrics['peak/test_acc']:.2f} %" in text
    assert "memorised, and test accuracy has fallen" in text
    assert int(metrics["peak/epoch"]) < 30


def test_a_suspect_is_shown_with_what_the_network_answered_while_it_judged(memorised: Finished) -> None:
    """The class of the lowest mean loss over the epochs; the last answer is the label that was memorised by then."""
    watched = torch.load(memorised.folder / "checkpoints" / "last.ckpt", weights_only=True)["callbacks"]["Memorisation"]
    losses = watched["total_losses"] / watched["num_epochs"]  # (num_images, num_classes)
    answers = {
        (label, loss): answer
        for row, answer in zip(losses.tolist(), losses.argmin(1).tolist(), strict=True)
        for label, loss in enumerate(row)
    }
    with (memorised.folder / "suspects.csv").open(newline="") as file:
        ranking = list(csv.DictReader(file))
    for row in ranking:
        assert int(row["answered"]) == answers[int(row["given"]), float(row["score"])]
    suspects = [row for row in ranking[:40] if row["wrong"] == "1"]
    assert len(suspects) > 20
    assert not [row for row in suspects if row["answered"] == row["given"]]
    (figure,) = [figure for figure in memorised.results["figures"] if figure["file"] == "figures/suspects.png"]
    assert "what the network answered while it judged" in figure["caption"]


def test_without_the_test_set_there_is_a_ranking_and_no_course_of_it(run_experiment) -> None:
    finished = run_experiment(*noisy(), "data.test_every_epoch=false")
    assert (finished.folder / "suspects.csv").is_file()
    assert finished.results["metrics"]["ranking/precision"] > 0.4
    assert not [note for note in finished.results["notes"] if "Test accuracy peaks" in note]


def test_without_noise_there_is_a_ranking_and_no_truth(run_experiment) -> None:
    finished = run_experiment(*noisy(), "noise=0")
    assert not [name for name in finished.results["metrics"] if name.startswith(("wrong/", "right/", "ranking/"))]
    header = (finished.folder / "suspects.csv").read_text().splitlines()[0]
    assert header == "rank,place,given,answered,score"
    assert "suspects" in "".join(figure["file"] for figure in finished.results["figures"])


def test_the_file_of_a_user_who_does_not_know_the_truth(run_experiment, tmp_path: Path) -> None:
    from dlhw.data import digits

    images, labels, test_images, test_labels = (tensor.numpy() for tensor in digits.load())
    file = tmp_path / "mine.npz"
    np.savez(file, x_train=images, y_train=labels, x_test=test_images, y_test=test_labels)
    settings = [setting for setting in noisy() if setting not in ("data=digits", "data.passes=1")]
    finished = run_experiment(*settings, "data=npz", f"data.path={file}", "noise=0")
    assert finished.results["metrics"]["test/acc"] > 0.3
    assert (finished.folder / "suspects.csv").is_file()


def test_shares_count_what_they_say() -> None:
    truth = torch.tensor([0, 0, 0, 1, 1, 1])
    given = torch.tensor([0, 0, 1, 1, 0, 2])
    predicted = torch.tensor([0, 1, 0, 1, 0, 0])
    values = {name: value.item() for name, value in shares(predicted, given, truth).items()}
    assert values == pytest.approx({"right/acc": 2 / 3, "wrong/memorised": 1 / 3, "wrong/seen_through": 1 / 3})
    assert shares(predicted, truth, truth).keys() == {"right/acc"}


def test_the_paragraph_says_what_was_measured() -> None:
    history: dict[str, list[float | None]] = {
        "test/acc": [0.9, 0.95, 0.7],
        "right/acc": [0.8, 0.9, 1.0],
        "wrong/memorised": [0.01, 0.02, 0.9],
        "wrong/seen_through": [0.9, 0.93, 0.1],
    }
    text = paragraph(history, 0.5)
    assert "peaks at 95.00 % after epoch 2" in text
    assert "repeats 2.0 % of the wrong ones" in text
    assert "fallen by 25.00 points to 70.00 %" in text
    kept = paragraph({**history, "test/acc": [0.9, 0.94, 0.95]}, 0.5)
    assert "After the last epoch it is 95.00 %, with 90.0 % of the wrong labels memorised." in kept


@pytest.mark.parametrize(
    "remedy", ["co_teaching", *(pytest.param(r, marks=pytest.mark.slow) for r in ("elr", "early_stopping"))]
)
def test_killed_and_resumed(remedy: str, train, run_experiment, outputs: Path) -> None:
    from tests.conftest import resume_in

    overrides = [*noisy(num_epochs=4), *KILLABLE, f"remedy={remedy}", "model.net.hidden=[32]", "augment=affine"]
    train(*overrides, env={"KILL_AT_STEP": "27"})
    (folder,) = (outputs / "noisy_labels").iterdir()
    assert not (folder / "results.json").exists()
    resumed, whole = resume_in(folder), run_experiment(*overrides)
    assert same_bits(resumed.weights(), whole.weights())
    assert (resumed.folder / "suspects.csv").read_bytes() == (whole.folder / "suspects.csv").read_bytes()
    metrics = [finished.results["metrics"] for finished in (resumed, whole)]
    names = [name for name in metrics[1] if not name.startswith("energy/")]
    assert [metrics[0][name] for name in names] == [metrics[1][name] for name in names]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("noise=1", "noise=1: must be less than 1"),
        ("noise=-0.1", "noise=-0.1: must be greater than or equal to 0"),
        ("noise=half", "noise=half:"),
        ("flip=symetric", "flip=symetric: is not known; did you mean symmetric"),
        ("remedy=co_teach", "unknown remedy 'co_teach'; did you mean co_teaching"),
    ],
)
def test_wrong_settings_get_a_line(wrong: str, said: str, refused) -> None:
    assert said in refused("experiment=noisy_labels", "data=digits", wrong)
