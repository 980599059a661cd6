"""The figures of autoencoders and eigenfaces: sheets of images, errors, spans, codes; and animations of figures."""

import math
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dlhw.figures import (
    convergence,
    error_against_components,
    image_sheet,
    latent_scatter,
    principal_angles,
    range_test,
    reconstruction_pairs,
    restoration_curves,
    save_animation,
    save_figure,
)
from dlhw.figures.latent import NAME, _spread
from dlhw.figures.style import MANY_COLOURS, MANY_MARKERS, new_figure
from tests.helpers import named, texts

LOOK = {"title": "a title", "data_name": "costs $5 and $6 _a_"}
PASTED = " (pasted)"
RNG = np.random.default_rng(0)


def shown(figure, tmp_path):
    """The pixels (height, width) of the PNG, 0..255."""
    with Image.open(save_figure(figure, tmp_path / "f.png")) as image:
        return np.asarray(image.convert("L")).astype(int)


def draw_all():
    images, points = np.indices((5, 8, 8)).sum(0), np.indices((9, 2))[0]
    return {
        "sheet": image_sheet(images, labels=list("abcde"), symmetric=True, **LOOK),
        "range": range_test([1e-3, 0.01], [2.0, 1.0], [2.0, 1.5], chosen=1e-3, loss_label="loss $2", **LOOK),
        "components": error_against_components({"PCA": ([1, 2], [0.2, 0.1])}, {"net $1": (2, 0.1)}, **LOOK),
        "restoration": restoration_curves([0.5], {"a $1": [20.0]}, {"b": [0.5]}, pasted_suffix=PASTED, **LOOK),
        "latent": latent_scatter([("n $1", points, "x", "y")], [0, 1, 2] * 3, list("abc"), **LOOK),
        "pairs": reconstruction_pairs(np.zeros((2, 4, 4)), np.ones((2, 4, 4)), ["a $1", "b"], **LOOK),
        "angles": principal_angles({"a $1": [10.0, 80.0]}, **LOOK),
        "convergence": convergence([1, 2, 3], {"a $1": [80.0, 8.0, 0.8]}, [1.0, 0.1, 0.01], **LOOK),
    }


def test_every_figure_carries_its_title_and_the_data_name_and_gives_the_same_bytes_twice(tmp_path):
    for (kind, figure), again in zip(draw_all().items(), draw_all().values(), strict=True):
        path = save_figure(figure, tmp_path / f"{kind}.png")
        assert path.read_bytes() == save_figure(again, tmp_path / "again.png").read_bytes(), kind
        assert {LOOK["title"], LOOK["data_name"]} <= set(texts(figure)), kind


class TestImageSheet:
    @settings(max_examples=20, deadline=None)
    @given(num=st.integers(1, 100), labelled=st.booleans(), columns=st.one_of(st.none(), st.integers(1, 12)))
    def test_each_image_stands_in_its_place(self, num, labelled, columns):
        images = np.random.default_rng(num).normal(size=(num, 6, 7))
        labels = [str(n) for n in range(num)] if labelled else None
        axes = image_sheet(images, labels=labels, columns=columns, **LOOK).axes[0]
        mosaic = axes.images[0].get_array().filled(np.nan)
        columns = min(num, columns or math.ceil(math.sqrt(num)))
        rows = math.ceil(num / columns)
        height, gap = mosaic.shape[0] // rows, (mosaic.shape[1] - 7 * columns) // max(columns - 1, 1)
        expected = np.full_like(mosaic, np.nan)
        for n, image in enumerate((images - images.min()) / np.ptp(images)):
            y, x = height * (n // columns), (7 + gap) * (n % columns)
            expected[y : y + 6, x : x + 7] = image
        np.testing.assert_allclose(mosaic, expected, atol=1e-12)
        assert len(axes.texts) == num * labelled + 1  # and the data's name
        assert [text.get_text() for text in axes.texts[: num * labelled]] == (labels or [])

    @pytest.mark.parametrize("num", [1, 16, 64])
    def test_a_pixel_of_an_image_is_as_large_as_every_other(self, num, tmp_path):
        chequered = np.indices((64, 64)).sum(0) % 2  # an uneven enlargement would make some fields wider
        image = shown(image_sheet(np.stack([chequered] * num), title="t", data_name="d"), tmp_path)
        enlarged = {1: 8, 16: 4, 64: 2}[num]
        field = np.kron(chequered, np.ones((enlarged, enlarged))) * 255
        left, top = 24, 72 + 34  # the border and the heading
        np.testing.assert_array_equal(image[top : top + len(field), left : left + len(field)], field)

    def test_on_a_symmetric_scale_zero_is_mid_grey(self, tmp_path):
        figure = image_sheet([[[0.5, 0.0], [0.0, -0.25]]], symmetric=True, title="t", data_name="d")
        image = shown(figure, tmp_path)[72 + 34 :, 24:]
        seen = [image[y, x] for y, x in [(2, 2), (2, 12), (12, 2), (12, 12)]]
        np.testing.assert_allclose(seen, [255, 127.5, 127.5, 63.75], atol=3)
        assert {"-0.5", "0", "0.5"} <= set(texts(figure))

    def test_a_limit_puts_several_sheets_on_one_scale(self):
        small, large = ([[[v, -v]]] for v in (0.1, 1.0))
        sheets = [image_sheet(images, symmetric=True, limit=0.4, **LOOK) for images in (small, large)]
        values = [sheet.axes[0].images[0].get_array() for sheet in sheets]
        np.testing.assert_allclose(values[0][0], [0.625, 0.375])
        assert [text for sheet in sheets for text in texts(sheet)].count("0.4") == 2

    def test_each_can_have_its_own_range_even_an_image_of_one_value(self):
        figure = image_sheet([[[1.0, 3.0]], [[7.0, 7.0]]], each_own_range=True, **LOOK)
        values = figure.axes[0].images[0].get_array().compressed()
        np.testing.assert_allclose(values, [0, 1, 0.5, 0.5])
        assert len(figure.axes) == 1, "no scale is drawn: there is none in common"

    def test_a_long_title_pushes_nothing_out_of_the_figure(self):
        title = "Weights of the first layer, epoch by epoch; " * 4
        figure = image_sheet(np.zeros((4, 8, 8)), title=title, data_name="d")
        figure.canvas.draw()
        (heading,) = [text for text in figure.findobj(mpl.text.Text) if "Weights" in text.get_text()]
        box = heading.get_window_extent()
        assert box.x1 <= figure.bbox.width
        assert box.y1 <= figure.bbox.height

    def test_even_64_images_of_noise_stay_small(self, tmp_path):
        noise = np.random.default_rng(0).uniform(-1, 1, size=(64, 64, 64))
        path = save_figure(image_sheet(noise, symmetric=True, title="t", data_name="d"), tmp_path / "noise.png")
        assert path.stat().st_size < 300_000

    @pytest.mark.parametrize("shape", [(0, 4, 4), (101, 4, 4), (4, 4), (1, 1, 4, 4)])
    def test_too_many_or_no_images_are_refused(self, shape):
        with pytest.raises(ValueError, match=r"need 1 to 100 images \(num, height, width\)"):
            image_sheet(np.zeros(shape), **LOOK)

    def test_what_is_not_finite_and_missing_labels_are_refused(self):
        with pytest.raises(ValueError, match="finite values"):
            image_sheet([[[np.nan, 1.0]]], **LOOK)
        with pytest.raises(ValueError, match="got 1 for 2"):
            image_sheet(np.zeros((2, 3, 3)), labels=["a"], **LOOK)


class TestRangeTest:
    RATES = np.geomspace(1e-5, 1, 60)
    LOSSES = 1 / (1 + 1000 * RATES) + 50 * RATES**2

    def test_the_chosen_rate_is_marked_on_the_smoothed_loss(self):
        smooth = 1.5 * self.LOSSES
        figure = range_test(self.RATES, self.LOSSES, smooth, chosen=self.RATES[20], loss_label="training loss", **LOOK)
        (axes,) = figure.axes
        assert (axes.get_xscale(), axes.get_xlabel(), axes.get_ylabel()) == ("log", "learning rate", "training loss")
        (dot,) = [line for line in axes.lines if line.get_marker() == "o"]
        np.testing.assert_allclose(dot.get_xydata(), [[self.RATES[20], smooth[20]]])
        assert f"chosen: {self.RATES[20]:.2g}" in texts(figure)
        raw, bold = named(axes, "single steps"), named(axes, "smoothed")
        assert raw.get_linewidth() < 1 < bold.get_linewidth()

    def test_the_blow_up_does_not_squash_the_rest(self):
        (axes,) = range_test(self.RATES, self.LOSSES, self.LOSSES, chosen=1e-3, loss_label="l", **LOOK).axes
        low, high = axes.get_ylim()
        assert low < self.LOSSES.min()
        assert self.LOSSES[0] < high < 1.2 * self.LOSSES[0] < self.LOSSES[-1]

    def test_lists_that_do_not_fit_and_what_has_no_logarithm_are_refused(self):
        with pytest.raises(ValueError, match="got 2, 1 and 2"):
            range_test([1, 2], [1], [1, 2], chosen=1, loss_label="l", **LOOK)
        for rates, losses, chosen in [([0.0], [1.0], 1), ([1.0], [0.0], 1), ([1.0], [math.nan], 1), ([1.0], [1.0], 0)]:
            with pytest.raises(ValueError, match="above 0"):
                range_test(rates, losses, [1.0], chosen=chosen, loss_label="l", **LOOK)


class TestErrorAgainstComponents:
    def test_networks_are_points_at_their_code_size_and_pca_is_a_line(self):
        figure = error_against_components(
            {"PCA": ([0, 1, 4, 8], [0.9, 0.4, 0.2, 0.1])}, {"one": (4, 0.15), "two": ([4, 8], [0.3, 0.2])}, **LOOK
        )
        (axes,) = figure.axes
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
        np.testing.assert_allclose(named(axes, "PCA").get_xydata(), [[1, 0.4], [4, 0.2], [8, 0.1]])
        np.testing.assert_allclose(named(axes, "one").get_xydata(), [[4, 0.15]])
        np.testing.assert_allclose(named(axes, "two").get_xydata(), [[4, 0.3], [8, 0.2]])
        assert [named(axes, name).get_linestyle() for name in ("PCA", "one", "two")] == ["-", "None", "None"]
        assert {"PCA", "one", "two", "mean squared error per pixel"} <= set(texts(figure))

    def test_rounding_does_not_stretch_the_axis(self):
        (axes,) = error_against_components({"PCA": ([1, 2, 3], [0.4, 0.2, 1e-17])}, {}, **LOOK).axes
        assert axes.get_ylim()[0] == pytest.approx(0.4e-3)

    def test_nothing_to_draw_and_lists_that_differ_are_refused(self):
        with pytest.raises(ValueError, match="nothing to draw"):
            error_against_components({"PCA": ([0, 1], [0.5, 0.0])}, {}, **LOOK)
        with pytest.raises(ValueError, match="'PCA' needs an error a number of components; got 1 for 2"):
            error_against_components({"PCA": ([1, 2], [0.5])}, {}, **LOOK)


class TestRestorationCurves:
    def figure(self):
        psnr = {"net": [20.0, 10.0], f"net{PASTED}": [math.inf, 12.0], "other": [30.0, 25.0]}
        ssim = {"net": [0.5, 0.2], f"net{PASTED}": [0.9, 0.4], "other": [0.8, 0.7]}
        return restoration_curves([0.1, 0.5], psnr, ssim, pasted_suffix=PASTED, **LOOK)

    def test_a_method_with_known_pixels_pasted_back_is_its_dashed_sister(self):
        for axes in self.figure().axes:
            alone, pasted, other = axes.lines
            assert alone.get_color() == pasted.get_color() != other.get_color()
            assert alone.get_marker() == pasted.get_marker() != other.get_marker()
            assert [line.get_linestyle() for line in axes.lines] == ["-", "--", "-"]

    def test_shares_are_per_cent_and_infinite_psnr_is_left_out(self):
        psnr, ssim = self.figure().axes
        assert (psnr.get_ylabel(), ssim.get_ylabel(), psnr.get_xlabel()) == ("PSNR (dB)", "SSIM", "zeroed pixels (%)")
        np.testing.assert_allclose(psnr.lines[0].get_xydata(), [[10, 20], [50, 10]])
        np.testing.assert_allclose(psnr.lines[1].get_ydata(), [np.nan, 12])
        np.testing.assert_allclose(ssim.lines[1].get_ydata(), [0.9, 0.4])

    def test_the_legend_names_each_method_once_and_lies_inside_the_figure(self):
        methods = [f"a method with a rather long name {n}" for n in range(8)]
        scores = {name + end: [10.0 + n] for n, name in enumerate(methods) for end in ("", PASTED)}
        figure = restoration_curves([0.5], scores, scores, pasted_suffix=PASTED, **LOOK)
        (legend,) = figure.legends
        assert [text.get_text() for text in legend.get_texts()] == [*methods, "dashed: known pixels pasted back"]
        figure.canvas.draw()
        box = legend.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.width

    def test_no_method_and_a_missing_share_are_refused(self):
        with pytest.raises(ValueError, match="there is no method"):
            restoration_curves([0.5], {}, {}, pasted_suffix=PASTED, **LOOK)
        with pytest.raises(ValueError, match="'a' has 1 for 2"):
            restoration_curves([0.1, 0.5], {"a": [1.0]}, {}, pasted_suffix=PASTED, **LOOK)


class TestLatentScatter:
    NAMES = tuple(f"class {n}" for n in range(10))

    def test_every_point_is_drawn_in_the_look_of_its_class(self):
        labels = RNG.integers(0, 10, 200)
        points = RNG.normal(size=(200, 2))
        figure = latent_scatter([("one", points, "x", "y"), ("other", -points, "u", "v")], labels, self.NAMES, **LOOK)
        for axes, sign in zip(figure.axes, (1, -1), strict=True):
            for label in range(10):
                lines = [line for line in axes.lines if line.get_color() == MANY_COLOURS[label]]
                assert {line.get_marker() for line in lines} == {MANY_MARKERS[label]}
                drawn = np.concatenate([line.get_xydata() for line in lines])
                np.testing.assert_allclose(sorted(drawn.tolist()), sorted((sign * points[labels == label]).tolist()))
        assert [axes.get_xlabel() for axes in figure.axes] == ["x\none", "u\nother"]
        assert [text.get_text() for text in figure.legends[0].get_texts()] == list(self.NAMES)

    def test_no_class_is_drawn_over_all_of_another(self):
        figure = latent_scatter([("", RNG.normal(size=(400, 2)), "", "")], [0] * 200 + [1] * 200, ["a", "b"], **LOOK)
        order = [line.get_color() for line in figure.axes[0].lines if len(line.get_xdata())]
        assert order != sorted(order, key=MANY_COLOURS.index)

    def test_names_stand_at_medians_where_there_is_room(self):
        points = np.array([[0, 0], [0.1, 0], [9, 9], [8, 8], [8.5, 8.5]], dtype=float)
        figure = latent_scatter([("", points, "", "")], [0, 0, 3, 3, 3], self.NAMES, **LOOK)
        axes = figure.axes[0]
        place = {text.get_text(): axes.transLimits.inverted().transform(text.get_position()) for text in axes.texts}
        np.testing.assert_allclose(place["class 0"], [0.05, 0], atol=1e-9)
        np.testing.assert_allclose(place["class 3"], [8.5, 8.5], atol=1e-9)
        assert [text.get_text() for text in figure.legends[0].get_texts()] == ["class 0", "class 3"], "those there are"

    @settings(max_examples=20, deadline=None)
    @given(seed=st.integers(0, 1000), tight=st.sampled_from([0.0, 0.05, 1.0]))
    def test_names_do_not_overlap(self, seed, tight):
        rng = np.random.default_rng(seed)
        places, lengths = 0.5 + tight * (rng.random((10, 2)) - 0.5), rng.integers(1, 12, 10)
        moved = _spread(places, lengths)
        np.testing.assert_array_equal(moved[:, 0], places[:, 0])
        apart = np.abs(moved[:, None] - moved)
        width = NAME[0] * (lengths[:, None] + lengths) / 2
        beside = (apart[..., 0] < width) & (apart[..., 1] < 0.9 * NAME[1])
        assert beside.sum() == 10, "each name lies over itself alone"

    def test_colours_and_shapes_are_ten_of_each(self):
        assert len(set(MANY_COLOURS)) == len(MANY_COLOURS) == len(set(MANY_MARKERS)) == len(MANY_MARKERS) == 10

    def test_what_does_not_fit_together_is_refused(self):
        with pytest.raises(ValueError, match="there is no panel"):
            latent_scatter([], [0], ["a"], **LOOK)
        with pytest.raises(ValueError, match="each 0 to 0"):
            latent_scatter([("", [[0, 0]], "", "")], [1], ["a"], **LOOK)
        with pytest.raises(ValueError, match=r"each of 1 labels; got \(1, 3\)"):
            latent_scatter([("", [[0, 0, 0]], "", "")], [0], ["a"], **LOOK)


class TestReconstructionPairs:
    @pytest.mark.parametrize("num", [1, 2, 6])
    def test_each_original_stands_above_its_reconstruction(self, num):
        originals, made = RNG.random((2, num, 28, 28))
        names = [f"Ankle boot {n}" for n in range(num)]
        figure = reconstruction_pairs(originals, made, names, **LOOK)
        figure.canvas.draw()
        upper, lower = figure.axes[:num], figure.axes[num:]
        for n in range(num):
            np.testing.assert_array_equal(upper[n].images[0].get_array(), originals[n])
            np.testing.assert_array_equal(lower[n].images[0].get_array(), made[n])
            assert upper[n].get_xlabel() == f"original: {names[n]}"
            error = ((originals[n] - made[n]) ** 2).mean()
            assert lower[n].get_xlabel() == f"reconstruction, MSE {error:.4f}"
            assert upper[n].get_window_extent().y0 > lower[n].get_window_extent().y1
        boxes = [axes.xaxis.label.get_window_extent() for axes in lower]
        assert all(left.x1 < right.x0 for left, right in pairwise(boxes))

    def test_what_does_not_fit_together_is_refused(self):
        two, one = np.zeros((2, 4, 4)), np.zeros((1, 4, 4))
        for originals, made, names in [(two, one, ["a", "b"]), (two, two, ["a"]), (one[0], one[0], ["a"] * 4)]:
            with pytest.raises(ValueError, match="need two times"):
                reconstruction_pairs(originals, made, names, **LOOK)


class TestSpans:
    def test_principal_angles_are_in_order_and_degrees(self):
        (axes,) = principal_angles({"a": [80.0, 10.0, 30.0], "none": []}, **LOOK).axes
        np.testing.assert_allclose(named(axes, "a").get_xydata(), [[1, 10], [2, 30], [3, 80]])
        assert (axes.get_ylim(), axes.get_ylabel()) == ((0, 90), "principal angle (degrees)")

    @pytest.mark.parametrize("values", [[-1.0], [91.0], [math.nan]])
    def test_what_is_no_angle_is_refused(self, values):
        with pytest.raises(ValueError, match="'a' has others"):
            principal_angles({"a": values}, **LOOK)

    def test_no_angle_at_all_is_refused(self):
        with pytest.raises(ValueError, match="no principal angle"):
            principal_angles({"a": []}, **LOOK)

    def test_convergence_is_by_epoch_in_degrees_and_per_cent(self):
        figure = convergence([1, 10, 100], {"largest": [90, 9, 0.9]}, [0.5, 0.05, -1e-9], **LOOK)
        angle, error = figure.axes
        np.testing.assert_allclose(named(angle, "largest").get_xydata(), [[1, 90], [10, 9], [100, 0.9]])
        np.testing.assert_allclose(error.lines[0].get_xydata(), [[1, 50], [10, 5]])
        assert {axes.get_xscale() for axes in figure.axes} == {axes.get_yscale() for axes in figure.axes} == {"log"}
        assert (angle.get_ylabel(), error.get_ylabel()) == (
            "principal angle (degrees)",
            "training error above PCA's (%)",
        )

    def test_epoch_0_has_a_place(self, tmp_path):
        figure = convergence([0, 10, 100], {"largest": [90, 9, 0.9]}, [0.5, 0.05, 0.01], **LOOK)
        axes = figure.axes[0]
        assert axes.get_xlim()[0] < 0
        assert [text.get_text() for text in axes.get_xticklabels()][:2] == ["0", "1"]
        assert save_figure(figure, tmp_path / "f.png").stat().st_size > 0

    @pytest.mark.parametrize("excess", [[0.0], [-1.0], [math.inf]])
    def test_nothing_above_0_is_drawn_as_an_empty_panel(self, excess, tmp_path):
        figure = convergence([1], {"a": [5.0]}, excess, **LOOK)
        assert save_figure(figure, tmp_path / "f.png").stat().st_size > 0

    def test_lists_that_differ_and_no_epoch_are_refused(self):
        for epochs, angles, excess in [([1], [1.0, 2.0], [1.0]), ([1], [1.0], []), ([], [], [])]:
            with pytest.raises(ValueError, match="need one value an epoch"):
                convergence(epochs, {"a": angles}, excess, **LOOK)


class TestAnimation:
    def sheets(self):
        weights = np.random.default_rng(0).normal(size=(4, 16, 8, 8))
        return [image_sheet(images, title=f"epoch {n}", data_name="d") for n, images in enumerate(weights)]

    def test_each_figure_is_a_frame_in_its_turn_and_it_never_ends(self, tmp_path):
        sheets = self.sheets()
        with Image.open(save_animation(sheets, tmp_path / "new" / "a.gif", seconds=0.5)) as film:
            assert (film.format, film.n_frames, film.info["loop"]) == ("GIF", 4, 0)
            assert film.size == tuple(np.round(80 * sheets[0].get_size_inches()).astype(int))
            durations = []
            for number, sheet in enumerate(sheets):
                film.seek(number)
                durations.append(film.info["duration"])
                still = shown(sheet, tmp_path)
                half = np.asarray(Image.fromarray(still.astype(np.uint8)).resize(film.size, Image.Resampling.BOX))
                frame = np.asarray(film.convert("L")).astype(int)
                assert np.abs(frame - half).mean() < 4, "of 255; the letters differ"
            assert durations == [500, 500, 500, 1500], "the last is looked at longer"

    def test_the_same_figures_give_the_same_bytes(self, tmp_path):
        first, second = (save_animation(self.sheets(), tmp_path / name).read_bytes() for name in ("a.gif", "b.gif"))
        assert first == second
        assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []

    def test_no_figure_and_figures_of_several_sizes_are_refused(self, tmp_path):
        with pytest.raises(ValueError, match="got 0 of 0 sizes"):
            save_animation([], tmp_path / "a.gif")
        other = image_sheet(np.zeros((3, 9, 9)), **LOOK)
        with pytest.raises(ValueError, match="got 5 of 2 sizes"):
            save_animation([*self.sheets(), other], tmp_path / "a.gif")
        assert not (tmp_path / "a.gif").exists()


def test_figures_of_many_colours_keep_them(tmp_path):
    figure = new_figure(4, 4)
    figure.add_subplot().imshow(RNG.random((300, 300, 3)))
    for drawn, mode in ((figure, "RGB"), (draw_all()["angles"], "P")):
        with Image.open(save_figure(drawn, tmp_path / "f.png")) as image:
            assert image.mode == mode
