"""Energy: a number with the way it was measured, or none with the reason."""

from types import SimpleNamespace

import codecarbon
import pytest

from dlhw.callbacks.energy import Energy
from tests.helpers import small


def test_a_run_says_how_its_energy_was_measured(run_experiment) -> None:
    energy = run_experiment(*small("mnist_mlp", num_epochs=1)).results["energy"]
    assert energy["kwh"] > 0
    assert energy["co2eq_kg"] > 0
    assert energy["country"] == "Germany"
    assert energy["method"].startswith("codecarbon ")
    assert "CPU by " in energy["method"]


def test_an_unknown_country_is_not_passed_over(run_experiment) -> None:
    finished = run_experiment(*small("mnist_mlp", num_epochs=1), "callbacks.energy.country=XYZ")
    energy = finished.results["energy"]
    assert energy["country"] == "XYZ (not known: the world's average mix)"
    assert energy["co2eq_kg"] == pytest.approx(energy["kwh"] * 0.475, rel=1e-3)  # kg a kWh, world 2019


def test_a_tracker_that_cannot_measure_gives_none_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = SimpleNamespace(start=lambda: None, stop=lambda: None)
    monkeypatch.setattr(codecarbon, "OfflineEmissionsTracker", lambda **_: silent)
    energy = Energy("DEU")
    energy.setup(SimpleNamespace(is_global_zero=True), None, "fit")
    result = energy.result()
    assert result["kwh"] is result["co2eq_kg"] is None
    assert result["method"] == "could not be measured"


def test_a_run_that_was_never_set_up_has_no_measurement() -> None:
    assert Energy("DEU").result()["kwh"] is None
