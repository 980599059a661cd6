"""The book run for real, on embedded data: once, again, and after a kill."""

import json
import re
from functools import partial
from pathlib import Path

import pytest

from dlhw.book import __main__ as command
from dlhw.book import execute
from dlhw.book.plan import Job, Plan, jobs_of
from dlhw.book.records import read_record
from tests.helpers import DIGITS, KILLABLE
from tests.report.fake_folders import results, write_run

SMALL = [*DIGITS, "experiment=mnist_mlp", "model.net.hidden=[16]", "trainer.max_epochs=2", *KILLABLE]
BOOK = {
    "studies": {
        "small": {"overrides": SMALL, "sweep": {"seed": [0, 1]}},
        "wrong": {"overrides": ["experiment=mnist_mlpp"]},
    },
    "asked": {"all": [{"what": "reads", "study": "small", "metric": "test/acc", "unit": "%", "atleast": 0.2}]},
    "tables": {"acc": {"head": "a", "study": "small", "rows": [{"label": "b"}],
                       "columns": [{"head": "c", "metric": "test/acc", "unit": "%"}]}},
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("book")


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> Plan:
    plan = Plan.model_validate(BOOK)
    monkeypatch.setattr(command, "read_plan", lambda: plan)
    return plan


def test_a_book_is_run_killed_taken_up_and_not_run_again(
    plan: Plan, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    book = folder / "book"
    jobs = jobs_of("small", plan.studies["small"])

    monkeypatch.setenv("KILL_AT_STEP", "12")  # in the second epoch
    first, second = execute.run_jobs(jobs, book, at_once=2)
    assert {first.job.name, second.job.name} == {"seed=0", "seed=1"}
    assert not list(book.rglob("results.json"))
    monkeypatch.delenv("KILL_AT_STEP")

    with pytest.raises(SystemExit, match="1 of 3 jobs failed"):
        command.main(["book=full", f"output={folder}"])
    found = [json.loads((book / "small" / job.name / "results.json").read_text()) for job in jobs]
    assert [run["epochs"] for run in found] == [2, 2]
    record = read_record(book, "small")
    assert record is not None
    stat = record.stat({}, "test/acc")
    assert stat is not None
    assert (stat.count, stat.mean) == (2, pytest.approx(sum(run["metrics"]["test/acc"] for run in found) / 2))

    page = (book / "index.html").read_text()
    assert "mnist_mlpp" in page
    assert re.search(r"did you mean mnist_mlp", page)
    assert 'href="small/report.html"' in page
    assert (book / "small" / "report.html").is_file()
    assert f"{100 * stat.mean:.2f}" in page

    monkeypatch.setattr(execute, "arguments", lambda *_: pytest.fail("a finished job was started again"))
    command.main(["book=full", f"output={folder}", "only=small"])
    assert "index.html" in capsys.readouterr().out


def test_records_are_published_and_the_tables_written(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "book").mkdir()
    rows = [{"config": {}, "num_seeds": 1, "stats": {"test/acc": {"mean": 0.5, "std": None, "count": 1}}}]
    (tmp_path / "book" / "small.json").write_text(json.dumps({"rows": rows, "metrics": [], "provenance": {}}))
    results, tables = tmp_path / "results", tmp_path / "RESULTS.md"
    tables.write_text(
        "<!-- book: all -->\n<!-- end -->\n<!-- book: acc -->\n<!-- end -->\n<!-- book: speed -->\n<!-- end -->\n"
    )
    results.mkdir()
    (results / "bench.json").write_text(
        '{"machine": "x", "torch": "2", "started": "now", "git_commit": "a", "lines": []}'
    )
    monkeypatch.setattr(command, "RESULTS", results)
    monkeypatch.setattr(command, "TABLES", tables)
    readme = tmp_path / "README.md"
    readme.write_text("<!-- book: experiments -->\n<!-- end -->\n")
    monkeypatch.setattr(command, "README", readme)
    command.main(["book=publish", f"output={tmp_path}"])
    assert (results / "small.json").read_bytes() == (tmp_path / "book" / "small.json").read_bytes()
    assert "| reads | ≥ 20.00 % | 50.00 % | yes |" in tables.read_text()
    assert "| b | 50.00 |" in tables.read_text()
    assert "| `svd_ste` |" in readme.read_text()


def test_a_job_that_was_stopped_before_it_had_begun_starts_anew(tmp_path: Path) -> None:
    job = Job("a", "run", ["experiment=x"])
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "train.log").touch()
    assert execute.arguments(job, tmp_path / "run") == ["experiment=x", f"hydra.run.dir={tmp_path}/run"]
    assert not (tmp_path / "run").exists()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").touch()
    assert execute.arguments(job, tmp_path / "run") == [f"resume={tmp_path}/run"]


def test_a_search_goes_on_by_the_same_command_and_is_finished_with_its_best_run(tmp_path: Path) -> None:
    job = Job("a", "run", ["hparams_search=x"], is_search=True)
    assert execute.arguments(job, tmp_path) == ["-m", "hparams_search=x", f"hydra.sweep.dir={tmp_path}"]
    (tmp_path / "results.json").touch()
    assert not execute.is_finished(job, tmp_path)
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "results.json").touch()
    assert execute.is_finished(job, tmp_path)


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["book=ful"], "did you mean full"),
        (["only=a"], "book= is missing"),
        (["book=full", "only=smal"], "unknown study 'smal'; did you mean small"),
        (["book=full", "jobs=0"], "must be a whole number from 1 to 256"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(plan: Plan, args: list[str], reason: str) -> None:
    with pytest.raises(SystemExit, match=re.escape(reason)) as refused:
        command.main(args)
    assert "\n" not in str(refused.value)


def test_nothing_measured_is_no_record(tmp_path: Path) -> None:
    assert execute.summarise(tmp_path, "small") is None
    assert partial(read_record, tmp_path)("small") is None


def test_a_search_is_found_by_what_it_left(tmp_path: Path) -> None:
    """Optuna's sweeper leaves no multirun.yaml; its trials are a sweep within the study's only job."""
    search = tmp_path / "tuning" / "run"
    for trial, accuracy in enumerate((0.8, 0.9)):
        write_run(search / str(trial), [f"units={trial + 10}"], results(metrics={"test/acc": accuracy}))
    (search / "study.db").touch()
    assert execute.summarise(tmp_path, "tuning") == search / "report.html"
    record = read_record(tmp_path, "tuning")
    assert record is not None
    stat = record.stat({"units": 11}, "test/acc")
    assert stat is not None
    assert stat.mean == pytest.approx(0.9)


def test_a_search_with_a_best_run_has_succeeded_though_a_trial_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job("tuning", "run", ["hparams_search=x"], is_search=True)

    def search(*_: object) -> int:
        (tmp_path / "run" / "best").mkdir(parents=True)
        (tmp_path / "run" / "best" / "results.json").touch()
        return 1

    monkeypatch.setattr(execute, "search", search)
    assert execute.run_job(job, tmp_path / "run", threads=1) is None
