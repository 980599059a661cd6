"""The experiment loss_landscape on digits: what it shows, and that it is the same after a kill."""

import csv
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import instantiate

from dlhw.callbacks.trajectory import load_trajectory
from dlhw.errors import UserError
from dlhw.metrics.classification import evaluate
from dlhw.schema import validate
from tests.conftest import resume_in
from tests.helpers import KILLABLE, Finished, small

SMALL = [*small("loss_landscape", num_epochs=3), "subset=300", "model.net.hidden=[16,16]", "data.batch_size=50"]
FIGURES = ["landscape_surface", "landscape_contours", "landscape_truth"]


def read(finished: Finished, name: str) -> list[dict[str, Any]]:
    with (finished.folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_one_network(run_experiment) -> None:
    finished = run_experiment(*SMALL)
    results = finished.results
    assert results["dataset"]["num_train"] == 300
    rows, grid = read(finished, "trajectory.csv"), read(finished, "landscape.csv")
    assert [int(row["step"]) for row in rows] == [0, *(6 * epoch + k for epoch in range(3) for k in (2, 3, 4, 5, 6))]
    assert [float(rows[-1][name]) for name in ("direction 1", "direction 2", "distance from the plane")] == [0, 0, 0]
    (origin,) = [row for row in grid if float(row["direction 1"]) == float(row["direction 2"]) == 0]

    # the last checkpoint's network, judged by code that knows of no plane, on the images that it was trained on
    data = instantiate(finished.config.data, seed=0)
    data.setup()
    net = instantiate(finished.config.model.net)
    weights = finished.weights("last")
    net.load_state_dict({key.removeprefix("net.nets.0."): value for key, value in weights.items()})
    truth = evaluate(net, [data.parts["train"]]).loss
    for value in (origin["loss"], rows[-1]["true loss"], rows[-1]["loss on the plane"]):
        assert float(value) == pytest.approx(truth, rel=1e-5)
    assert results["metrics"]["landscape/final_loss"] == pytest.approx(truth, rel=1e-5)

    metrics = results["metrics"]
    assert 0 < metrics["landscape/explained_2"] < metrics["landscape/explained_1"] < 1
    assert max(float(row["distance from the plane"]) for row in rows) == metrics["landscape/largest_distance"] > 0
    assert {figure["file"] for figure in results["figures"]} >= {f"figures/{name}.png" for name in FIGURES}


def test_two_networks_and_the_first_is_the_one_of_inits_1(run_experiment) -> None:
    one, two = run_experiment(*SMALL), run_experiment(*SMALL, "inits=2")
    single, double = load_trajectory(one.folder), load_trajectory(two.folder)
    assert single is not None
    assert double is not None
    assert torch.equal(single.points[:, 0], double.points[:, 0])
    assert not torch.equal(double.points[0, 0], double.points[0, 1])

    rows = read(two, "trajectory.csv")
    ends = [[row for row in rows if row["network"] == f"initialisation {number}"][-1] for number in (1, 2)]
    for name in ("direction 1", "direction 2"):  # the plane goes through the middle between them
        assert float(ends[0][name]) == pytest.approx(-float(ends[1][name]), rel=1e-3)
    distances = [float(end["distance from the plane"]) for end in ends]
    assert distances[0] == pytest.approx(distances[1], rel=1e-3)
    losses = [float(end["true loss"]) for end in ends]
    assert losses[0] == pytest.approx(one.results["metrics"]["landscape/final_loss"], rel=1e-5)
    assert two.results["metrics"]["landscape/final_loss"] == max(losses)
    assert two.results["parameters"] == one.results["parameters"], "of one network"


@pytest.mark.parametrize("step", [4, 15], ids=["before a checkpoint", "in the third epoch"])
def test_killed_and_resumed_gives_the_same_figures(train, run_experiment, outputs: Path, step: int) -> None:
    killed = train(*SMALL, "inits=2", *KILLABLE, env={"KILL_AT_STEP": str(step)})
    assert killed.returncode == -signal.SIGKILL
    (folder,) = (outputs / "loss_landscape").iterdir()
    resumed = resume_in(folder)
    whole = run_experiment(*SMALL, "inits=2", *KILLABLE)
    for name in ("trajectory.csv", "landscape.csv", *(f"figures/{figure}.png" for figure in FIGURES)):
        assert (resumed.folder / name).read_bytes() == (whole.folder / name).read_bytes(), name


def test_the_checkpoints_do_not_grow_with_the_trajectory(run_experiment) -> None:
    few, many = (run_experiment(*SMALL, f"samples_per_epoch={number}") for number in (1, 6))
    sizes = [(run.folder / "checkpoints" / "last.ckpt").stat().st_size for run in (few, many)]
    assert abs(sizes[0] - sizes[1]) < 100
    trajectories = [load_trajectory(run.folder) for run in (few, many)]
    assert [len(samples.steps) for samples in trajectories if samples] == [4, 19]


def test_without_training_there_is_no_landscape(run_experiment) -> None:
    finished = run_experiment(*SMALL, "trainer.max_epochs=0")
    assert any("no trajectory" in note for note in finished.results["notes"])
    assert not any("landscape" in figure["file"] for figure in finished.results["figures"])


@pytest.mark.parametrize("debug", ["fdr", "limit"])
def test_debug_settings_run(debug: str, run_experiment) -> None:
    finished = run_experiment(*SMALL[:-1], f"debug={debug}")
    assert finished.results["metrics"]["landscape/final_loss"] > 0


def test_a_subset_larger_than_the_training_part_is_refused(run_experiment) -> None:
    with pytest.raises(UserError, match=r"subset=5000: digits .* has 1238 training images; must be 1 to 1238, or null"):
        run_experiment(*SMALL, "subset=5000")


def test_the_whole_training_part_and_its_first_images(run_experiment) -> None:
    from dlhw.config import compose_config

    parts = []
    for subset in ("null", "1238", "100"):
        cfg = compose_config([*SMALL, f"subset={subset}"])
        validate(cfg)
        data = instantiate(cfg.data, seed=0)
        data.setup()
        parts.append(data.parts)
    assert [len(part["train"][1]) for part in parts] == [1238, 1238, 100]
    assert torch.equal(parts[2]["train"][0], parts[0]["train"][0][:100])
    assert torch.equal(parts[2]["val"][0], parts[0]["val"][0])
