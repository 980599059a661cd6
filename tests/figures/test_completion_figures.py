"""Sheets of completed images, and the error from patch to patch."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from dlhw.figures import completion_sheets, error_by_patch
from dlhw.figures.completion import GAP, KNOWN_BLACK
from tests.helpers import named, texts

GREYS = np.linspace(0, 1, 2 * 3 * 28 * 28).reshape(2, 3, 28, 28)
READINGS = [["", "7", ""], ["", "", ""]]


def sheets(readings: list[list[str]] = READINGS, labels: tuple[str, ...] = ("three", "five")):
    return completion_sheets(
        GREYS, GREYS[::-1], readings, labels, num_known=14, title="Completed", data_name="MNIST, test part"
    )


def test_both_sheets_show_the_pixels_and_mark_the_known_half() -> None:
    figure = sheets()
    (image,) = figure.axes[0].images
    mosaic = np.asarray(image.get_array())
    left, right = mosaic[:, : 3 * (28 + GAP) - GAP], mosaic[:, -(3 * (28 + GAP) - GAP) :]
    for panel, pixels in ((left, GREYS), (right, GREYS[::-1])):
        for row, column in ((0, 0), (1, 2)):
            cell = panel[row * (28 + GAP) :, column * (28 + GAP) :][:28, :28]
            np.testing.assert_allclose(cell[14:], np.repeat(pixels[row, column, 14:, :, None], 3, 2))
            known = pixels[row, column, :14, :, None]
            np.testing.assert_allclose(cell[:14], known + (1 - known) * KNOWN_BLACK)


def test_failures_are_outlined_and_say_what_was_read() -> None:
    figure = sheets()
    (outline,) = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    assert outline.get_xy() == (28 + GAP - 0.5, -0.5)
    found = texts(figure)
    assert {"Completed", "MNIST, test part", "three", "five", "7", "originals"} <= set(found)
    assert any("outlined" in text for text in found)


def test_without_failures_nothing_is_outlined() -> None:
    figure = sheets([["", "", ""]] * 2)
    assert not figure.axes[0].patches
    assert not any("outlined" in text for text in texts(figure))


@pytest.mark.parametrize(
    ("readings", "labels"), [(READINGS, ("three",)), (READINGS[:1], ("three", "five")), ([[""], [""]], ("a", "b"))]
)
def test_a_label_a_row_and_a_reading_an_image(readings: list[list[str]], labels: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="a label a row and a reading an image, for 2 rows of 3"):
        sheets(readings, labels)


def test_arrays_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="two arrays"):
        completion_sheets(GREYS, GREYS[:1], READINGS, ["a", "b"], num_known=14, title="", data_name="")


def test_errors_are_drawn_at_their_patches() -> None:
    figure = error_by_patch({"network": [0.1, 0.2], "blank": [0.3, 0.4]}, 9, title="Error", data_name="MNIST")
    (axes,) = figure.axes
    assert list(named(axes, "network").get_xdata()) == [9, 10]
    assert list(named(axes, "blank").get_ydata()) == [0.3, 0.4]
    assert axes.get_ylim()[0] == 0
    assert axes.get_ylabel() == "mean squared error per pixel"


@pytest.mark.parametrize("errors", [{}, {"a": [1.0], "b": [1.0, 2.0]}])
def test_lines_of_different_lengths_are_refused(errors: dict[str, list[float]]) -> None:
    with pytest.raises(ValueError, match="lines of one length"):
        error_by_patch(errors, 9, title="", data_name="")
