"""From records to the tables of RESULTS.md."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from dlhw.book import markdown
from dlhw.book.__main__ import README, RESULTS, TABLES
from dlhw.book.heads import read_head
from dlhw.book.plan import Plan, read_plan
from dlhw.book.records import Record, alike, read_record
from dlhw.book.values import answer, shown
from dlhw.config import experiments
from dlhw.errors import UserError
from dlhw.report.aggregate import Group, Stat

FIGURES = RESULTS.parent / "figures"
PROVENANCE = {"data": ["MNIST"], "seeds": [0, 1], "machines": ["x, 1 thread"], "dates": ["2026-11-20", "2026-11-22"],
              "commits": ["abc"]}  # fmt: skip
ROWS = [
    Group({"rank": 10, "method": "ste"}, 2, {"test/acc": Stat(0.9671, 0.0013, 2), "baseline/acc": Stat(0.98, 0.0, 2)}),
    Group({"rank": "full", "method": "ste"}, 1, {"test/acc": Stat(0.99, None, 1), "size": Stat(12345.0, 0.0, 2)}),
]
BOOK = """
studies: {svd: {overrides: []}, other: {overrides: []}}
asked:
  asked-of-all:
    - {what: ten, study: svd, where: {rank: 10}, metric: test/acc, unit: "%", atleast: 0.98, elsewhere: "97"}
    - {what: again, study: svd, where: {rank: 10}, metric: test/acc, unit: "%",
       atleast: {metric: baseline/acc, plus: -0.02}}
    - {what: small enough, study: svd, where: {rank: full}, metric: size, atmost: 12345}
    - {what: nothing yet, study: other, metric: test/acc, atmost: 1}
tables:
  by-rank:
    head: D
    study: svd
    where: {rank: "{key}"}
    rows: [{label: ten, key: "10"}, {label: full}]
    columns:
      - {head: accuracy, metric: test/acc, unit: "%"}
      - {head: size, metric: size}
      - {head: other, study: other, metric: a}
"""


def records(study: str) -> Record | None:
    return Record(ROWS, PROVENANCE) if study == "svd" else None


def plan() -> Plan:
    return Plan.model_validate(yaml.safe_load(BOOK))


TEXT = (
    "before\n<!-- book: asked-of-all -->\nold\n<!-- end -->\nbetween\n<!-- book: by-rank -->\n<!-- end -->\nafter\n"
    "<!-- book: speed -->\n<!-- end -->\n"
)
BENCH = {
    "machine": "x, 2 threads", "torch": "2.14.1", "started": "2026-11-26T16:00", "git_commit": "abc",
    "lines": [{"heading": "a step"}, {"what": "own / bare", "measured": "1.05", "asked": "<= 1.1"}],
}  # fmt: skip


def test_the_tables_are_written_between_their_marks_and_nothing_else_is_touched() -> None:
    assert markdown.written(TEXT, plan(), records, BENCH) == (
        "before\n<!-- book: asked-of-all -->\n\n"
        "|  | elsewhere | asked | measured | reached |\n| --- | --- | --- | --- | --- |\n"
        "| ten | 97 | ≥ 98.00 % | 96.71 ± 0.13 % | **no** |\n"
        "| again |  | ≥ 96.00 % | 96.71 ± 0.13 % | yes |\n"
        "| small enough |  | ≤ 12,345 | 12,345 | yes |\n"
        "| nothing yet |  | ≤ 1 | – |  |\n\n"
        "*MNIST; seeds 0, 1; x, 1 thread; 2026-11-20 to 2026-11-22; commit abc.*\n\n<!-- end -->\n"
        "between\n<!-- book: by-rank -->\n\n"
        "| D | accuracy | size | other |\n| --- | --- | --- | --- |\n"
        "| ten | 96.71 ± 0.13 | – | – |\n| full | 99.00 | 12,345 | – |\n\n"
        "*MNIST; seeds 0, 1; x, 1 thread; 2026-11-20 to 2026-11-22; commit abc.*\n\n<!-- end -->\nafter\n"
        "<!-- book: speed -->\n\n|  | measured | asked |\n| --- | --- | --- |\n"
        "| **a step** |  |  |\n| own / bare | 1.05 | <= 1.1 |\n\n"
        "*x, 2 threads; torch 2.14.1; 2026-11-26; commit abc.*\n\n<!-- end -->\n"
    )


def test_written_again_they_stay_as_they_are() -> None:
    once = markdown.written(TEXT, plan(), records, BENCH)
    assert markdown.written(once, plan(), records, BENCH) == once


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (TEXT.replace("by-rank", "by-rang"), "no table is called by-rang"),
        (TEXT.replace("<!-- book: by-rank -->\n<!-- end -->\n", ""), "no mark for by-rank"),
    ],
)
def test_marks_and_tables_must_fit(text: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        markdown.written(text, plan(), records, BENCH)


def test_a_bound_that_is_just_met_is_reached_and_one_that_is_not_measured_is_neither() -> None:
    asked = plan().asked["asked-of-all"]
    assert [answer(each, records).reached for each in asked] == [False, True, True, None]


def test_results_md_is_what_the_records_say() -> None:
    """Whoever changes a record, or the book, runs `make results`."""
    text = TABLES.read_text(encoding="utf-8")
    bench = json.loads((RESULTS / "bench.json").read_text())
    assert markdown.written(text, read_plan(), partial(read_record, RESULTS), bench) == text


def test_the_readme_lists_what_the_experiments_heads_say() -> None:
    text = README.read_text(encoding="utf-8")
    assert markdown.listed_experiments(text, read_plan()) == text
    for name in experiments():
        head = read_head(name)
        assert (FIGURES / head.figure).exists(), f"{name}: docs/figures has no {head.figure}"
        assert f"experiment={name}" in head.command or "hparams_search" in head.command


@pytest.mark.parametrize(
    ("stat", "unit", "digits", "expected"),
    [
        (Stat(0.98634, 0.00058, 3), "%", None, "98.63 ± 0.06"),
        (Stat(0.98634, None, 1), "%", 1, "98.6"),
        (Stat(0.00378, 0.00018, 3), "x1000", None, "3.78 ± 0.18"),
        (Stat(0.02834, None, 1), "", None, "0.0283"),
        (Stat(5012490.0, 0.0, 3), "", None, "5,012,490"),
        (Stat(3.0, 0.5, 2), "", None, "3.0000 ± 0.5000"),
        (Stat(36.41, 0.63, 3), "dB", 1, "36.4 ± 0.6"),
        (Stat(-0.002, None, 1), "dB", None, "0.00"),
        (None, "%", None, "–"),
    ],
)
def test_figures_as_a_reader_sees_them(stat: Stat | None, unit: str, digits: int | None, expected: str) -> None:
    assert shown(stat, unit, digits) == expected


@pytest.mark.parametrize(
    ("recorded", "wanted", "same"),
    [
        (10, "10", True),
        (None, "none", True),
        ("none", None, True),
        ("True", True, True),
        (10, 100, False),
        ("a", "b", False),
    ],
)
def test_values_are_compared_as_the_command_line_has_them(recorded: Any, wanted: Any, same: bool) -> None:
    assert alike(recorded, wanted) is same


def run_record(seed: int, accuracy: float) -> dict[str, Any]:
    return {"experiment": "x", "seed": seed, "metrics": {"test/acc": accuracy}, "dataset": {"name": "MNIST"},
            "started": "2026-11-20T10:00:00", "machine": "m", "git_commit": f"c{seed}"}  # fmt: skip


def test_runs_of_several_seeds_are_one_row(tmp_path: Path) -> None:
    for seed, accuracy in ((0, 0.5), (1, 0.7)):
        (tmp_path / f"x-seed{seed}.json").write_text(json.dumps(run_record(seed, accuracy)))
    (tmp_path / "x-other-seed0.json").write_text(json.dumps(run_record(0, 0.1)))
    record = read_record(tmp_path, "x")
    assert record is not None
    found = record.stat({}, "test/acc")
    assert found is not None
    assert (found.mean, found.count) == (pytest.approx(0.6), 2)
    assert record.provenance == {
        "data": ["MNIST"], "seeds": [0, 1], "machines": ["m"], "dates": ["2026-11-20"], "commits": ["c0", "c1"],
    }  # fmt: skip
    assert record.stat({}, "test/loss") is None
    assert record.stat({"rank": 3}, "test/acc") is None
    assert read_record(tmp_path, "y") is None


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 1}'])
def test_a_damaged_record_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(ValueError, match=r"x\.json"):
        read_record(tmp_path, "x")
