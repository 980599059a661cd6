"""What can be installed besides: each extra of pyproject.toml together with the versions of requirements.lock."""

import subprocess
import sys
import tomllib
from importlib.util import find_spec
from itertools import chain

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.helpers import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
LOCK = ROOT / "requirements.lock"


def locked() -> dict[str, str]:
    pins = (Requirement(line) for line in LOCK.read_text().splitlines() if not line.startswith("#"))
    return {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in pins}


@pytest.mark.parametrize("extra", ["", *EXTRAS])
def test_what_is_locked_is_what_is_asked_for(extra: str) -> None:
    versions = locked()
    wanted = [Requirement(line) for line in (EXTRAS[extra] if extra else PROJECT["dependencies"])]
    wrong = [one for one in wanted if not one.specifier.contains(versions.get(canonicalize_name(one.name), "0"), True)]
    absent = {canonicalize_name(one.name) for one in wanted} - versions.keys()
    assert {canonicalize_name(one.name) for one in wrong} <= absent
    assert extra or not absent


@pytest.mark.slow
def test_all_extras_can_be_installed_beside_the_lock() -> None:
    """Asks the package index, of which pip is told the way."""
    if find_spec("pip") is None:
        pytest.skip("this environment has no pip")
    if resolved("--no-deps", "packaging").returncode:
        pytest.skip("no package index can be reached")
    found = resolved("-r", str(LOCK), *chain.from_iterable(EXTRAS.values()))
    assert found.returncode == 0, found.stderr


def resolved(*wanted: str) -> subprocess.CompletedProcess[str]:
    """What pip says to installing this into an empty environment."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--retries=1", "--quiet"]
    return subprocess.run(
        [*pip, "install", "--dry-run", "--ignore-installed", *wanted], capture_output=True, text=True, check=False
    )
