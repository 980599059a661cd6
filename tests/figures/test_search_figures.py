"""What a search draws."""

import numpy as np
import pytest

from dlhw.figures import importances, loss_by_iteration, metric_by_setting
from dlhw.report.search import permutation_importances

LOOK = {"title": "t", "data_name": "MNIST"}


def words(figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in [*axes.texts, *axes.get_xticklabels()]]


def test_losses_by_iteration() -> None:
    figure = loss_by_iteration(range(5, 8), [0.3, 0.1, 0.2], remark="test accuracy 88.00 %", **LOOK)
    (line,) = figure.axes[0].lines
    np.testing.assert_array_equal(line.get_xydata(), [[5, 0.3], [6, 0.1], [7, 0.2]])
    assert {"test accuracy 88.00 %", "MNIST"} <= set(words(figure))
    with pytest.raises(ValueError, match="a loss for each iteration"):
        loss_by_iteration([1, 2], [0.1], **LOOK)


def test_importances_are_ordered_from_the_top() -> None:
    figure = importances({"units": (0.2, 0.05), "learning rate": (0.8, 0.1)}, **LOOK)
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["learning rate", "units"]
    assert [bar.get_width() for bar in axes.patches] == [80, 20]
    assert axes.yaxis_inverted()
    with pytest.raises(ValueError, match="nothing to draw"):
        importances({}, **LOOK)


def test_a_panel_a_setting_with_the_best_marked() -> None:
    settings = {"units": [30, 40, 30, 40], "rate": [1e-3, 1e-2, 1e-1, 2e-1], "net": ["a", "b", "b", None]}
    figure = metric_by_setting(settings, [1.0, 4.0, 3.0, 2.0], ylabel="accuracy (%)", best=1, **LOOK)
    units, rate, net = (axes for axes in figure.axes if axes.get_visible())
    assert [axes.get_xlabel() for axes in (units, rate, net)] == ["units", "rate", "net"]
    assert (units.get_xscale(), rate.get_xscale()) == ("linear", "log")
    assert [label.get_text() for label in units.get_xticklabels()] == ["30", "40"]
    (means,) = [line for line in units.lines if line.get_label() == "mean"]
    np.testing.assert_array_equal(means.get_xydata(), [[30, 2.0], [40, 3.0]])
    assert not [line for line in rate.lines if line.get_label() == "mean"], "no value there occurs twice"
    for axes, x in ((units, 40), (rate, 1e-2)):
        (star,) = [line for line in axes.lines if line.get_label() == "the best"]
        np.testing.assert_array_equal(star.get_xydata(), [[x, 4.0]])
    with pytest.raises(ValueError, match="values of each setting"):
        metric_by_setting({"units": [1]}, [1.0, 2.0], ylabel="y", **LOOK)


def test_the_importances_find_what_the_metric_depends_on() -> None:
    rng = np.random.default_rng(0)
    decisive, idle = rng.uniform(size=60), rng.uniform(size=60)
    settings = {"decisive": decisive.tolist(), "idle": idle.tolist(), "word": rng.choice(["a", "b"], 60).tolist()}
    found = permutation_importances(settings, decisive**2)
    assert found is not None
    assert found["decisive"][0] > 0.9
    assert sum(share for share, _ in found.values()) == pytest.approx(1)
    assert permutation_importances(settings, np.ones(60)) is None
