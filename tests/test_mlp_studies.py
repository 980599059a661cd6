"""The MLP studies end to end on small data: model selection, the dropped rate, depth and width, carbon."""

import json
import re
from pathlib import Path

import pytest

from dlhw.config import compose_config
from dlhw.errors import UserError
from dlhw.schema import validate
from tests.helpers import Finished, small

RULES = ("by_val_acc", "by_train_loss", "by_val_loss")


def table(finished: Finished, title: str) -> list[dict[str, object]]:
    """A table of the results as a list of rows by column."""
    (found,) = (table for table in finished.results["tables"] if table["title"].startswith(title))
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]


def test_each_rule_chooses_the_epoch_that_metrics_csv_names(run_experiment) -> None:
    finished: Finished = run_experiment(*small("shallow_mlp", num_epochs=8))
    metrics = finished.results["metrics"]
    best = {"by_train_loss": ("train/loss", min), "by_val_loss": ("val/loss", min), "by_val_acc": ("val/acc", max)}
    for rule, (column, extreme) in best.items():
        values = [float(row[column]) for row in finished.rows]
        assert metrics[f"{rule}/epoch"] == values.index(extreme(values)) + 1
    assert metrics["by_val_acc/test_acc"] == pytest.approx(metrics["test/acc"])
    assert metrics["by_val_acc/test_loss"] == pytest.approx(metrics["test/loss"], rel=1e-5)
    assert sum(metrics[f"{rule}/wins"] for rule in RULES) == pytest.approx(1)
    accuracies = {rule: metrics[f"{rule}/test_acc"] for rule in RULES}
    for rule in RULES:
        assert (metrics[f"{rule}/wins"] > 0) == (accuracies[rule] == max(accuracies.values()))
    rows = table(finished, "Which epoch to deploy")
    assert {row["chosen by"] for row in rows} == {"lowest train/loss", "lowest val/loss", "highest val/acc"}


def test_training_stops_where_the_loss_is_flat(run_experiment) -> None:
    flat = ["callbacks.early_stopping.min_delta=0.05", "callbacks.early_stopping.patience=4"]
    finished = run_experiment(*small("shallow_mlp", num_epochs=300), *flat)
    losses = [float(row["train/loss"]) for row in finished.rows]
    assert 4 < len(losses) < 300
    assert losses[-5] - min(losses[-4:]) < 0.05, "in the last four epochs it fell by less than min_delta"
    assert (
        f"Training ended after epoch {len(losses)}: the training loss had fallen "
        "by less than 0.05 nats within 4 epochs." in finished.results["notes"]
    )


def test_the_cap_on_the_epochs_is_told(run_experiment) -> None:
    notes = run_experiment(*small("shallow_mlp", num_epochs=2)).results["notes"]
    assert any("at the cap of 2 epochs, before the training loss was flat" in note for note in notes)


def test_a_sweep_over_seeds_tells_how_often_each_rule_wins(train, outputs: Path) -> None:
    done = train("-m", *small("shallow_mlp", num_epochs=3), "seed=0,1")
    assert done.returncode == 0, done.stderr
    (folder,) = (outputs / "shallow_mlp" / "multirun").iterdir()
    (row,) = json.loads((folder / "sweep.json").read_text())["rows"]
    assert sum(row["stats"][f"{rule}/wins"]["mean"] for rule in RULES) == pytest.approx(1)
    page = (folder / "report.html").read_text()
    for rule in ("by validation accuracy", "by validation loss", "by training loss"):
        for what in ("test accuracy", "test loss", "wins"):
            assert f">{rule} {what}<" in page


@pytest.mark.parametrize(
    ("overrides", "drop"),
    [(["scheduler.patience=2", "scheduler.min_delta=9"], 3), (["drop_epoch=2"], 2)],
    ids=["at the plateau", "by hand"],
)
def test_the_rate_drops_once(run_experiment, overrides: list[str], drop: int) -> None:
    finished = run_experiment(*small("lr_drop", num_epochs=5), *overrides)
    assert [float(row["lr"]) for row in finished.rows] == pytest.approx([0.1] * (drop - 1) + [0.01] * (6 - drop))
    results = finished.results
    assert results["metrics"]["drop/epoch"] == drop
    assert [row["run"] for row in table(finished, f"Around the drop after epoch {drop}")] == ["lr_drop", "shallow_mlp"]
    losses = [float(row["train/loss"]) for row in finished.rows]
    (note,) = (note for note in results["notes"] if note.startswith(f"The rate was divided after epoch {drop}"))
    assert f"by {losses[drop - 1] - losses[-1]:.4f} nats (epochs {drop} to 5) after it; in shallow_mlp by" in note
    assert re.search(r"the validation accuracy from [\d.]+ to [\d.]+ %\.$", note), "and says not why"
    assert "figures/comparison.png" in [figure["file"] for figure in results["figures"]]


def test_before_the_drop_the_run_is_its_reference(run_experiment) -> None:
    references = 'references=[{experiment:shallow_mlp,overrides:["trainer.max_epochs=4"]}]'
    finished = run_experiment(*small("lr_drop", num_epochs=4), "drop_epoch=2", references)
    (folder,) = (path for path in (finished.folder.parents[1] / "baselines").iterdir() if path.is_dir())
    one, other = finished.rows, Finished(folder).rows
    same = [a["train/loss"] == b["train/loss"] for a, b in zip(one, other, strict=True)]
    assert same == [True, True, False, False]


def test_a_run_without_a_drop_says_so(run_experiment) -> None:
    notes = run_experiment(*small("lr_drop", num_epochs=2)).results["notes"]
    assert any(note.startswith("The learning rate did not fall in any of the 2 epochs") for note in notes)


@pytest.mark.parametrize("epoch", [0, 500, 600, "half"])
def test_a_drop_outside_the_training_is_refused(epoch: object) -> None:
    with pytest.raises(UserError, match=f"drop_epoch={epoch}: "):
        validate(compose_config(["experiment=lr_drop", "data=digits", f"drop_epoch={epoch}"]))


@pytest.mark.parametrize("place", ["scheduler", "callbacks.early_stopping"])
@pytest.mark.parametrize("setting", ["patience=0", "patience=1.5", "min_delta=-0.1", "min_delta=small"])
def test_a_plateau_that_cannot_be_is_refused(place: str, setting: str) -> None:
    with pytest.raises(UserError, match=f"{place}.{setting}: must be"):
        validate(compose_config(["experiment=lr_drop", "data=digits", f"{place}.{setting}"]))


def test_networks_are_compared_with_their_parameters_worked_out(run_experiment) -> None:
    finished = run_experiment(*small("deep_mlp", num_epochs=1), "model.net.hidden=[32,64,32]")
    sizes = table(finished, "Parameters by formula")
    assert [row["network"] for row in sizes] == ["784-32-64-32-10", "784-32-10"]
    assert [row["counted"] for row in sizes] == [29_642, 25_450]
    assert [row["worked out"] for row in sizes] == [
        "785·32 + 33·64 + 65·32 + 33·10 = 29,642",
        "785·32 + 33·10 = 25,450",
    ]
    rows = table(finished, "Networks compared")
    assert [row["parameters"] for row in rows] == [29_642, 25_450]
    assert rows[0]["test accuracy"] == pytest.approx(finished.results["metrics"]["test/acc"])
    assert rows[0]["epochs"] == 1
    assert rows[1]["epochs"] == 2
    assert rows[0]["energy (Wh)"] == pytest.approx(1000 * finished.results["energy"]["kwh"])


@pytest.mark.slow
def test_the_wide_networks_report_answers_for_its_carbon(run_experiment) -> None:
    finished = run_experiment(*small("wide_mlp", num_epochs=2), "data.passes=20", "callbacks.energy.country=FRA")
    results = finished.results
    rows = table(finished, "Energy and CO2-equivalent")
    assert [row["run"] for row in rows] == ["wide_mlp", "shallow_mlp", "deep_mlp"]
    assert rows[0]["energy (Wh)"] == pytest.approx(1000 * results["energy"]["kwh"])
    assert rows[0]["CO2eq (g)"] == pytest.approx(1000 * results["energy"]["co2eq_kg"])
    epochs = [1000 * float(row["energy/kwh"]) for row in finished.rows]
    assert rows[0]["an epoch (Wh)"] == pytest.approx(sum(epochs) / 2)
    lamp = table(finished, "The same in everyday terms")[0]
    assert lamp["this run"] == pytest.approx(results["energy"]["kwh"] / 0.010 * 60)
    assert any("France" in note and "codecarbon" in note for note in results["notes"])
    assert "figures/energy.png" in [figure["file"] for figure in results["figures"]]
