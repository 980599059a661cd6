import json
import math
import statistics

import numpy as np
import pandas as pd
import pytest
from fake_folders import RANKS, results, three_methods, write_failure, write_run
from hypothesis import given
from hypothesis import strategies as st
from page_reader import read_page

from dlhw.report import run_report, sweep_report
from dlhw.report.aggregate import read_sweep, summarise
from dlhw.report.chart import Axis, draw, find_axis
from dlhw.report.jobs import order, parse_override


def job(folder, overrides, **changes):
    """A finished job of a sweep, named by its overrides, with no figure of its own."""
    return write_run(folder / ",".join(overrides), overrides, results(**({"figures": []} | changes)))


def accuracy(value, **others):
    return {"test/acc": value, **others}


@pytest.fixture(scope="module")
def methods(tmp_path_factory):
    """Three methods x six ranks x three seeds, and a job that failed; with its summary."""
    folder = three_methods(tmp_path_factory.mktemp("sweep"))
    run_report(folder / "experiment=svd_ste,rank=20,seed=1")
    overrides = ["experiment=svd_ste", "rank=2000", "seed=0", "data=mnist"]
    write_failure(folder / "experiment=svd_ste,rank=2000,seed=0", overrides, "rank 2000 > <1024>, the width")
    return folder, sweep_report(folder)


def test_counts_and_files(methods):
    folder, summary = methods
    assert (summary.num_jobs, summary.num_failed) == (55, 1)
    assert {key: str(path.relative_to(folder)) for key, path in summary.paths.items()} == {
        "csv": "sweep.csv",
        "json": "sweep.json",
        "figure/acc": "figures/sweep_acc.png",
        "report": "report.html",
    }
    assert all(path.stat().st_size > 0 for path in summary.paths.values())


def test_the_csv_has_a_row_a_job_with_everything_measured(methods):
    folder, summary = methods
    table = pd.read_csv(summary.paths["csv"])
    assert len(table) == 55
    for row in table[table.status == "ok"].itertuples():
        record = json.loads((folder / row.job / "results.json").read_text())
        assert (row.experiment, row.seed) == (record["experiment"], record["seed"])
        assert row[table.columns.get_loc("test/acc") + 1] == record["metrics"]["test/acc"]
        assert row[table.columns.get_loc("parameters/total") + 1] == record["parameters"]["total"]
        assert (row.wall_seconds, row.energy_kwh, row.co2eq_kg) == (record["wall_seconds"], 0.00123, 0.00047)
    (failed,) = table[table.status == "failed"].itertuples()
    assert (failed.rank, failed.error) == ("2000", "ValueError: rank 2000 > <1024>, the width")


def test_means_over_seeds_agree_with_pandas(methods):
    _, summary = methods
    table = pd.read_csv(summary.paths["csv"]).query("status == 'ok'")
    expected = table.groupby(["experiment", "rank"])[["test/acc", "test/loss", "wall_seconds"]]
    rows = json.loads(summary.paths["json"].read_text())["rows"]
    assert len(rows) == 18
    for row in rows:
        key = (row["config"]["experiment"], str(row["config"]["rank"]))
        for metric in ("test/acc", "test/loss", "wall_seconds"):
            stat = row["stats"][metric]
            assert stat["mean"] == pytest.approx(expected.mean().loc[key, metric], rel=1e-12)
            assert stat["std"] == pytest.approx(expected.std(ddof=1).loc[key, metric], rel=1e-9)
            assert stat["count"] == 3


def test_ranks_are_in_order_with_full_last_and_the_best_row_is_marked(methods):
    folder, summary = methods
    page = read_page(summary.paths["report"])
    table = next(t for t in page.tables if t[0][:2] == ["experiment", "rank"] and "jobs" in t[0])
    assert [row[1] for row in table[1:7]] == [str(rank) for rank in RANKS]
    means = [group.stats["test/acc"].mean for group in read_sweep(folder).groups]
    assert page.best_rows == [table[1 + int(np.argmax(means))]]


def test_the_figure_has_a_line_a_method_and_the_baseline(methods):
    folder, _ = methods
    sweep = read_sweep(folder)
    (chart,) = draw(sweep)
    axes = chart.figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == [str(rank) for rank in RANKS]
    assert axes.get_xscale() == "log"
    lines = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
    assert list(lines) == ["svd_finetune", "svd_ste", "svd_truncate", "baseline 98.62 %"]
    for name in ("svd_finetune", "svd_ste", "svd_truncate"):
        expected = [
            100 * group.stats["test/acc"].mean
            for group in sweep.groups
            if group.config["experiment"] == name and group.config["rank"] != "full"
        ]
        np.testing.assert_allclose(lines[name].get_ydata(), expected)
    assert len(chart.figure.axes) == 2  # the poor ranks of svd_truncate call for an enlargement
    assert "3 seeds" in chart.caption


def test_jobs_are_linked_and_failures_listed(methods):
    _, summary = methods
    page = read_page(summary.paths["report"])
    links = [a["href"] for a in page.all("a")]
    assert links == ["experiment%3Dsvd_ste%2Crank%3D20%2Cseed%3D1/report.html", "sweep.csv", "sweep.json"]
    failed = next(t for t in page.tables if t[0] == ["job", "error"])
    assert failed[1:] == [["experiment=svd_ste,rank=2000,seed=0", "ValueError: rank 2000 > <1024>, the width"]]
    assert "The same in every job: data=mnist" in page.text


def test_writing_it_again_changes_nothing(methods):
    folder, summary = methods
    before = {key: path.read_bytes() for key, path in summary.paths.items()}
    assert sweep_report(folder) == summary
    assert {key: path.read_bytes() for key, path in summary.paths.items()} == before


def test_one_seed_has_no_standard_deviation(tmp_path):
    for rank in (10, 20):
        job(tmp_path, [f"rank={rank}", "seed=7"], metrics=accuracy(rank / 100))
    summary = sweep_report(tmp_path)
    rows = json.loads(summary.paths["json"].read_text())["rows"]
    assert [row["stats"]["test/acc"] for row in rows] == [
        {"mean": 0.1, "std": None, "count": 1},
        {"mean": 0.2, "std": None, "count": 1},
    ]
    assert "±" not in read_page(summary.paths["report"]).text
    assert "nan" not in summary.paths["csv"].read_text()


def test_none_and_nan_are_left_out_and_the_count_says_so(tmp_path):
    for seed, value in enumerate([0.5, None, math.nan, 0.7]):
        job(tmp_path, ["rank=10", f"seed={seed}"], seed=seed, metrics=accuracy(value), energy={"kwh": None})
    summary = sweep_report(tmp_path)
    (row,) = json.loads(summary.paths["json"].read_text())["rows"]
    assert row["stats"]["test/acc"] == pytest.approx({"mean": 0.6, "std": statistics.stdev([0.5, 0.7]), "count": 2})
    assert row["num_seeds"] == 4
    assert pd.read_csv(summary.paths["csv"])["test/acc"].isna().sum() == 2
    page = read_page(summary.paths["report"])
    assert "60.00 ± 14.14 % (2 of 4)" in page.text
    assert "nan" not in page.text


@given(st.lists(st.one_of(st.none(), st.just(math.nan), st.floats(-1e6, 1e6)), max_size=8))
def test_summaries_agree_with_numpy(values):
    measured = np.array([value for value in values if value is not None and not math.isnan(value)])
    stat = summarise(values)
    if measured.size == 0:
        assert stat is None
        return
    assert stat.count == measured.size
    assert stat.mean == pytest.approx(measured.mean(), rel=1e-9, abs=1e-6)
    expected = measured.std(ddof=1) if measured.size > 1 else None
    assert stat.std == (expected if expected is None else pytest.approx(expected, rel=1e-6, abs=1e-6))


def test_the_smallest_loss_is_the_best(tmp_path):
    for rank, loss in [(10, 0.3), (20, 0.1), (30, 0.2)]:
        job(tmp_path, [f"rank={rank}"], metrics={"test/loss": loss}, sweep={"x": None, "y": ["test/loss"]})
    sweep = read_sweep(tmp_path)
    assert sweep.groups[sweep.best].config == {"rank": 20}


def test_a_metric_may_be_the_axis_and_several_metrics_are_lines(tmp_path):
    sizes = {1: 96_820, 2: 48_490, 4: 24_219, 8: 11_747}
    for compression, size in sizes.items():
        for seed in (0, 1):
            job(
                tmp_path, [f"compression={compression}", f"seed={seed}"], seed=seed,
                metrics=accuracy(0.9 + seed / 100, **{"start/test_acc": 0.5, "test/loss": 0.1}),
                parameters={"total": size, "trainable": size, "layers": []},
                sweep={"x": "parameters/total", "y": ["start/test_acc", "test/acc", "test/loss"]},
            )  # fmt: skip
    charts = draw(read_sweep(tmp_path))
    assert [chart.quantity for chart in charts] == ["acc", "loss"]  # two units never share an axis
    assert charts[0].title == "Accuracy against parameters"
    (axes,) = charts[0].figure.axes
    lines = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
    assert list(lines) == ["start test accuracy", "test accuracy"]
    np.testing.assert_allclose(lines["test accuracy"].get_xydata()[:, 0], sorted(sizes.values()))
    np.testing.assert_allclose(lines["test accuracy"].get_ydata(), 90.5)


def test_the_baselines_accuracy_is_drawn_among_accuracies_only(tmp_path):
    for noise in (0.2, 0.5):
        job(
            tmp_path, [f"noise={noise}"], sweep={"x": None, "y": ["test/acc", "ranking/precision"]},
            metrics=accuracy(0.9, **{"ranking/precision": 0.8, "baseline/test_acc": 0.98}),
        )  # fmt: skip
    labels = {
        chart.title: [line.get_label() for line in chart.figure.axes[0].lines if line.get_linestyle() == "--"]
        for chart in draw(read_sweep(tmp_path))
    }
    assert labels == {"Test accuracy against noise": ["baseline 98.00 %"], "Ranking precision against noise": []}


def test_without_a_number_the_combinations_stand_side_by_side(tmp_path):
    for optimizer in ("adam", "sgd"):
        for augment in ("true", "false"):
            job(tmp_path, [f"optimizer={optimizer}", f"augment={augment}"])
    (chart,) = draw(read_sweep(tmp_path))
    labels = [label.get_text() for label in chart.figure.axes[0].get_yticklabels()]
    assert labels[0] == "optimizer=adam, augment=false"
    assert len(labels) == 4


def test_only_the_seed_was_swept(tmp_path):
    for seed in range(3):
        job(tmp_path, ["rank=20", f"seed={seed}"], seed=seed, metrics=accuracy(0.98 + seed / 1000))
    summary = sweep_report(tmp_path)
    (row,) = json.loads(summary.paths["json"].read_text())["rows"]
    assert row["config"] == {}
    assert row["stats"]["test/acc"] == pytest.approx({"mean": 0.981, "std": 0.001, "count": 3})


def test_jobs_that_started_from_different_baselines_share_no_line(tmp_path):
    for rank, baseline in [(10, 0.97), (20, 0.98)]:
        job(tmp_path, [f"rank={rank}"], metrics=accuracy(0.9, **{"baseline/test_acc": baseline}))
    assert read_sweep(tmp_path).baseline is None


def test_every_way_to_fail_is_counted(tmp_path):
    job(tmp_path, ["rank=10"])
    write_failure(tmp_path / "rank=11", ["rank=11"], "<b>bold</b>")
    hydra = tmp_path / "nested" / "rank=12" / ".hydra"  # killed before it wrote anything of its own
    hydra.mkdir(parents=True)
    (hydra / "overrides.yaml").write_text("- rank=12\n")
    broken = write_failure(tmp_path / "rank=13", ["rank=13"], "")
    (broken / "failure.json").write_text("{")
    (job(tmp_path, ["rank=14"]) / "results.json").write_text('{"experiment": "sv')
    summary = sweep_report(tmp_path)
    assert (summary.num_jobs, summary.num_failed) == (5, 4)
    errors = pd.read_csv(summary.paths["csv"]).set_index("rank").error
    assert errors[11] == "ValueError: <b>bold</b>"
    assert errors[12] == "the run did not finish"
    assert errors[13] == "the run failed, and its failure.json cannot be read"
    assert "results.json is no valid JSON" in errors[14]
    assert not read_page(summary.paths["report"]).all("b")


def test_all_jobs_failed(tmp_path):
    for rank in (0, -1):
        write_failure(tmp_path / f"rank={rank}", [f"rank={rank}"], "rank must be at least 1")
    summary = sweep_report(tmp_path)
    assert (summary.num_jobs, summary.num_failed) == (2, 2)
    assert set(summary.paths) == {"csv", "json", "report"}
    assert "No job finished" in read_page(summary.paths["report"]).text


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("rank=20", ("rank", 20)),
        ("+lr=1e-3", ("lr", 0.001)),
        ("++rank=full", ("rank", "full")),
        ("~logger", ("logger", None)),
        ("a=b=c", ("a", "b=c")),
        ("x=null", ("x", None)),
        ("x=nan", ("x", "nan")),
        ("x=true", ("x", "true")),
    ],
)
def test_overrides(override, expected):
    assert parse_override(override) == expected


def test_order_of_values():
    assert sorted(["full", 200, "adam", 20.5, None, 10], key=order) == [None, 10, 20.5, 200, "adam", "full"]


def test_the_axis_is_the_number_with_the_most_values(tmp_path):
    for rank in (10, 20, "full"):
        for rate in (0.1, 0.01):
            job(tmp_path, [f"experiment=svd_{rank}", f"optimizer.lr={rate}", f"rank={rank}"])
    assert find_axis(read_sweep(tmp_path).groups, None) == Axis("rank", None)
    assert Axis("optimizer.lr", None).label == "lr"
