"""A sweep's metrics through training: the charts against hand-computed means, and what becomes of gaps."""

import statistics

import numpy as np
import pytest
from fake_folders import DISTANCE, results, two_gans, write_epochs, write_run
from matplotlib.collections import PolyCollection
from page_reader import read_page

from dlhw.report import sweep_report
from dlhw.report.aggregate import read_sweep
from dlhw.report.history import history_charts
from dlhw.schema import Sweep

EVIL = '../../<b>"acc"</b> & {{ 7*7 }} $x$'


def job(folder, overrides, columns, history=("val/loss",), **changes):
    """A finished job that asks for `history` and left a metrics.csv of `columns`; none where they are None."""
    record = results(**({"figures": [], "sweep": {"x": None, "y": ["test/acc"], "history": list(history)}} | changes))
    path = write_run(folder / ",".join(overrides), overrides, record)
    (path / "metrics.csv").unlink()
    if columns is not None:
        write_epochs(path, columns)
    return path


def lines(chart):
    """Label -> the points (epoch, mean) of each line."""
    return {line.get_label(): line.get_xydata().tolist() for line in chart.figure.axes[0].lines}


def bands(chart):
    """For each line, epoch -> (lower, upper) of its band, where there is one."""
    found = []
    for band in chart.figure.axes[0].findobj(PolyCollection):
        edges = {}
        for x, y in np.concatenate([path.vertices for path in band.get_paths()] or [np.zeros((0, 2))]):
            edges.setdefault(x, []).append(y)
        found.append({x: (min(ys), max(ys)) for x, ys in edges.items()})
    return found


@pytest.fixture(scope="module")
def gans(tmp_path_factory):
    return two_gans(tmp_path_factory.mktemp("gans"))


def test_a_line_a_configuration_with_mean_and_band(gans):
    (chart,) = history_charts(read_sweep(gans))
    assert chart.title == "Validation small CNN Fréchet distance by epoch"
    assert chart.caption == "On Fashion-MNIST, mean and standard deviation over 3 seeds."
    drawn = lines(chart)
    assert list(drawn) == ["gan_conv", "gan_dense"]
    for (name, distances), band in zip(DISTANCE.items(), bands(chart), strict=True):
        np.testing.assert_allclose(drawn[name], np.transpose([(1, 5, 10), distances]))
        for epoch, mean in zip((1, 5, 10), distances, strict=True):
            assert band[epoch] == pytest.approx((0.9 * mean, 1.1 * mean))


def test_the_figure_is_in_the_page_and_among_the_files(gans):
    summary = sweep_report(gans)
    path = summary.paths["figure/history_val_small_cnn_frechet"]
    assert path == gans / "figures" / "sweep_history_val_small_cnn_frechet.png"
    assert path.is_file()
    assert "Validation small CNN Fréchet distance by epoch." in read_page(summary.paths["report"]).text


def test_epochs_that_some_seeds_did_not_measure(tmp_path):
    cells = [[0.5, None, 0.3, None], [0.7, 0.6, "nan", None], [0.9, 0.2, "", "broken"]]
    for seed, column in enumerate(cells):
        job(tmp_path, ["rank=10", f"seed={seed}"], {"epoch": [1, 2, 3, 4], "val/loss": column}, seed=seed)
    (chart,) = history_charts(read_sweep(tmp_path))
    ((drawn,), (band,)) = lines(chart).values(), bands(chart)
    np.testing.assert_allclose(drawn, [[1, 0.7], [2, 0.4], [3, 0.3]])  # epoch 4: nobody
    assert band[1] == pytest.approx((0.5, 0.9))
    spread = statistics.stdev([0.6, 0.2])
    assert band[2] == pytest.approx((0.4 - spread, 0.4 + spread))
    assert 3 not in band  # one value has no spread


def test_a_job_without_epochs_is_left_out(tmp_path):
    job(tmp_path, ["rank=10", "seed=0"], {"epoch": [1, 2], "val/loss": [3, 1]})
    job(tmp_path, ["rank=10", "seed=1"], None)
    job(tmp_path, ["rank=20", "seed=0"], {"epoch": [1, 2], "train/loss": [3, 1]})
    (chart,) = history_charts(read_sweep(tmp_path))
    assert lines(chart) == {"rank=10": [[1, 3], [2, 1]]}
    assert chart.caption == "On MNIST, one seed."


def test_nothing_was_measured(tmp_path):
    job(tmp_path, ["rank=10"], None)
    job(tmp_path, ["rank=20"], {"epoch": [], "val/loss": []})
    assert history_charts(read_sweep(tmp_path)) == []
    assert "by epoch" not in read_page(sweep_report(tmp_path).paths["report"]).text


def test_records_older_than_the_keys(tmp_path):
    columns = {"epoch": [1, 2], "val/loss": [3, 1]}
    for rank, sweep in enumerate([{"x": None, "y": ["test/acc"]}, {"history": None, "pictures": None}, None], start=10):
        job(tmp_path, [f"rank={rank}"], columns, sweep=sweep)
    old = read_sweep(tmp_path)
    assert (old.history, old.pictures) == ([], [])
    assert history_charts(old) == []
    job(tmp_path, ["rank=13"], columns)
    (chart,) = history_charts(read_sweep(tmp_path))  # one that asks speaks for all
    assert list(lines(chart)) == ["rank=10", "rank=11", "rank=12", "rank=13"]


@pytest.mark.parametrize(
    ("metric", "values", "scale"),
    [
        ("val/x_frechet", [81, 10], "log"),
        ("val/x_frechet", [80, 10], "linear"),
        ("val/x_frechet", [80, 0], "linear"),
        ("val/loss", [-1, 80], "linear"),
        ("val/acc", [0.05, 0.9], "linear"),
        ("val/x_classes", [1, 10], "linear"),
    ],
)
def test_the_axis_is_logarithmic_where_distances_span_much(tmp_path, metric, values, scale):
    job(tmp_path, ["rank=10"], {"epoch": [1, 2], metric: values}, history=[metric])
    (chart,) = history_charts(read_sweep(tmp_path))
    assert chart.figure.axes[0].get_yscale() == scale


def test_fractions_are_in_per_cent(tmp_path):
    for seed, values in enumerate([[0.5, 0.9], [0.6, 0.8]]):
        job(tmp_path, [f"seed={seed}"], {"epoch": [1, 2], "val/acc": values}, history=["val/acc"], seed=seed)
    (chart,) = history_charts(read_sweep(tmp_path))
    assert chart.figure.axes[0].get_ylabel() == "validation accuracy (%)"
    np.testing.assert_allclose(lines(chart)["all jobs"], [[1, 55], [2, 85]])
    spread = 100 * statistics.stdev([0.5, 0.6])
    assert bands(chart)[0][1] == pytest.approx((55 - spread, 55 + spread))


def test_each_metric_has_its_own_chart_and_its_colours(tmp_path):
    names = ["val/loss", "train/loss", "val/loss"]
    job(tmp_path, ["rank=10"], {"epoch": [1, 2], "train/loss": [3, 1]}, history=names)
    job(tmp_path, ["rank=20"], {"epoch": [1, 2], "train/loss": [3, 1], "val/loss": [2, 1]}, history=names)
    charts = history_charts(read_sweep(tmp_path))
    assert [chart.quantity for chart in charts] == ["history_val_loss", "history_train_loss"]
    colours = [{line.get_label(): line.get_color() for line in chart.figure.axes[0].lines} for chart in charts]
    assert colours[0].keys() == {"rank=20"}
    assert colours[0]["rank=20"] == colours[1]["rank=20"] != colours[1]["rank=10"]


def test_a_search_has_its_own_figures(tmp_path):
    for rate in (0.1, 0.2):
        overrides = ["hparams_search=fashion_mlp", f"optimizer.lr={rate}"]
        job(tmp_path, overrides, {"epoch": [1], "val/loss": [3]})
    assert not [key for key in sweep_report(tmp_path).paths if "history" in key]


def test_hostile_names_stay_text_and_the_files_in_their_folder(tmp_path):
    overrides = [f"note={EVIL}", "seed=0"]
    for number in range(2):
        path = tmp_path / f"job {number}"
        record = results(
            figures=[], dataset={"name": EVIL}, sweep={"x": None, "y": ["test/acc"], "history": ["val/<i>$x$"]}
        )
        write_run(path, [*overrides, f"rank={number}"], record)
        write_epochs(path, {"epoch": [1, 2], "val/<i>$x$": [3, 1]})
    summary = sweep_report(tmp_path)
    assert summary.paths["figure/history_val_i_x_"].parent == tmp_path / "figures"
    page = read_page(summary.paths["report"])
    assert not page.all("i")
    assert not page.all("b")
    assert "Validation <i>$x$ by epoch." in page.text


def test_the_config_may_ask_for_both():
    section = {"x": None, "y": ["test/acc"]}
    assert (Sweep(**section).history, Sweep(**section).pictures) == ([], [])
    asked = {"history": ["val/loss"], "pictures": ["samples"]}
    assert Sweep(**section, **asked).model_dump() == section | asked


def test_damaged_rows_are_left_out(tmp_path):
    path = job(tmp_path, ["rank=10"], {"epoch": [1, 2], "val/loss": [3, 1]})
    with (path / "metrics.csv").open("a") as file:
        file.write("3\n4,5,6\n,7\nlast,8\n")
    (chart,) = history_charts(read_sweep(tmp_path))
    assert lines(chart) == {"all jobs": [[1, 3], [2, 1]]}
