"""Names and folders that follow from a config."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dlhw.config import CONF, compose_config, experiment_names, experiments, new_folder, short_name
from dlhw.errors import near

TEXTS = st.text(max_size=400)
SETTINGS = st.text(alphabet="ab=,.[]*C", max_size=6)


@given(text=TEXTS | SETTINGS)
def test_a_jobs_folder_has_a_name_that_every_file_system_takes(text: str) -> None:
    name = short_name(text)
    assert len(name) <= 200
    assert re.fullmatch(r"[a-zA-Z0-9_=,.+-]*", name)
    assert not name.startswith((".", "-"))
    assert not name.endswith(".")


@given(one=TEXTS | SETTINGS, other=TEXTS | SETTINGS)
@example("data.root=A", "data.root=a")
@example("rank=[1]", "rank=(1)")
def test_what_differs_has_names_that_differ(one: str, other: str) -> None:
    """Also where capital letters are not told from small ones."""
    assert (short_name(one).lower() == short_name(other).lower()) == (one == other)


@pytest.mark.parametrize("name", ["", "rank=4,seed=0", "experiment=svd_ste,optimizer.lr=1e-3", "svd_ste+lowrank"])
def test_an_ordinary_name_stays(name: str) -> None:
    assert short_name(name) == name


def test_long_names_that_differ_at_the_end_stay_apart() -> None:
    assert short_name("x=" + 300 * "a" + ",rank=1") != short_name("x=" + 300 * "a" + ",rank=2")


def test_the_names_of_a_sweep_over_experiments() -> None:
    assert experiment_names(["rank=3", "experiment=svd_ste,svd_finetune"]) == "svd_ste+svd_finetune"
    assert experiment_names(["experiment=svd_ste", "experiment=svd_finetune"]) == "svd_finetune"
    assert experiment_names(["rank=3"]) == "none"
    assert re.fullmatch(r"glob_svd__-\w{8}", experiment_names(["experiment=glob(svd*)"]))


def test_runs_of_the_same_second_have_folders_of_their_own(tmp_path: Path) -> None:
    folders = {new_folder(tmp_path / "svd_ste") for _ in range(5)}
    assert len(folders) == 5
    assert all(folder.is_dir() for folder in folders)


def test_every_shipped_experiment_is_listed_with_its_question() -> None:
    shipped = {file.stem for file in (CONF / "experiment").glob("[!_]*.yaml")}
    assert experiments().keys() == shipped
    assert all(question.endswith("?") for question in experiments().values())


def test_the_command_line_overrides_the_experiment() -> None:
    cfg = compose_config(["experiment=svd_ste", "trainer.max_epochs=77"])
    assert cfg.name == "svd_ste"
    assert cfg.trainer.max_epochs == 77


def test_near_names() -> None:
    assert near("svd_sta", ["svd_ste", "lowrank"]) == "; did you mean svd_ste?"
    assert near("qqq", ["b", "a"]) == "; known: a, b"
    assert near("qqq", []) == ""
