"""The figures of networks at their start."""

import matplotlib as mpl
import numpy as np
import pytest

from dlhw.figures import (
    LayerLine,
    draws_by_layer,
    loss_by_step,
    mirrored_histograms,
    ratios_by_layer,
    save_figure,
    variance_by_layer,
)

LOOK = {"title": "a title", "data_name": "the data"}
DRAWS = np.array([[1.0, 0.5, 0.25], [3.0, 1.5, 0.75]])


def texts(figure):
    return [text.get_text() for text in figure.findobj(mpl.text.Text)]


def draw_all():
    return {
        "variance": variance_by_layer({"forward": {"he": LayerLine(DRAWS, [2, 1, 0.5])}}, **LOOK),
        "ratios": ratios_by_layer({"a / b": ([1, 2], [0.1, 0.1], [[1, 1]])}, names=("he", "others"), **LOOK),
        "draws": draws_by_layer(DRAWS, ylabel="y", **LOOK),
        "symmetry": mirrored_histograms({"layer 1": [0.5, -1.0]}, xlabel="z", **LOOK),
        "losses": loss_by_step({"3 layers": {"he": [2.0, 1.0]}}, num_steps=2, window=1, **LOOK),
    }


@pytest.mark.parametrize("kind", list(draw_all()))
def test_it_carries_its_title_and_the_data_name(kind, tmp_path):
    figure = draw_all()[kind]
    assert save_figure(figure, tmp_path / "figure.png").stat().st_size > 5000
    assert {"a title", "the data"} <= set(texts(figure))
    assert all(axes.get_xlabel() for axes in figure.axes)


def lines_of(axes, label):
    return [line for line in axes.lines if line.get_label() == label]


def test_a_variance_is_the_mean_of_the_draws_beside_what_theory_says():
    axes = draw_all()["variance"].axes[0]
    (line,) = lines_of(axes, "he")
    assert line.get_ydata().tolist() == [2.0, 1.0, 0.5]
    assert any(other.get_ydata().tolist() == [2, 1, 0.5] for other in axes.lines if other is not line)
    assert axes.get_yscale() == "log"


def test_what_a_logarithmic_axis_cannot_show_is_left_out():
    draws = [[1.0, 0.0, np.inf, 2.0]] * 2
    (line,) = lines_of(variance_by_layer({"v": {"he": LayerLine(draws, [1, 1, 1, 1])}}, **LOOK).axes[0], "he")
    assert np.isfinite(line.get_ydata()).tolist() == [True, False, False, True]


def test_bars_reach_two_standard_errors():
    axes = draw_all()["ratios"].axes[0]
    (segments,) = [collection.get_segments() for collection in axes.collections]
    assert segments[0][:, 1] == pytest.approx([0.8, 1.2])


def test_draws_have_their_mean_and_median():
    axes = draws_by_layer([[1.0], [2.0], [6.0]], ylabel="y", **LOOK).axes[0]
    assert lines_of(axes, "mean of the draws")[0].get_ydata().tolist() == [3.0]
    assert lines_of(axes, "median")[0].get_ydata().tolist() == [2.0]


def test_a_mirror_image_is_mirrored():
    axes = mirrored_histograms({"layer 1": [1.1, 1.1, 9.0]}, xlabel="z", **LOOK).axes[0]
    rectangles = [patch for patch in axes.patches if isinstance(patch, mpl.patches.Rectangle)]
    bars = {round(bar.get_x(), 6): bar.get_height() for bar in rectangles if bar.get_height() > 0}
    assert bars == {1.0: pytest.approx(2 / 3 / 0.2), 4.8: pytest.approx(1 / 3 / 0.2)}
    (outline,) = [patch for patch in axes.patches if isinstance(patch, mpl.patches.Polygon)]
    assert outline.get_xy()[:, 0].min() == pytest.approx(-5)
    heights = {round(x, 6) for x, y in outline.get_xy() if y > 3}
    assert heights == {-1.2, -1.0}


def test_losses_are_smoothed_capped_and_end_in_a_cross():
    losses = {"fine": [4.0, 2.0, 6.0], "broken": [3.0, 1e9]}
    axes = loss_by_step({"3 layers": losses}, num_steps=3, window=2, ceiling=20.0, **LOOK).axes[0]
    assert lines_of(axes, "fine")[0].get_ydata().tolist() == [4.0, 3.0, 4.0]
    assert lines_of(axes, "broken")[0].get_ydata().tolist() == [3.0, 20.0]
    crosses = [line.get_xydata().tolist() for line in axes.lines if line.get_marker() == "X"]
    assert crosses == [[[2.0, 20.0]]]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: variance_by_layer({}, **LOOK),
        lambda: ratios_by_layer({}, names=("a", "b"), **LOOK),
        lambda: draws_by_layer([1.0, 2.0], ylabel="y", **LOOK),
        lambda: mirrored_histograms({"empty": []}, xlabel="z", **LOOK),
        lambda: mirrored_histograms({"bad": [np.nan]}, xlabel="z", **LOOK),
        lambda: loss_by_step({}, num_steps=1, window=1, **LOOK),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw):
    with pytest.raises(ValueError, match=r"nothing to draw|draws, layers|finite numbers"):
        draw()
