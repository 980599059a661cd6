import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlhw.metrics.names import higher_is_better
from dlhw.report import text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (84060, "84,060"), (0, "0"), (10.0, "10"), (0.05123, "0.05123"), (0.00001234, "1.23e-05"),
        (12345.67, "12,345.7"), (None, "–"), (math.nan, "–"), (math.inf, "inf"), ("full", "full"),
    ],
)  # fmt: skip
def test_number(value, shown):
    assert text.number(value) == shown


@given(st.floats(0, 1))
def test_per_cent_is_within_half_a_digit(fraction):
    shown = text.percent(fraction)
    assert shown.endswith(" %")
    assert abs(float(shown[:-2]) - 100 * fraction) <= 0.005 + 1e-9


def test_per_cent_of_what_is_no_number():
    assert [text.percent(value) for value in (None, math.nan, "full")] == ["–", "–", "full"]


def test_mean_and_standard_deviation():
    assert text.mean_std(0.9845, 0.00051, in_percent=True) == "98.45 ± 0.05 %"
    assert text.mean_std(0.9845, None, in_percent=True) == "98.45 %"
    assert text.mean_std(0.0512, 0.0012, in_percent=False) == "0.0512 ± 0.0012"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.04, "0.0 s"),
        (59.9, "59.9 s"),
        (59.99, "1 min 0 s"),
        (83.2, "1 min 23 s"),
        (7325, "2 h 2 min"),
        (None, "–"),
    ],
)
def test_duration(seconds, shown):
    assert text.duration(seconds) == shown


def test_energy_and_mass_choose_a_readable_unit():
    assert [text.energy(kwh) for kwh in (0.00123, 1.5, None)] == ["1.23 Wh", "1.5 kWh", "–"]
    assert [text.mass(kg) for kg in (0.00047, 2.0, math.nan)] == ["0.47 g", "2 kg", "–"]


def test_names():
    assert text.metric_label("start/test_acc") == "start test accuracy"
    assert text.metric_label("val/mse") == "validation MSE"
    assert text.metric_label("val/loss") == "validation loss"
    assert text.metric_label("test/small_cnn_frechet") == "test small CNN Fréchet distance"
    assert text.capitalised("Fréchet distance of 2 CNNs") == "Fréchet distance of 2 CNNs"
    assert text.capitalised("") == ""
    fractions = ("test/acc", "start/test_acc", "accuracy", "ranking/average_precision", "test/small_cnn_recall")
    assert all(map(text.is_fraction, fractions))
    assert not any(map(text.is_fraction, ("test/loss", "pace", "precision/loss", "val/small_cnn_frechet", "")))
    assert all(map(higher_is_better, ("test/acc", "si_snr", "test/precision")))
    assert not any(map(higher_is_better, ("test/loss", "test/mse", "error", "val/small_cnn_frechet")))
