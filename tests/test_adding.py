"""docs/adding-an-experiment.md, run as it stands by somebody who has only that page."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import refusal
from tests.helpers import ROOT

PAGE = ROOT / "docs" / "adding-an-experiment.md"
LONGEST = 40  # lines of code and configs, blank ones left out


def blocks() -> dict[str, str]:
    """What each file holds, by its name."""
    text = PAGE.read_text(encoding="utf-8")
    names = re.findall(r"`(mylab/[\w/]+\.(?:py|yaml))`", text)
    contents = re.findall(r"```(?:python|yaml)\n(.*?)```", text, re.DOTALL)
    return dict(zip(names, contents, strict=True))


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    for name, content in blocks().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def train(lab: Path, *args: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(lab), **variables}
    command = [sys.executable, str(ROOT / "train.py"), "--config-dir", str(lab / "mylab" / "conf"), *args]
    return subprocess.run(command, cwd=lab, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_the_example_is_short() -> None:
    lines = [line for content in blocks().values() for line in content.splitlines() if line.strip()]
    assert len(lines) <= LONGEST


def test_the_example_trains(lab: Path) -> None:
    done = train(lab, "experiment=rings", DLHW_TRUST_TARGETS="mylab")
    assert done.returncode == 0, done.stderr
    (file,) = (lab / "outputs" / "rings").glob("*/results.json")
    results = json.loads(file.read_text())
    assert results["metrics"]["test/acc"] > 0.99
    assert results["dataset"]["name"] == "two rings"
    assert (file.parent / "report.html").is_file()


def test_its_classes_must_be_trusted(lab: Path) -> None:
    line = refusal("--config-dir", str(lab / "mylab" / "conf"), "experiment=rings", folder=lab)
    assert "DLHW_TRUST_TARGETS" in line
