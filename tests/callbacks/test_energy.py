"""Energy: a number with the way it was measured, or none with the reason."""

import time
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


def test_each_epoch_has_its_share(run_experiment) -> None:
    finished = run_experiment(*small("mnist_mlp", num_epochs=3), "data.passes=40")  # long enough for a reading each
    total = finished.results["energy"]
    shares = [{name: float(row[f"energy/{name}"]) for name in ("kwh", "co2eq_g")} for row in finished.rows]
    assert all(share["kwh"] > 0 for share in shares)
    assert sum(share["kwh"] for share in shares) < total["kwh"], "the start and the test are in the total alone"
    for share in shares:
        assert share["co2eq_g"] / share["kwh"] == pytest.approx(1000 * total["co2eq_kg"] / total["kwh"], rel=1e-3)


def test_readings_grow_and_the_result_stays() -> None:
    energy = Energy("DEU")
    energy.setup(SimpleNamespace(is_global_zero=True), None, "fit")
    first = energy.reading()
    time.sleep(0.1)
    second = energy.reading()
    assert second > first > (0, 0)
    assert energy.result() == energy.result()
    assert energy.result()["kwh"] >= second.kwh


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


@pytest.mark.parametrize("kwh", [None, pytest.param(0.0, marks=pytest.mark.slow)])
def test_where_nothing_can_be_measured_there_is_no_number(run_experiment, monkeypatch, kwh: float | None) -> None:
    data = SimpleNamespace(energy_consumed=kwh, emissions=kwh, codecarbon_version="0")
    tracker = SimpleNamespace(
        start=lambda: None, stop=lambda: kwh, flush=lambda: kwh, _prepare_emissions_data=lambda: data,
        final_emissions_data=data, _hardware=[],
    )  # fmt: skip
    monkeypatch.setattr(codecarbon, "OfflineEmissionsTracker", lambda **_: tracker)
    finished = run_experiment(*small("wide_mlp", num_epochs=1))
    results = finished.results
    assert results["energy"]["kwh"] is None
    assert not any(name.startswith("energy/") for name in finished.rows[0])
    assert any("could not be measured on this machine" in note for note in results["notes"])
    assert "Energy and CO2-equivalent" not in [table["title"] for table in results["tables"]]
    page = (finished.folder / "report.html").read_text()
    assert "Not measured: could not be measured" in page
    assert "0 Wh" not in page


def test_a_run_that_was_never_set_up_has_no_measurement() -> None:
    assert Energy("DEU").result()["kwh"] is None
