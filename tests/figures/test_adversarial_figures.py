"""The figures of generators and discriminators: losses, quality, weights, classes, nearest images."""

import math
from itertools import pairwise
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dlhw.callbacks.adversarial_curves import AdversarialCurves
from dlhw.callbacks.metrics_csv import MetricsCsv
from dlhw.figures import (
    adversarial_curves,
    histogram_by_layer,
    norms_by_epoch,
    pairs_sheet,
    quality_by_epoch,
    save_figure,
    share_bars,
)
from dlhw.figures.sample_quality import _apart
from dlhw.figures.style import PALETTE
from dlhw.record import Record
from tests.helpers import named, texts

LOOK = {"title": "a title", "data_name": "costs $5 and $6 _a_"}
RNG = np.random.default_rng(0)
HISTORY = {
    "train/discriminator_loss": [0.5, 0.6, 0.7],
    "val/discriminator_loss": [0.55, None, 0.75],
    "train/generator_loss": [2.0, 1.5, 1.0],
    "train/real_score": [0.8, 0.7, 0.6],
    "train/fake_score": [0.2, 0.3, 0.4],
    "val/real_score": [0.75, 0.65, 0.55],
    "val/fake_score": [0.25, 0.35, 0.45],
    "lr": [1e-3, 1e-3, 1e-3],
}
CLASSES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]


def references(axes):
    return [line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == ":"]


def layers(num=2, epochs=(0, 1, 50)):
    densities = {epoch: (np.array([0.1, 0.8, 0.1]) / (epoch + 1), 1.5 * (epoch + 1)) for epoch in epochs}
    return {f"layer {number}: 4 x 5": densities for number in range(1, num + 1)}


def draw_all():
    return {
        "curves": adversarial_curves(HISTORY, **LOOK),
        "quality": quality_by_epoch({"net $1": [(1, 20.0), (5, 2.0)]}, anchors={"real $2": 1.0}, ylabel="d $", **LOOK),
        "histograms": histogram_by_layer({"generator": layers(3), "discriminator": layers(1)}, **LOOK),
        "norms": norms_by_epoch({"generator": {"layer $1": [(0, 1.0), (1, 2.0)]}}, **LOOK),
        "shares": share_bars({"test $1": [0.5, 0.5], "samples": [0.9, 0.1]}, ["a $1", "b"], **LOOK),
        "pairs": pairs_sheet(RNG.random((3, 8, 8)), RNG.random((3, 8, 8)), ["1.0", "2.0", "$3"], **LOOK),
    }


def test_every_figure_carries_its_title_and_the_data_name_inside_itself(tmp_path):
    for kind, figure in draw_all().items():
        save_figure(figure, tmp_path / f"{kind}.png")
        assert {LOOK["title"], LOOK["data_name"]} <= set(texts(figure)), kind
        box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        assert box.x0 >= -0.01, kind
        assert box.y0 >= -0.01, kind
        assert box.x1 <= width + 0.01, kind
        assert box.y1 <= height + 0.01, kind


class TestAdversarialCurves:
    def test_losses_stand_left_and_scores_right(self):
        loss, score = adversarial_curves(HISTORY, **LOOK).axes
        assert (loss.get_ylabel(), score.get_ylabel()) == ("loss (nats)", "probability of being real")
        drawn = [line.get_ydata().tolist() for line in loss.lines[:-1]]
        assert drawn == [[0.5, 0.6, 0.7], [0.55, 0.75], [2.0, 1.5, 1.0]]
        assert [line.get_linestyle() for line in loss.lines[:-1]] == ["-", "--", "-"]
        names = ("train/real_score", "val/real_score", "train/fake_score", "val/fake_score")
        assert [line.get_ydata().tolist() for line in score.lines[:-1]] == [HISTORY[name] for name in names]
        assert score.get_ylim() == (0, 1)

    def test_chance_is_marked_at_ln_2_and_one_half(self):
        figure = adversarial_curves(HISTORY, **LOOK)
        loss, score = figure.axes
        assert references(loss) == [pytest.approx(math.log(2))]
        assert references(score) == [0.5]
        legend = [text.get_text() for text in figure.legends[0].get_texts()]
        assert legend == [
            *("discriminator's loss", "generator's loss", "score of real images", "score of fakes"),
            *("training", "validation", "discriminator at chance"),
        ]

    def test_epochs_are_those_of_the_history_and_gaps_are_bridged(self):
        loss, _ = adversarial_curves({**HISTORY, "epoch": [4, 5, 6]}, **LOOK).axes
        assert loss.lines[1].get_xdata().tolist() == [4, 6]

    def test_what_was_not_measured_is_not_in_the_legend(self):
        history = {name: values for name, values in HISTORY.items() if name.startswith("train")}
        words = texts(adversarial_curves(history, **LOOK))
        assert "training" in words
        assert "validation" not in words

    def test_no_measurement_and_lists_that_differ_are_refused(self):
        for history in ({}, {"lr": [0.1]}, {"train/generator_loss": [None]}):
            with pytest.raises(ValueError, match="neither a loss nor a score"):
                adversarial_curves(history, **LOOK)
        with pytest.raises(ValueError, match=r"\[1, 2\] values"):
            adversarial_curves({"train/generator_loss": [1.0], "lr": [1.0, 2.0]}, **LOOK)

    @pytest.mark.parametrize("epochs", [0, 2])
    def test_the_callback_draws_what_the_epochs_logged(self, epochs, tmp_path):
        kept = MetricsCsv()
        kept.rows = [{"epoch": n + 1, "train/discriminator_loss": 0.5, "train/real_score": 0.6} for n in range(epochs)]
        callback = AdversarialCurves()
        callback.record = Record(tmp_path, facts={"experiment": "gan_dense"})
        callback.data = SimpleNamespace(title="the data")
        callback.on_test_start(SimpleNamespace(callbacks=[kept]), None)
        assert [figure["file"] for figure in callback.record.figures] == ["figures/curves.png"] * (epochs > 0)


class TestQualityByEpoch:
    POINTS = ((1, 200.0), (5, 50.0), (10, 20.0))

    def figure(self, anchors, **lines):
        return quality_by_epoch(lines or {"net": self.POINTS}, anchors=anchors, ylabel="distance", **LOOK)

    def test_lines_go_through_their_points_on_a_logarithmic_axis(self):
        (axes,) = self.figure({"real": 1.5}, one=self.POINTS, two=[(1, 300.0), (10, 0.0)]).axes
        assert (axes.get_yscale(), axes.get_ylabel()) == ("log", "distance")
        np.testing.assert_allclose(named(axes, "one").get_xydata(), self.POINTS)
        np.testing.assert_allclose(named(axes, "two").get_xydata(), [[1, 300]])
        assert references(axes) == [1.5]

    def test_each_anchor_is_named_at_its_height_where_there_is_room(self):
        figure = self.figure({"low": 2.0, "high": 100.0, "none": 0.0})
        figure.canvas.draw()
        (axes,) = figure.axes
        heights = {label.get_text(): label for label in axes.texts}
        assert "none" not in heights
        for name, level in (("low", 2.0), ("high", 100.0)):
            box = mpl.text.Text.get_window_extent(heights[name])  # without its leader
            at = axes.transData.transform((1, level))[1]
            assert box.y0 < at < box.y1
            assert box.x0 > axes.get_window_extent().x1, "beside the axes"

    def test_names_of_levels_that_nearly_coincide_do_not_overlap(self):
        anchors = {f"a sampler with a long name {n}": 20 + 0.01 * n for n in range(8)} | {"random pixels": 400.0}
        figure = self.figure(anchors)
        figure.canvas.draw()
        (axes,) = figure.axes
        labels = [label for label in axes.texts if label.get_text() in anchors]
        boxes = sorted((mpl.text.Text.get_window_extent(label) for label in labels), key=lambda box: box.y0)
        assert len(boxes) == len(anchors)
        assert all(lower.y1 <= upper.y0 for lower, upper in pairwise(boxes))
        in_order = sorted(labels, key=lambda label: label.get_position()[1])
        assert [label.get_text() for label in in_order] == list(anchors), "no leader crosses another"

    @given(places=st.lists(st.floats(0, 1), max_size=12), gap=st.sampled_from([0.0, 0.05, 0.2]))
    def test_places_are_moved_apart_no_more_than_needed(self, places, gap):
        moved = _apart(places, gap)
        ordered = moved[np.argsort(places, kind="stable")]
        assert (np.diff(ordered) >= gap - 1e-9).all()
        if (np.diff(np.sort(places)) >= gap).all():
            np.testing.assert_allclose(moved, places, atol=1e-9)
        assert not places or np.mean(moved) == pytest.approx(np.mean(places))

    def test_nothing_above_0_is_refused(self):
        for lines in ({}, {"net": []}, {"net": [(1, 0.0), (2, math.nan)]}):
            with pytest.raises(ValueError, match="nothing to draw"):
                quality_by_epoch(lines, anchors={"real": 1.0}, ylabel="d", **LOOK)


class TestHistogramByLayer:
    def test_a_row_a_network_a_panel_a_layer_a_line_an_epoch(self):
        figure = histogram_by_layer({"generator": layers(3), "discriminator": layers(2)}, **LOOK)
        panels = [axes for axes in figure.axes if axes.axison]
        assert [axes.get_xlabel() for axes in panels] == [
            *(f"generator\nlayer {n}: 4 x 5" for n in (1, 2, 3)),
            *(f"discriminator\nlayer {n}: 4 x 5" for n in (1, 2)),
        ]
        for axes in panels:
            for line, epoch in zip(axes.lines, (0, 1, 50), strict=True):
                width = 3 * (epoch + 1) / 3
                np.testing.assert_allclose(line.get_xdata(), [-width, 0, width], atol=1e-12)
                np.testing.assert_allclose(line.get_ydata(), np.array([0.1, 0.8, 0.1]) / (epoch + 1))
        assert [text.get_text() for text in figure.legends[0].get_texts()] == ["before training", "epoch 1", "epoch 50"]

    def test_later_epochs_are_darker(self):
        axes = next(axes for axes in histogram_by_layer({"g": layers()}, **LOOK).axes if axes.axison)
        lightness = [np.dot(line.get_color()[:3], [0.2126, 0.7152, 0.0722]) for line in axes.lines]
        assert lightness == sorted(lightness, reverse=True)
        assert lightness[0] < 0.8, "seen on white"

    def test_empty_bins_are_gaps_and_the_axis_spans_four_decades_at_most(self):
        density = {"a": {0: ([0.0, 1e-9, 1.0, 0.0], 1.0)}, "zero": {0: ([0.0, 0.0], 1.0)}}
        drawn, empty = [axes for axes in histogram_by_layer({"g": density}, **LOOK).axes if axes.axison]
        assert np.isnan(drawn.lines[0].get_ydata()).tolist() == [True, False, False, True]
        low, high = drawn.get_ylim()
        assert (drawn.get_yscale(), empty.get_yscale()) == ("log", "linear")
        assert high / low == pytest.approx(1e4)

    def test_a_long_title_leaves_the_panels_evenly_spaced(self):
        figure = histogram_by_layer({"g": layers(4)}, title="The weights' distribution " * 3, data_name="d")
        figure.canvas.draw()
        starts = [axes.get_window_extent().x0 for axes in figure.axes if axes.axison]
        steps = np.diff(starts)
        assert max(steps) - min(steps) < 5

    def test_no_density_and_bins_without_width_are_refused(self):
        for networks in ({}, {"g": {}}, {"g": {"layer 1": {}}}):
            with pytest.raises(ValueError, match="nothing to draw"):
                histogram_by_layer(networks, **LOOK)
        for limit in (0.0, -1.0, math.nan):
            with pytest.raises(ValueError, match="limits must be above 0"):
                histogram_by_layer({"g": {"layer 1": {0: ([1.0], limit)}}}, **LOOK)


class TestNormsByEpoch:
    def test_a_layer_has_one_colour_in_both_panels(self):
        course = {"layer 1": [(0, 1.0), (10, 1.5)], "layer 2": [(0, 1.0), (10, 0.9)]}
        figure = norms_by_epoch({"generator": {"layer 2": course["layer 2"]}, "discriminator": course}, **LOOK)
        generator, discriminator = figure.axes
        assert generator.get_xlabel() == "epoch\ngenerator"
        np.testing.assert_allclose(named(discriminator, "layer 1").get_xydata(), [[0, 1], [10, 1.5]])
        assert named(generator, "layer 2").get_color() == named(discriminator, "layer 2").get_color()
        assert named(discriminator, "layer 1").get_color() != named(discriminator, "layer 2").get_color()
        assert {text.get_text() for text in figure.legends[0].get_texts()} == {"layer 1", "layer 2"}

    def test_small_changes_look_small_and_large_ones_fit(self):
        for multiples, expected in ([1.0, 1.01], (0.5, 2)), ([1.0, 0.004, 300.0], (0.004, 300)):
            (axes,) = norms_by_epoch({"g": {"layer 1": list(enumerate(multiples))}}, **LOOK).axes
            low, high = axes.get_ylim()
            assert low < expected[0] <= expected[1] < high
            assert axes.get_yscale() == "log"
            assert references(axes) == [0.1, 1, 10]

    def test_what_is_not_above_0_is_left_out(self):
        courses = {"layer 1": [(0, 1.0), (1, 0.0), (2, math.nan), (3, 0.1)], "layer 2": []}
        (axes,) = norms_by_epoch({"g": courses}, **LOOK).axes
        np.testing.assert_allclose(named(axes, "layer 1").get_ydata(), [1, np.nan, np.nan, 0.1])
        assert axes.get_ylim()[0] == pytest.approx(0.1 / 1.3)

    def test_nothing_above_0_is_refused(self):
        for networks in ({}, {"g": {"layer 1": []}}, {"g": {"layer 1": [(0, 0.0), (1, math.nan)]}}):
            with pytest.raises(ValueError, match="no multiple above 0"):
                norms_by_epoch(networks, **LOOK)


class TestShareBars:
    def figure(self, num_sets=2):
        shares = {f"set {n}": RNG.dirichlet(np.ones(10)).tolist() for n in range(num_sets)}
        return shares, share_bars(shares, CLASSES, **LOOK)

    def test_a_bar_is_as_long_as_its_share_in_per_cent(self):
        shares, figure = self.figure(3)
        (axes,) = figure.axes
        for index, (bars, values) in enumerate(zip(axes.containers, shares.values(), strict=True)):
            np.testing.assert_allclose([bar.get_width() for bar in bars], 100 * np.array(values))
            assert {mpl.colors.to_hex(bar.get_facecolor()).upper() for bar in bars} == {PALETTE[index]}
        assert axes.get_xlabel() == "share of images (%)"
        spans = sorted((bar.get_y(), bar.get_y() + bar.get_height()) for bar in axes.patches)
        assert all(below[1] <= above[0] + 1e-9 for below, above in pairwise(spans)), "no bar covers another"

    def test_class_names_do_not_overlap(self):
        _, figure = self.figure()
        figure.canvas.draw()
        labels = figure.axes[0].get_yticklabels()
        assert [label.get_text() for label in labels] == CLASSES
        boxes = [label.get_window_extent() for label in labels]
        assert all(upper.y0 > lower.y1 for upper, lower in pairwise(boxes))

    def test_what_are_no_shares_is_refused(self):
        with pytest.raises(ValueError, match="no set of images"):
            share_bars({}, ["a"], **LOOK)
        for values in ([0.5], [0.5, 1.5], [-0.1, 1.1], [0.5, math.nan]):
            with pytest.raises(ValueError, match=r"'net' needs a share in 0\.\.1 for each of 2 classes"):
                share_bars({"net": values}, ["a", "b"], **LOOK)


class TestPairsSheet:
    @pytest.mark.parametrize("num", [1, 8, 11, 16])
    def test_each_sample_stands_above_its_nearest_image_and_its_label(self, num):
        samples, nearest = RNG.random((2, num, 28, 28))
        samples[0, 0, 0], nearest[0, 0, 0] = 0, 1
        labels = [f"{n}.00" for n in range(num)]
        axes = pairs_sheet(samples, nearest, labels, **LOOK).axes[0]
        mosaic = axes.images[0].get_array().filled(np.nan)
        places = {text.get_text(): text.get_position() for text in axes.texts}
        columns, rows = min(num, 8), math.ceil(num / 8)
        height, gap = mosaic.shape[0] // rows, (mosaic.shape[1] - 28 * columns) // max(columns - 1, 1)
        for n, label in enumerate(labels):
            x, y = (28 + gap) * (n % 8), height * (n // 8)
            np.testing.assert_allclose(mosaic[y : y + 28, x : x + 28], samples[n])
            np.testing.assert_allclose(mosaic[y + 29 : y + 57, x : x + 28], nearest[n])
            assert (mosaic[y + 28, x : x + 28] == 1).all(), "white between the two"
            assert places[label] == (x + 13.5, y + 57)

    def test_labels_of_neighbours_do_not_overlap(self, tmp_path):
        figure = pairs_sheet(*RNG.random((2, 16, 28, 28)), [f"{n}.25" for n in range(16)], **LOOK)
        figure.canvas.draw()
        boxes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text().endswith(".25")]
        assert all(left.x1 < right.x0 for left, right in pairwise(boxes[:8]))
        with Image.open(save_figure(figure, tmp_path / "pairs.png")) as image:
            assert image.width < 1300

    def test_what_does_not_fit_together_is_refused(self):
        three, many = np.zeros((3, 4, 4)), np.zeros((17, 4, 4))
        for samples, nearest in [(three, three[:2]), (many, many), (three[:0], three[:0]), (three[0], three[0])]:
            with pytest.raises(ValueError, match="two times 1 to 16 images"):
                pairs_sheet(samples, nearest, ["a"] * len(samples), **LOOK)
        with pytest.raises(ValueError, match="got 2 for 3"):
            pairs_sheet(three, three, ["a", "b"], **LOOK)
        with pytest.raises(ValueError, match="finite"):
            pairs_sheet(np.full((1, 4, 4), np.nan), three[:1], ["a"], **LOOK)
