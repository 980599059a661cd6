import subprocess
import sys
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix as sklearn_confusion

from dlhw.figures import (
    compare_curves,
    confusion_matrix,
    curves,
    energy_by_epoch,
    image_grid,
    metric_against,
    metric_by_category,
    save_figure,
    singular_values,
)
from dlhw.figures.style import MARKERS, PALETTE

POINTS = [(1, 2.0, 0.1), (2, 3.0, None)]
AGAINST_RANK = {"xlabel": "rank", "ylabel": "y", "title": "t", "data_name": "d"}
HISTORY = {"train/loss": [0.5, 0.3, 0.2], "val/loss": [0.6, None, 0.4], "val/acc": [0.9, 0.95, 0.97]}


def texts(figure):
    """Every word a reader sees."""
    return [text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_visible()]


def lines_named(axes, label):
    return [line for line in axes.lines if line.get_label() == label]


def draw_all(data_name="MNIST"):
    look = {"title": "a title", "data_name": data_name}
    return {
        "curves": curves(HISTORY, **look),
        "comparison": compare_curves({"a $1 run": HISTORY, "b": HISTORY}, drops={"b": [2]}, **look),
        "energy": energy_by_epoch({"a": [1.0, None, 2.0]}, {"a": [0.1, 0.2, 0.3]}, **look),
        "confusion": confusion_matrix(np.eye(10, dtype=int), [str(i) for i in range(10)], **look),
        "against": metric_against([1, 2], {"a": POINTS}, xlabel="x", ylabel="y", **look),
        "category": metric_by_category(["a", "b"], {"acc": [(1.0, 0.1), None]}, xlabel="x", **look),
        "spectrum": singular_values({"layer": [3.0, 2.0, 0.0]}, ranks=[2], **look),
        "images": image_grid(np.zeros((2, 3, 4, 5)), ["a", "b"], **look),
    }


@pytest.mark.parametrize("name", ["MNIST", "costs $5 and $6 _a_"])
def test_every_figure_carries_its_title_and_the_data_name(name, tmp_path):
    for kind, figure in draw_all(name).items():
        path = save_figure(figure, tmp_path / "figures" / f"{kind}.png")  # a bad formula would fail here
        assert path.read_bytes().startswith(b"\x89PNG")
        shown = [text.replace(r"\$", "$") for text in texts(figure)]
        assert name in shown, kind
        assert any("a title" in text for text in shown), kind


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    first, second = draw_all(), draw_all()
    for kind in first:
        a = save_figure(first[kind], tmp_path / "a.png").read_bytes()
        b = save_figure(second[kind], tmp_path / "b.png").read_bytes()
        assert a == b, kind


def test_drawing_neither_imports_pyplot_nor_changes_the_settings():
    code = (
        "import sys, matplotlib as mpl\n"
        "from dlhw.figures import curves\n"
        "from dlhw.figures.style import STYLE\n"
        "before = {key: mpl.rcParams[key] for key in STYLE}\n"
        "curves({'val/acc': [0.5, 0.6]}, title='t', data_name='d')\n"
        "assert {key: mpl.rcParams[key] for key in STYLE} == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules and 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def luminance(colour):
    """Relative luminance by WCAG 2.1."""
    rgb = np.array(mpl.colors.to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def test_lines_are_told_apart_twice_and_seen_on_white():
    assert len(set(PALETTE)) == len(PALETTE) == len(set(MARKERS)) == len(MARKERS)
    assert all(1.05 / (luminance(colour) + 0.05) > 2 for colour in PALETTE)


class TestCurves:
    def test_losses_are_nats_and_accuracies_per_cent(self):
        figure = curves(HISTORY, title="t", data_name="d")
        loss, accuracy = figure.axes
        assert (loss.get_ylabel(), accuracy.get_ylabel()) == ("loss (nats)", "accuracy (%)")
        np.testing.assert_allclose(lines_named(loss, "training")[0].get_ydata(), HISTORY["train/loss"])
        np.testing.assert_allclose(lines_named(accuracy, "validation")[0].get_ydata(), [90, 95, 97])

    def test_what_was_not_measured_is_skipped(self):
        loss, _ = curves(HISTORY, title="t", data_name="d").axes
        np.testing.assert_allclose(lines_named(loss, "validation")[0].get_xydata(), [[1, 0.6], [3, 0.4]])

    def test_the_chosen_epoch_is_circled_where_the_file_counts_it(self):
        figure = curves({"epoch": [0, 1, 2], **HISTORY}, title="t", data_name="d", chosen_epoch=2)
        circles = [line for line in figure.axes[1].lines if line.get_markerfacecolor() == "none"]
        np.testing.assert_allclose([circle.get_xydata()[0] for circle in circles], [[2, 97]])
        assert "chosen: epoch 2" in texts(figure)

    def test_a_panel_without_measurements_is_left_out(self):
        figure = curves({"val/acc": [0.5], "train/loss": [None]}, title="t", data_name="d")
        assert [axes.get_ylabel() for axes in figure.axes] == ["accuracy (%)"]

    def test_another_loss_says_what_it_is_and_may_be_logarithmic(self):
        figure = curves(
            HISTORY, title="t", data_name="d", loss_label="squared error, in $", log_loss=True, reference=("PCA", 0.25)
        )
        loss, accuracy = figure.axes
        assert (loss.get_ylabel(), accuracy.get_ylabel()) == (r"squared error, in \$", "accuracy (%)")
        assert (loss.get_yscale(), accuracy.get_yscale()) == ("log", "linear")
        (line,) = lines_named(loss, "PCA")
        assert (set(line.get_ydata()), line.get_linestyle()) == ({0.25}, "--")
        assert lines_named(accuracy, "PCA") == []
        assert "PCA" in [text.get_text() for text in figure.legends[0].get_texts()]

    @pytest.mark.parametrize("highest", [0.011, 0.03, 0.5, 50.0])
    def test_a_logarithmic_axis_has_a_few_round_ticks(self, highest):
        figure = curves({"train/loss": [highest, 0.01]}, title="t", data_name="d", log_loss=True)
        figure.canvas.draw()
        low, high = figure.axes[0].get_ylim()
        ticks = figure.axes[0].get_yticks()
        assert 3 <= ((ticks >= low) & (ticks <= high)).sum() <= 9

    def test_a_loss_of_zero_is_drawn_though_it_has_no_logarithm(self, tmp_path):
        figure = curves({"train/loss": [0.0, 0.0]}, title="t", data_name="d", log_loss=True)
        assert save_figure(figure, tmp_path / "f.png").stat().st_size > 0

    def test_nothing_to_draw_or_uneven_lists_are_refused(self):
        with pytest.raises(ValueError, match="neither a loss nor an accuracy"):
            curves({"lr": [0.1]}, title="t", data_name="d")
        with pytest.raises(ValueError, match=r"hold \[1, 2\] values"):
            curves({"val/acc": [0.1, 0.2], "val/loss": [0.1]}, title="t", data_name="d")


class TestConfusion:
    @settings(max_examples=5, deadline=None)
    @given(seed=st.integers(0, 100))
    def test_counts_and_accuracy_agree_with_scikit_learn(self, seed):
        rng = np.random.default_rng(seed)
        truth, guess = rng.integers(0, 10, (2, 500))
        names = [f"class {i}" for i in range(10)]
        matrix = sklearn_confusion(truth, guess, labels=range(10))
        figure = confusion_matrix(matrix, names, title="t", data_name="d")
        cells = {text.get_position()[::-1]: int(text.get_text()) for text in figure.axes[0].texts[:100]}
        assert cells == {(i, j): matrix[i, j] for i in range(10) for j in range(10)}
        assert f"t: accuracy {100 * np.mean(truth == guess):.2f} %" in texts(figure)

    def test_colour_is_the_share_of_the_row_even_where_a_class_is_absent(self):
        figure = confusion_matrix([[3, 1], [0, 0]], ["a", "b"], title="t", data_name="d")
        np.testing.assert_allclose(figure.axes[0].images[0].get_array(), [[0.75, 0.25], [0, 0]])

    @pytest.mark.parametrize("matrix", [np.zeros((3, 3), int), [[-1, 0], [0, 1]]])
    def test_a_matrix_that_does_not_fit_is_refused(self, matrix):
        with pytest.raises(ValueError, match="2 x 2 counts"):
            confusion_matrix(matrix, ["a", "b"], title="t", data_name="d")


class TestMetricAgainst:
    @pytest.mark.parametrize("x_log", [False, True])
    def test_full_stands_apart_at_the_right(self, x_log):
        points = [("full", 5.0, None), (10, 1.0, 0.1), (20, 2.0, 0.2)]
        (axes,) = metric_against([10, 20, "full"], {"a": points}, x_log=x_log, **AGAINST_RANK).axes
        assert [label.get_text() for label in axes.get_xticklabels()] == ["10", "20", "full"]
        assert list(axes.get_xticks()) == pytest.approx([10, 20, 40 if x_log else 30])
        (line,) = lines_named(axes, "a")
        np.testing.assert_allclose(line.get_xydata(), [[10, 1], [20, 2]])  # the word is not on the scale
        assert [line.get_linestyle() for line in axes.lines].count(":") == 1

    def test_only_full(self):
        (axes,) = metric_against(["full"], {"a": [("full", 5.0, None)]}, x_log=True, **AGAINST_RANK).axes
        assert [label.get_text() for label in axes.get_xticklabels()] == ["full"]

    def test_error_bars_are_one_standard_deviation(self):
        (axes,) = metric_against([1, 2], {"a": [(1, 5.0, 0.5), (2, 6.0, None)]}, **AGAINST_RANK).axes
        (bars,) = axes.collections
        heights = [segment[:, 1] for segment in bars.get_segments() if len(segment)]
        np.testing.assert_allclose(heights[0], [4.5, 5.5])

    def test_crowded_ticks_are_thinned_but_keep_full(self):
        ranks = [*range(1, 101), "full"]
        (axes,) = metric_against(ranks, {"a": [(r, 1.0, None) for r in ranks]}, **AGAINST_RANK).axes
        labels = [label.get_text() for label in axes.get_xticklabels()]
        assert labels[-1] == "full"
        assert 5 < len(labels) < 15

    def test_baseline_and_enlargement(self):
        figure = metric_against(
            [1, 2],
            {"a": [(1, 5.0, None), (2, 6.0, None)]},
            baseline=("dense", 5.5),
            zoom=(4, 7),
            **AGAINST_RANK,
        )
        assert figure.axes[1].get_ylim() == (4, 7)
        for axes in figure.axes:
            assert set(lines_named(axes, "dense")[0].get_ydata()) == {5.5}

    def test_nothing_to_draw_and_zero_on_a_log_axis_are_refused(self):
        with pytest.raises(ValueError, match="nothing to draw"):
            metric_against([1], {"a": []}, **AGAINST_RANK)
        with pytest.raises(ValueError, match="needs x > 0"):
            metric_against([0, 1], {"a": [(0, 1.0, None)]}, x_log=True, **AGAINST_RANK)


def test_categories_refuse_a_series_of_another_length():
    with pytest.raises(ValueError, match="1 values for 2 categories"):
        metric_by_category(["a", "b"], {"acc": [(1.0, None)]}, xlabel="x", title="t", data_name="d")


class TestSingularValues:
    def test_energy_is_one_minus_the_squared_relative_error_of_the_truncation(self):
        matrix = np.random.default_rng(0).normal(size=(12, 8))
        u, s, vt = np.linalg.svd(matrix)
        figure = singular_values({"w": s[::-1]}, title="t", data_name="d", ranks=[3])
        decay, energy = figure.axes
        np.testing.assert_allclose(decay.lines[0].get_ydata(), s)
        for k in range(1, 9):
            error = np.linalg.norm(matrix - (u[:, :k] * s[:k]) @ vt[:k]) / np.linalg.norm(matrix)
            assert energy.lines[0].get_ydata()[k - 1] == pytest.approx(100 * (1 - error**2))

    def test_a_zero_matrix_is_drawn(self, tmp_path):
        figure = singular_values({"w": [0.0, 0.0], "v": [1.0]}, title="t", data_name="d")
        assert save_figure(figure, tmp_path / "f.png").stat().st_size > 0

    @pytest.mark.parametrize("values", [[], [1.0, np.nan], [-1.0]])
    def test_what_is_no_spectrum_is_refused(self, values):
        with pytest.raises(ValueError, match="singular values of 'w'"):
            singular_values({"w": values}, title="t", data_name="d")


class TestImageGrid:
    def test_each_image_stands_in_its_place(self):
        images = np.random.default_rng(0).random((2, 3, 4, 5))
        mosaic = image_grid(images, ["a", "b"], title="t", data_name="d").axes[0].images[0].get_array()
        for row, col in np.ndindex(2, 3):
            place = (slice(5 * row, 5 * row + 4), slice(6 * col, 6 * col + 5))
            np.testing.assert_array_equal(mosaic[place], images[row, col])

    def test_columns_can_be_labelled_below(self):
        labels = ["0 %", "10 % zeroed", "the truth"]
        figure = image_grid(np.zeros((2, 3, 4, 5)), ["a", "b"], column_labels=labels, title="t", data_name="d")
        axes = figure.axes[0]
        assert [label.get_text().replace("\n", " ") for label in axes.get_xticklabels()] == labels
        np.testing.assert_allclose(axes.get_xticks(), [2, 8, 14])  # the middle of five pixels each, and a gap
        figure.canvas.draw()
        boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
        assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
        assert all(0 <= box.y0 < box.y1 <= axes.get_window_extent().y0 for box in boxes)

    def test_long_row_labels_stay_inside_the_figure(self):
        figure = image_grid(np.zeros((8, 6, 9, 9)), ["eigenfaces, known pixels only"] * 8, title="t", data_name="d")
        figure.canvas.draw()
        assert all(label.get_window_extent().x0 >= 0 for label in figure.axes[0].get_yticklabels())

    def test_a_wrong_shape_is_refused(self):
        with pytest.raises(ValueError, match="label a row"):
            image_grid(np.zeros((2, 3, 4, 5)), ["a"], title="t", data_name="d")
        with pytest.raises(ValueError, match="label a column, or none; got 2 for 3"):
            image_grid(np.zeros((1, 3, 4, 5)), ["a"], column_labels=["x", "y"], title="t", data_name="d")


def test_a_comparison_draws_each_run_in_its_colour_and_marks_the_drops():
    histories = {"one": HISTORY, "other": {"train/loss": [0.9, 0.8], "val/loss": [1.0, 0.9]}}
    figure = compare_curves(histories, drops={"other": [1]}, title="t", data_name="d")
    loss, acc = figure.axes
    drawn = {(line.get_color(), line.get_linestyle()): list(line.get_ydata()) for line in loss.lines}
    assert drawn[PALETTE[0], "--"] == HISTORY["train/loss"]
    assert drawn[PALETTE[1], "-"] == [1.0, 0.9]
    assert drawn[PALETTE[1], ":"] == [0, 1], "a vertical line, from the bottom of the panel to its top"
    assert [list(line.get_ydata()) for line in acc.lines if line.get_linestyle() == "-"] == [[90.0, 95.0, 97.0]]
    assert {"one", "other", "training", "validation", "learning rate reduced"} <= set(texts(figure))


def test_a_comparison_of_a_short_and_a_long_run_is_logarithmic():
    for length, scale in ((3, "linear"), (30, "log")):
        histories = {"long": {"val/acc": [0.5] * length}, "short": {"val/acc": [0.5] * 3}}
        assert compare_curves(histories, title="t", data_name="d").axes[0].get_xscale() == scale


def test_figures_of_nothing_are_refused():
    with pytest.raises(ValueError, match="no run has a loss or an accuracy"):
        compare_curves({"a": {"epoch": [1]}}, title="t", data_name="d")
    with pytest.raises(ValueError, match="no epoch's energy was measured"):
        energy_by_epoch({"a": [None]}, {}, title="t", data_name="d")
