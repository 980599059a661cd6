"""Names and folders that follow from a config."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlhw.config import CONF, compose_config, experiment_names, experiments, new_folder, run_dir, short_name
from dlhw.errors import UserError, near


@given(overrides=st.text(max_size=400))
def test_a_jobs_folder_has_a_name_that_file_systems_take(overrides: str) -> None:
    name = short_name(overrides)
    assert len(name.encode()) <= 200
    assert "/" not in name
    if len(overrides.encode()) <= 200 and "/" not in overrides:
        assert name == overrides


def test_long_names_that_differ_at_the_end_stay_apart() -> None:
    assert short_name("x=" + 300 * "a" + ",rank=1") != short_name("x=" + 300 * "a" + ",rank=2")


def test_the_names_of_a_sweep_over_experiments() -> None:
    assert experiment_names(["rank=3", "experiment=svd_ste,svd_finetune"]) == "svd_ste+svd_finetune"
    assert experiment_names(["experiment=svd_ste", "experiment=svd_finetune"]) == "svd_finetune"
    assert experiment_names(["rank=3"]) == "none"


def test_runs_of_the_same_second_have_folders_of_their_own(tmp_path: Path) -> None:
    folders = {new_folder(tmp_path / "svd_ste") for _ in range(5)}
    assert len(folders) == 5
    assert all(folder.is_dir() for folder in folders)


def test_a_resumed_run_keeps_its_folder(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").touch()
    assert run_dir(str(tmp_path), "elsewhere", ["resume=..."]) == str(tmp_path)
    with pytest.raises(UserError, match=r"no config\.yaml there"):
        run_dir(str(tmp_path / "nothing"), "elsewhere", [])


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
