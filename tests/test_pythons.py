"""Which Pythons it runs on: said alike everywhere, and before anything is made."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.specifiers import SpecifierSet

from tests.helpers import ROOT


def stated() -> list[str]:
    """What the Makefile says, which the others are held to."""
    return re.findall(r"^PYTHONS := (.*)$", (ROOT / "Makefile").read_text(), re.M)[0].split()


def test_the_metadata_admit_what_the_makefile_admits_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    admitted = SpecifierSet(project["requires-python"])
    assert [f"3.{minor}" for minor in range(8, 30) if f"3.{minor}.1" in admitted] == stated()


def test_the_readme_names_them() -> None:
    *others, last = stated()
    assert f"You need Python {', '.join(others)} or {last} " in (ROOT / "README.md").read_text()


def test_the_workflow_runs_them() -> None:
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    assert re.findall(r'"(3\.\d+)"', workflow.split("python: [")[1].split("]")[0]) == stated()


def test_setup_refuses_another_one_before_it_makes_anything(tmp_path: Path) -> None:
    command = ["make", "setup", f"PYTHON={sys.executable}", f"VENV={tmp_path / 'venv'}", "PYTHONS=3.0 3.1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    line = f"dlhw runs on Python 3.0 3.1, but {sys.executable} is {own}; try: make setup PYTHON=python3.1"
    assert line in done.stderr.splitlines()
    assert not any(tmp_path.iterdir())
