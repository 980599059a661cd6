"""The example of docs/lowrank.md runs as it stands there, and the page names the whole interface."""

import re
from pathlib import Path

import pytest
import torch

import dlhw.lowrank

PAGE = Path(__file__).parents[2] / "docs" / "lowrank.md"


@pytest.mark.filterwarnings("ignore:.*nested tensor.*:UserWarning")
def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len([line for line in example.splitlines() if line]) <= 10
    torch.manual_seed(0)
    scope: dict = {}
    exec(compile(example, str(PAGE), "exec"), scope)
    printed = capsys.readouterr().out
    assert "linear1" in printed
    assert "output error" in printed
    student, plain, x = scope["student"].eval(), scope["plain"].eval(), scope["sentences"]
    torch.testing.assert_close(plain(x), student(x), atol=1e-5, rtol=1e-5)
    before, after = (sum(p.numel() for p in scope[name].parameters()) for name in ("model", "small"))
    assert after < before


def test_every_public_name_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in dlhw.lowrank.__all__ if name not in text] == []
