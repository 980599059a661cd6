import numpy as np
import pytest

from dlhw.figures import spectrogram_panels

LEVELS = {"mixture": np.full((20, 30), 10.0), "clean": np.full((20, 30), -80.0)}
MASKS = {"mask": np.linspace(0, 1, 600).reshape(20, 30)}


def drawn(**changed: object):
    settings = {"levels": LEVELS, "masks": MASKS, "seconds": 2.5, "kilohertz": 8.0, "title": "t $1", "data_name": "d"}
    settings |= changed
    return spectrogram_panels(settings.pop("levels"), settings.pop("masks"), **settings)


def test_what_is_drawn_is_what_was_given_on_one_scale_of_its_kind() -> None:
    figure = drawn()
    panels = [axes for axes in figure.axes if axes.images and axes.get_ylabel() == "kHz"]
    images = [axes.images[0] for axes in panels]
    for image, values in zip(images, [*LEVELS.values(), *MASKS.values()], strict=True):
        assert np.array_equal(image.get_array(), values)
        assert image.get_extent() == [0, 2.5, 0, 8]
        assert image.origin == "lower"
    assert [image.get_clim() for image in images] == [(-50, 10), (-50, 10), (0, 1)]
    assert [axes.texts[0].get_text() for axes in panels] == ["mixture", "clean", "mask"]
    assert panels[-1].get_xlabel() == "time (s)"
    assert {axes.get_ylabel() for axes in figure.axes} == {"kHz", "dB", "share"}


def test_arrays_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="arrays of one shape"):
        drawn(masks={"mask": np.zeros((20, 31))})
    with pytest.raises(ValueError, match="arrays of one shape"):
        drawn(levels={}, masks={})
