import base64
import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fake_folders import all_kinds, results, two_gans, write_failure, write_image, write_run
from page_reader import read_page
from PIL import Image

from dlhw.errors import UserError
from dlhw.report import run_report, sweep_report
from dlhw.report.entry import Entry, Value, experiments_of, first_date, total
from dlhw.report.index import find_entries, main, write_index
from dlhw.report.jobs import Job
from dlhw.report.orders import find_orders
from dlhw.report.places import date_by_name, experiments_by_name
from dlhw.report.thumbnail import thumbnail

EVIL = '<script>alert("x")</script> & "quoted" {{ 7*7 }} \' é 漢字 </li>'
SWEEP = Path("gan_dense+gan_conv", "multirun", "2026-11-22_10-00-00")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """Every kind, the sweep, the search, a run and the baseline with their reports."""
    folder = all_kinds(tmp_path_factory.mktemp("index") / "outputs")
    for sweep in (SWEEP, "search/fashion_mlp"):
        sweep_report(folder / sweep)
    for run in ("svd_ste/2026-11-21_11-12-13", "baselines/mnist_mlp-mnist-seed0-0123456789"):
        run_report(folder / run)
    write_index(folder)
    return folder


def only_entry(outputs):
    (entry,) = find_entries(outputs)
    return entry


def items(page):
    return [attributes for tag, attributes in page.elements if attributes.get("class") == "entry" and tag == "li"]


def test_an_entry_for_each_run_and_sweep_and_none_for_jobs(outputs):
    found = [
        (entry.folder.relative_to(outputs).as_posix(), entry.kind, entry.status) for entry in find_entries(outputs)
    ]
    assert found == [
        ("gan_conv/2026-11-24_00-00-00", "run", "unfinished"),
        ("search/fashion_mlp", "sweep", "finished"),
        (SWEEP.as_posix(), "sweep", "finished"),
        ("svd_ste/2026-11-21_12-00-00", "run", "failed"),
        ("svd_ste/2026-11-21_11-12-13", "run", "finished"),
        ("baselines/mnist_mlp-mnist-seed0-0123456789", "baseline", "finished"),
    ]


def test_what_a_run_is_known_by(outputs):
    run = next(entry for entry in find_entries(outputs) if entry.folder.name == "2026-11-21_11-12-13")
    assert run == Entry(
        run.folder, "run", "finished", ["svd_ste"], "2026-11-21 11:12", details=["rank=20 data=mnist"],
        data_name="MNIST", parameters=5_012_490, seconds=83.2, figure=run.figure,
        values=[
            Value("test/acc", 0.9845, "98.45 %"), Value("baseline/test_acc", 0.9862, "98.62 %"),
            Value("start/test_acc", 0.967, "96.70 %"),
        ],
    )  # fmt: skip
    assert run.figure.file == "figures/curves.png"


def test_what_did_not_finish_is_known_by_its_overrides(outputs):
    begun, _, _, failed = find_entries(outputs)[:4]
    assert begun == Entry(
        begun.folder, "run", "unfinished", ["gan_conv"], "2026-11-24 00:00", details=["seed=3"], values=[]
    )
    reason = "ValueError: rank <0> is too small"
    assert failed == Entry(
        failed.folder, "run", "failed", ["svd_ste"], "2026-11-21 12:00", reason=reason, details=["rank=0"], values=[]
    )


def test_a_sweep_shows_its_best_configuration_and_counts_its_jobs(outputs):
    sweep = next(entry for entry in find_entries(outputs) if entry.folder == outputs / SWEEP)
    assert (sweep.experiments, sweep.data_name) == (["gan_conv", "gan_dense"], "Fashion-MNIST")
    assert sweep.details == ["6 jobs over experiment, seed, all finished", "best: gan_conv"]
    assert [(value.name, value.shown) for value in sweep.values] == [
        ("test/small_cnn_frechet", "10 ± 1"),
        ("test/small_cnn_precision", "71.00 ± 1.00 %"),
    ]
    assert sweep.seconds == pytest.approx(6 * 83.2)
    assert sweep.figure.file == "figures/sweep_frechet.png"


def test_a_search_shows_its_best_setting_tested(outputs):
    search = next(entry for entry in find_entries(outputs) if entry.folder.name == "fashion_mlp")
    assert search.details == ["2 jobs over optimizer.lr, all finished", "best: optimizer.lr=0.2"]
    assert search.values == [Value("val/acc", 0.91, "91.00 %"), Value("test/acc", 0.9, "90.00 %")]
    assert search.started == "2026-11-23 09:00"


def test_failed_jobs_are_counted_and_the_first_reason_told(tmp_path):
    sweep = two_gans(tmp_path / SWEEP)
    write_failure(sweep / "seed=7", ["experiment=gan_conv", "seed=7"], "out of memory")
    (sweep / "seed=8" / ".hydra").mkdir(parents=True)
    entry = only_entry(tmp_path)
    assert (entry.status, entry.details) == ("unfinished", ["8 jobs so far, 1 failed"])
    sweep_report(sweep)
    entry = only_entry(tmp_path)
    assert (entry.status, entry.details[0]) == ("finished", "8 jobs over experiment, seed, 2 failed")
    assert entry.reason == "seed=7: ValueError: out of memory"


def test_a_sweep_without_a_finished_job_failed(tmp_path):
    sweep = tmp_path / "svd_ste+svd_truncate" / "multirun" / "2026-11-22_10-00-00"
    write_failure(sweep / "rank=0", ["rank=0"], "rank must be at least 1")
    sweep_report(sweep)
    entry = only_entry(tmp_path)
    assert (entry.status, entry.values, entry.parameters, entry.seconds) == ("failed", [], None, None)
    assert entry.experiments == ["svd_ste", "svd_truncate"]  # as the folder's name has them


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "[]", "{}", '"svd_ste"', "null", "[" * 100_000, b"\xff\xfe", '{"experiment": "a", "metrics": 5}',
        '{"experiment": "a", "dataset": []}',
        '{"experiment": "a", "figures": [5]}', '{"experiment": "a", "sweep": {"y": 5}}',
    ],
)  # fmt: skip
def test_a_damaged_record_is_shown_with_the_reason_and_stops_no_other(tmp_path, content):
    folder = write_run(tmp_path / "svd_ste" / "2026-11-21_11-12-13", [], results(figures=[]))
    write_run(tmp_path / "svd_ste" / "2026-11-22_11-12-13", [], results(figures=[]))
    (folder / "results.json").write_bytes(content.encode() if isinstance(content, str) else content)
    other, entry = find_entries(tmp_path)
    assert other.status == "finished"
    assert (entry.status, entry.experiments, entry.started) == ("unreadable", ["svd_ste"], "2026-11-21 11:12")
    assert entry.reason
    assert str(tmp_path) not in entry.reason
    assert entry.reason in read_page(write_index(tmp_path)).text


@pytest.mark.parametrize("content", ["{", "[1]", '{"best_row": 3, "rows": []}', '{"best_row": 0, "rows": [5]}'])
def test_a_damaged_summary_makes_its_sweep_unreadable(tmp_path, content):
    (two_gans(tmp_path / SWEEP) / "sweep.json").write_text(content)
    entry = only_entry(tmp_path)
    assert (entry.kind, entry.status) == ("sweep", "unreadable")
    assert entry.experiments == ["gan_dense", "gan_conv"]
    assert entry.reason.startswith("its records cannot be read: ")


def test_numbers_that_are_none_are_neither_shown_nor_sorted_by(tmp_path):
    stats = {"test/acc": {"mean": float("nan"), "std": None}, "parameters/total": {"mean": "many"}}
    record = {"swept": [], "metrics": ["test/acc"], "best_row": 0, "rows": [{"config": {}, "stats": stats}]}
    (two_gans(tmp_path / SWEEP) / "sweep.json").write_text(json.dumps(record))
    entry = only_entry(tmp_path)
    assert (entry.status, entry.values, entry.parameters) == ("finished", [], None)


def test_halves_of_characters_stop_nothing(tmp_path):
    folder = write_run(tmp_path / "svd_ste" / "a", [], results(figures=[]))
    (folder / "results.json").write_text('{"experiment": "svd\\ud800", "question": "\\udfff"}')
    assert "svd?" in read_page(write_index(tmp_path)).text
    assert "svd?" in read_page(run_report(folder)).text


def test_links_lead_to_the_reports_there_are(outputs):
    page = read_page(outputs / "index.html")
    links = [a["href"] for a in page.all("a")]
    assert links == [
        "search/fashion_mlp/report.html",
        "gan_dense%2Bgan_conv/multirun/2026-11-22_10-00-00/report.html",
        "svd_ste/2026-11-21_11-12-13/report.html",
        "baselines/mnist_mlp-mnist-seed0-0123456789/report.html",
    ]
    assert page.text.count("no report") == 2


def test_the_page_holds_all_it_needs(outputs):
    path = outputs / "index.html"
    page = read_page(path)
    assert not page.all("link")
    assert len(page.all("script")) == 1
    assert not [script for script in page.all("script") if "src" in script]
    assert "http://" not in path.read_text()
    assert "https://" not in path.read_text()
    (policy,) = (meta["content"] for meta in page.all("meta") if meta.get("http-equiv"))
    assert policy.startswith("default-src 'none';")
    assert str(outputs) not in path.read_text()
    assert write_index(outputs).read_bytes() == path.read_bytes()  # twice the same


def test_every_control_has_a_label_and_every_image_its_words(outputs):
    page = read_page(outputs / "index.html")
    labelled = {label["for"] for label in page.all("label") if "for" in label}
    assert labelled == {"experiment", "kind", "words", "order"}
    assert {control["id"] for control in page.all("select")} <= labelled
    shown = [image for image in page.all("img") if "src" in image]
    assert [image["alt"] for image in shown] == [
        "Test small CNN Fréchet distance of the sweep's jobs. ",
        *["Loss and accuracy. Loss and accuracy by epoch; the chosen epoch is circled."] * 2,
    ]
    assert "6 of 6 shown, by date, newest first." in page.text


def test_the_keys_stand_in_the_order_of_the_options(outputs):
    page = read_page(outputs / "index.html")
    keys = [json.loads(item["data-keys"]) for item in items(page)]
    options = [option for option in page.all("option") if "data-first" in option]
    assert {len(entry) for entry in keys} == {len(options)}
    assert [entry[0] for entry in keys] == [entry.started for entry in find_entries(outputs)]
    assert [option["data-first"] for option in options[:4]] == [
        "newest first", "A to Z", "fewest first", "shortest first"
    ]  # fmt: skip


def test_orders_know_which_end_is_the_better_one():
    entry = Entry(
        Path("a"), "run", "finished", ["a"], "", values=[Value("test/acc", 0.9, ""), Value("test/loss", 2, "")]
    )
    other = replace(entry, started="2026-11-21 11:12", values=[])
    orders = {order.label: order for order in find_orders([entry, other])}
    assert list(orders) == ["Date", "Experiment", "Parameters", "Time", "Test accuracy", "Test loss"]
    assert (orders["Test accuracy"].first, orders["Test accuracy"].descending) == ("highest first", True)
    assert (orders["Test loss"].first, orders["Test loss"].descending) == ("lowest first", False)
    assert orders["Test loss"].keys == [2, None]
    assert orders["Date"].keys == [None, "2026-11-21 11:12"]


def test_text_of_runs_never_becomes_markup(tmp_path):
    record = results(
        experiment=EVIL, dataset={"name": EVIL}, started=EVIL, sweep={"x": None, "y": [EVIL]}, metrics={EVIL: 0.5},
        figures=[{"file": "figures/curves.png", "title": EVIL, "caption": EVIL}],
    )  # fmt: skip
    run_report(write_run(tmp_path / "x" / "<i>a#?'&\"", [f"note={EVIL}"], record))
    write_failure(tmp_path / "x" / "b", [f"experiment={EVIL}"], EVIL)
    page = read_page(write_index(tmp_path))
    assert len(page.all("script")) == 1
    assert not page.all("i")
    assert page.text.count(EVIL) >= 6
    (item, _) = items(page)
    assert json.loads(item["data-experiments"]) == [EVIL]
    (link,) = page.all("a")
    assert link["href"] == "x/%3Ci%3Ea%23%3F%27%26%22/report.html"
    assert [image["alt"] for image in page.all("img") if "src" in image] == [f"{EVIL}. {EVIL}"]


def test_the_experiments_own_choice_of_figure_comes_first(tmp_path):
    names = ["curves.png", "samples.gif", "samples_epoch_1.png", "samples.png"]
    figures = [{"file": f"figures/{name}", "title": name} for name in names]
    run = write_run(tmp_path / "gan" / "a", [], results(figures=figures, sweep={"pictures": ["gone", "samples"]}))
    assert only_entry(tmp_path).figure.file == "figures/samples.png"
    (run / "results.json").write_text(json.dumps(results(figures=figures)))
    assert only_entry(tmp_path).figure.file == "figures/curves.png"
    (run / "results.json").write_text(json.dumps(results(figures=figures[1:2])))
    assert only_entry(tmp_path).figure is None


@pytest.mark.parametrize(
    ("size", "small"), [((1600, 800), (320, 160)), ((600, 1200), (120, 240)), ((100, 50), (100, 50))]
)
def test_thumbnails_are_small_and_keep_their_shape(tmp_path, size, small):
    write_image(tmp_path, "figures/a.png", size, grey=40)
    picture = thumbnail(tmp_path, "figures/a.png", "t", "c")
    data = base64.b64decode(picture.source.removeprefix("data:image/webp;base64,"))
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == small == (picture.width, picture.height)
        assert image.convert("L").getpixel((10, 10)) == pytest.approx(40, abs=3)


@pytest.mark.parametrize("keep", [0, 8, 30, 60])
def test_a_damaged_figure_is_left_out(tmp_path, keep):
    run = write_run(tmp_path / "svd_ste" / "a", [])
    file = run / "figures" / "curves.png"
    file.write_bytes(file.read_bytes()[:keep])
    assert not [image for image in read_page(write_index(tmp_path)).all("img") if "src" in image]
    file.unlink()
    assert "98.45 %" in read_page(write_index(tmp_path)).text


def test_circles_of_links_and_hidden_folders_are_passed_by(tmp_path):
    write_run(tmp_path / "svd_ste" / "a", [], results(figures=[]))
    (tmp_path / "svd_ste" / "circle").symlink_to(tmp_path)
    write_run(tmp_path / ".trash" / "b", [], results(figures=[]))
    assert only_entry(tmp_path).folder == tmp_path / "svd_ste" / "a"


def test_what_names_of_folders_tell():
    assert date_by_name(Path("2026-11-26_06-46-42-2")) == "2026-11-26 06:46"
    assert date_by_name(Path("fashion_mlp")) == ""
    assert experiments_by_name(Path("o/a+b/multirun/2026-11-26_06-46-42")) == ["a", "b"]
    assert experiments_by_name(Path("o/baselines/small_cnn-mnist-seed0-0123456789")) == ["small_cnn"]
    assert experiments_by_name(Path("o/svd_ste/2026-11-26_06-46-42")) == ["svd_ste"]


def test_what_was_not_recorded_is_not_made_up():
    bare = Job(Path("a"), "a", {}, {}, "the run did not finish")
    assert (experiments_of([bare]), first_date([bare]), total([bare], "wall_seconds")) == ([], "", None)
    later, earlier = (
        Job(Path("a"), "a", {}, {"started": day, "wall_seconds": 2}, None)
        for day in ("2026-11-21T00:00:01", "2026-11-20")
    )
    assert first_date([later, bare, earlier]) == "2026-11-20"
    assert total([later, bare, earlier], "wall_seconds") == 4


class TestCommand:
    def test_it_tells_where_the_page_is(self, tmp_path, capsys):
        write_run(tmp_path / "svd_ste" / "a", [], results(figures=[]))
        assert main([str(tmp_path)]) == 0
        assert capsys.readouterr().out == f"{tmp_path / 'index.html'}\n"

    @pytest.mark.parametrize(("name", "what"), [("", "holds no run yet"), ("gone", "does not exist")])
    def test_nothing_to_show_is_one_line_that_tells_what_to_do(self, tmp_path, capsys, name, what):
        assert main([str(tmp_path / name)]) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert what in error
        assert "make run" in error
        assert not (tmp_path / "index.html").exists()
        with pytest.raises(UserError, match=what):
            write_index(tmp_path / name)

    def test_its_default_is_the_folder_outputs(self, tmp_path):
        write_run(tmp_path / "outputs" / "svd_ste" / "a", [], results(figures=[]))
        command = [sys.executable, "-W", "error", "-m", "dlhw.report.index"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
        assert (done.returncode, done.stdout, done.stderr) == (0, "outputs/index.html\n", "")
