"""A metric through training."""

import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from dlhw.figures import metric_by_epoch, save_figure
from dlhw.figures.style import MANY_COLOURS, MARKERS

LOOK = {"ylabel": "distance $5", "title": "t", "data_name": "MNIST"}
POINTS = [(1, 8.0, 2.0), (5, 4.0, 1.0), (10, 2.0, 0.5)]


def band(axes) -> np.ndarray:
    """The corners (x, y) of the only band."""
    (found,) = axes.findobj(PolyCollection)
    return np.unique(np.concatenate([path.vertices for path in found.get_paths()]), axis=0)


def test_a_line_in_its_band() -> None:
    axes = metric_by_epoch({"a": POINTS[::-1]}, **LOOK).axes[0]
    (line,) = axes.lines
    np.testing.assert_array_equal(line.get_xydata(), [[1, 8], [5, 4], [10, 2]])
    np.testing.assert_array_equal(band(axes), [[1, 6], [1, 10], [5, 3], [5, 5], [10, 1.5], [10, 2.5]])
    assert (axes.get_xlabel(), axes.get_yscale()) == ("epoch", "linear")
    assert all(float(tick).is_integer() for tick in axes.get_xticks())


def test_without_a_spread_there_is_no_band_and_a_gap_where_it_is_missing() -> None:
    axes = metric_by_epoch({"a": [(1, 8.0, None), (2, 4.0, None)]}, **LOOK).axes[0]
    assert not any(len(path.vertices) for found in axes.findobj(PolyCollection) for path in found.get_paths())
    axes = metric_by_epoch({"a": [(1, 8.0, 1.0), (2, 4.0, 1.0), (3, 4.0, None), (4, 3.0, 1.0), (5, 2.0, 1.0)]}, **LOOK)
    assert 3 not in band(axes.axes[0])[:, 0]


def test_every_line_is_drawn_and_looks_like_no_other() -> None:
    axes = metric_by_epoch({f"line {n}": [(1, n + 1.0, None), (2, 1.0, None)] for n in range(20)}, **LOOK).axes[0]
    looks = {(line.get_color(), line.get_marker()) for line in axes.lines}
    assert len(looks) == 20
    assert (axes.lines[3].get_color(), axes.lines[3].get_marker()) == (MANY_COLOURS[3], MARKERS[3])
    assert len(axes.get_figure().legends[0].get_texts()) == 20


def test_long_histories_are_marked_here_and_there() -> None:
    few, many = ({"a": [(n, 1.0 + n, None) for n in range(1, num + 1)]} for num in (25, 100))
    assert metric_by_epoch(few, **LOOK).axes[0].lines[0].get_markevery() == 1
    assert metric_by_epoch(many, **LOOK).axes[0].lines[0].get_markevery() == 4


def test_a_logarithmic_axis_with_a_band_below_zero(tmp_path) -> None:
    series = {"a": [(1, 1000.0, 1500.0), (2, 100.0, 5.0), (3, 10.0, 12.0)], "b": [(1, 500.0, None)]}
    figure = metric_by_epoch(series, log=True, **LOOK)
    axes = figure.axes[0]
    assert axes.get_yscale() == "log"
    low, high = axes.get_ylim()
    assert 0 < low < 10 / 2
    assert high > 2500
    assert low > 1, "what is below half the lowest mean would squeeze all the rest"
    assert {"10", "100", "1000"} <= {label.get_text() for label in axes.get_yticklabels()}
    save_figure(figure, tmp_path / "figure.png")


def test_a_narrow_band_is_whole_on_a_logarithmic_axis() -> None:
    low, _ = metric_by_epoch({"a": POINTS}, log=True, **LOOK).axes[0].get_ylim()
    assert low == pytest.approx(0.9 * 1.5)


def test_a_series_without_points_keeps_its_colour() -> None:
    axes = metric_by_epoch({"none": [], "a": POINTS}, **LOOK).axes[0]
    (line,) = axes.lines
    assert line.get_color() == MANY_COLOURS[1]


def test_a_single_epoch_is_seen(tmp_path) -> None:
    figure = metric_by_epoch({"a": [(1, 8.0, 2.0)]}, **LOOK)
    (line,) = figure.axes[0].lines
    assert line.get_marker() == MARKERS[0]
    save_figure(figure, tmp_path / "figure.png")


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to draw"):
        metric_by_epoch({"a": []}, **LOOK)
    with pytest.raises(ValueError, match="needs values > 0; got 0"):
        metric_by_epoch({"a": [(1, 0.0, None)]}, log=True, **LOOK)
