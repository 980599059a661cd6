"""What a book is made of, and what is refused as one."""

from pathlib import Path

import pytest

from dlhw.book.plan import command, jobs_of, read_plan
from dlhw.config import compose_config, experiments
from dlhw.errors import UserError
from dlhw.schema import validate

PLAN = read_plan()
STUDIES = [(name, quick) for name in PLAN.studies for quick in (False, True)]


def plan_of(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "book.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(("study", "quick"), STUDIES)
def test_the_jobs_of_the_shipped_book_are_valid_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, study: str, quick: bool
) -> None:
    (tmp_path / "speech").mkdir()
    (tmp_path / "speech" / "manifest.csv").touch()
    monkeypatch.setenv("DLHW_DATA_DIR", str(tmp_path))
    jobs = jobs_of(study, PLAN.studies[study], quick)
    assert len({job.name for job in jobs}) == len(jobs)
    if not jobs[-1].is_search:
        validate(compose_config(jobs[-1].overrides))


def test_every_experiment_is_in_the_shipped_book() -> None:
    said = {word for study in PLAN.studies.values() for word in study.overrides if word.startswith("experiment=")}
    said |= {f"experiment={name}" for study in PLAN.studies.values() for name in study.sweep.get("experiment", [])}
    assert {f"experiment={name}" for name in experiments()} <= said


def test_the_jobs_of_a_sweep_are_all_its_combinations_the_first_seed_first(tmp_path: Path) -> None:
    plan = read_plan(
        plan_of(tmp_path, "studies: {a: {overrides: [experiment=x], sweep: {rank: [1, full], seed: [0, 1]}}}")
    )
    jobs = jobs_of("a", plan.studies["a"])
    assert [job.overrides for job in jobs] == [
        ["experiment=x", "rank=1", "seed=0"],
        ["experiment=x", "rank=full", "seed=0"],
        ["experiment=x", "rank=1", "seed=1"],
        ["experiment=x", "rank=full", "seed=1"],
    ]
    assert [job.name for job in jobs] == ["rank=1,seed=0", "rank=full,seed=0", "rank=1,seed=1", "rank=full,seed=1"]
    assert command(plan.studies["a"]) == "python train.py -m experiment=x rank=1,full seed=0,1"


def test_the_quick_book_has_one_combination_unless_it_is_told_which(tmp_path: Path) -> None:
    text = """
    studies:
      a: {overrides: [experiment=x], sweep: {flag: [true, false], seed: [3, 4]}, quick: [data=digits]}
      b: {overrides: [experiment=x], sweep: {flag: [true, false]}, quick_sweep: {flag: [false, null]}}
    """
    plan = read_plan(plan_of(tmp_path, text))
    assert [job.overrides for job in jobs_of("a", plan.studies["a"], quick=True)] == [
        ["experiment=x", "data=digits", "flag=true", "seed=3"]
    ]
    assert [job.overrides for job in jobs_of("b", plan.studies["b"], quick=True)] == [
        ["experiment=x", "flag=false"], ["experiment=x", "flag=null"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("studies: {a: {overrides: [], speed: 3}}", "studies.a.speed: Extra inputs"),
        ("studies: {}\nasked: {t: [{what: x, study: b, metric: m, atleast: 1}]}", "no study is called b"),
        ("studies: {a: {overrides: []}}\nasked: {t: [{what: x, study: a, metric: m}]}", "either atleast or atmost"),
        (
            "studies: {a: {overrides: []}}\nasked: {t: [{what: x, study: a, metric: m, atleast: 1, atmost: 2}]}",
            "either atleast or atmost",
        ),
        ("studies: {}\ntables: {t: {head: h, rows: [{label: r, study: c}], columns: []}}", "no study is called c"),
        ("studies: {a: {overrides: []}}\nasked: {t: [{what: x, study: a, metric: m, atmost: 1, unit: m}]}", "unit"),
    ],
)
def test_what_is_no_book_is_refused_in_one_line(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(UserError, match=r"book\.yaml") as refused:
        read_plan(plan_of(tmp_path, text))
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)
