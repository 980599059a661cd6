"""Printed commands: pasted into a shell, they say to Hydra what was meant."""

import shlex
import shutil
import subprocess

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from dlhw.command import override, train_command

# Each has what means something to a shell, to Hydra, or to OmegaConf
STRANGE = (
    "outputs/a/multirun/now/rank=4,seed=0", "it's/x", 'say "x"/y', "a b/~c", "ä/ö", r"c\d/e\\", 'f\\"/g', "${x}/h",
    r"\${x}/i", r"\\${x}/j", "$HOME/`k`/!l", "[m,n]/{o:p}", "q\nr/s", "*/?", "null", "1e3", "#t/u;v&w|x", "/%(y)s/@z",
)  # fmt: skip


def understood(command: str) -> dict[str, object]:
    """What Hydra makes of a command that was pasted."""
    python, script, *settings = shlex.split(command)
    assert (python, script) == ("python", "train.py")
    parsed = OverridesParser.create().parse_overrides(settings)
    assert not any(setting.is_sweep_override() for setting in parsed)
    return {setting.key_or_group: OmegaConf.create([setting.value()])[0] for setting in parsed}


@given(path=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_a_printed_path_is_read_as_it_is(path: str) -> None:
    command = train_command("experiment=mnist_mlp", override("resume", f"x/{path}"))
    assert understood(command) == {"experiment": "mnist_mlp", "resume": f"x/{path}"}


@given(path=st.text(alphabet="a\\\"'${}=,~ [", min_size=1, max_size=8))
def test_a_path_of_signs_is_read_as_it_is(path: str) -> None:
    assert understood(train_command(override("resume", path))) == {"resume": path}


@pytest.mark.parametrize("path", STRANGE)
def test_strange_paths(path: str) -> None:
    assert understood(train_command(override("resume", path))) == {"resume": path}


def test_a_plain_path_has_no_quotes() -> None:
    path = "outputs/svd_ste/2026-11-27_07-11-39"
    assert train_command(override("resume", path)) == f"python train.py resume={path}"


@pytest.mark.parametrize("shell", ["bash", "zsh", "dash"])
def test_shells_read_it_as_shlex_does(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    command = train_command(*(override("resume", path) for path in STRANGE))
    # what `python` is told, each argument with a zero behind it
    script = f"python() {{ printf '%s\\0' \"$@\"; }}; {command}"
    done = subprocess.run([shell, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split("\0")[:-1] == shlex.split(command)[1:]
