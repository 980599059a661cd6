import numpy as np
import pytest

from dlhw.figures import loss_contours, loss_surface, plane_against_truth, save_figure
from tests.helpers import texts

X, Y = np.linspace(-2, 3, 6), np.linspace(-1, 1, 5)
BOWL = 1 + X[None] ** 2 + Y[:, None] ** 2
PATHS = {"a": [[-1, 0.5, 2.25], [0, 0, 1]], "costs $5 and $6": [[2, 0.5, 5.25], [1, 0, 2], [0.5, 0, 1.25]]}
LOOK = {"axis_labels": ("one", "two"), "title": "a title", "data_name": "MNIST, $9"}


@pytest.mark.parametrize("draw", [loss_surface, loss_contours])
@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e6])
@pytest.mark.parametrize("steepness", [1.0, 5.0])
def test_landscapes_say_what_they_show_and_come_out_the_same_twice(draw, scale, steepness, tmp_path):
    figures = [draw(X, Y, scale * BOWL**steepness, PATHS, **LOOK) for _ in range(2)]
    first, second = (save_figure(figure, tmp_path / f"{n}.png").read_bytes() for n, figure in enumerate(figures))
    assert first == second
    shown = texts(figures[0])
    for expected in ("a title", "MNIST, $9", "one", "two", "training loss (nats)", *PATHS):
        assert expected in shown


def test_a_path_lies_just_above_the_surface():
    axes = loss_surface(X, Y, BOWL, PATHS, **LOOK).axes[0]
    lines = [line for line in axes.lines if line.get_label() == "a"]
    x, y, z = lines[0].get_data_3d()
    np.testing.assert_allclose(np.c_[x, y], np.array(PATHS["a"])[:, :2])
    above = z - np.array(PATHS["a"])[:, 2]
    assert (above > 0).all()
    assert (above < 0.05 * np.ptp(BOWL)).all()


def test_a_loss_that_explodes_is_shown_by_its_logarithm():
    steep = BOWL**5
    axes = loss_surface(X, Y, steep, {}, **LOOK).axes[0]
    assert axes.get_zlim()[1] == pytest.approx(np.log10(steep.max()))
    values = [float(label.get_text()) for label in axes.get_zticklabels()]
    np.testing.assert_allclose(axes.get_zticks(), np.log10(values), atol=1e-6)
    assert len(values) >= 2


@pytest.mark.parametrize("draw", [loss_surface, loss_contours])
def test_a_loss_that_is_zero_can_be_drawn(draw, tmp_path):
    figure = draw(X, Y, BOWL - 1, {"a": [[0, 0, 0], [1, 0, 1]]}, **LOOK)
    assert save_figure(figure, tmp_path / "zero.png").stat().st_size > 1000


def test_seen_from_above_both_directions_are_on_one_scale():
    axes = loss_contours(X, Y, BOWL, PATHS, **LOOK).axes[0]
    assert axes.get_aspect() == 1
    (line,) = [line for line in axes.lines if line.get_label() == "a"]
    np.testing.assert_allclose(line.get_xydata(), np.array(PATHS["a"])[:, :2])


def test_truth_and_plane_are_told_apart():
    figure = plane_against_truth([0, 1, 2], {"a": ([3, 2, 1], [2, 1, 1], [0.5, 0.2, 0])}, title="t", data_name="d")
    loss, distance = figure.axes
    by_style = {line.get_linestyle(): line for line in loss.lines}
    np.testing.assert_allclose(by_style["-"].get_ydata(), [3, 2, 1])
    np.testing.assert_allclose(by_style["--"].get_ydata(), [2, 1, 1])
    np.testing.assert_allclose(distance.lines[0].get_ydata(), [0.5, 0.2, 0])
    assert {"a: true loss", "a: on the plane", "distance from the plane", "epoch", "d", "t"} <= set(texts(figure))


@pytest.mark.parametrize("losses", [BOWL.T, -BOWL, np.where(BOWL > 2, np.nan, BOWL)])
def test_losses_that_cannot_be_drawn_are_refused(losses):
    for draw in (loss_surface, loss_contours):
        with pytest.raises(ValueError, match="needs 5 x 6 finite losses of at least 0"):
            draw(X, Y, losses, {}, **LOOK)
