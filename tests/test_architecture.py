"""The house's rules, read from the sources: who may import whom."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import ROOT

SOURCE = ROOT / "src" / "dlhw"
FILES = sorted(SOURCE.rglob("*.py"))
LEAVES = {"nets", "lowrank", "figures", "metrics", "audio"}


def module_name(file: Path) -> str:
    parts = file.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(file): file for file in FILES}


def imports(file: Path) -> set[str]:
    """Every module that a file imports anywhere, by its full name (`from a import b` gives a.b where that is one)."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative imports hide who is meant"
            assert node.module is not None
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in MODULES else node.module)
    return found


def own(file: Path) -> set[str]:
    return {name for name in imports(file) if name.split(".")[0] == "dlhw"}


def room(name: str) -> str:
    """The part of the house a module is in: dlhw.lowrank.svd -> lowrank."""
    return name.split(".")[1] if "." in name else ""


@pytest.mark.parametrize("leaf", sorted(LEAVES))
def test_the_leaves_import_nothing_above_them(leaf: str) -> None:
    for name, file in MODULES.items():
        if room(name) == leaf:
            allowed = {leaf} if leaf == "lowrank" else {leaf, "files", "errors", "precision"}
            assert {room(other) for other in own(file)} <= allowed, name


def test_lowrank_knows_torch_and_the_standard_library_only() -> None:
    known = {"torch", "dlhw"} | sys.stdlib_module_names
    for name, file in MODULES.items():
        if room(name) == "lowrank":
            assert {other.split(".")[0] for other in imports(file)} <= known, name


@pytest.mark.parametrize("name", ["eigenfaces", "restoration", "landscape", "initialisation", "anchors", "top_half"])
def test_a_library_of_one_file_is_usable_alone(name: str) -> None:
    """But for the networks, float64 where a device has it, and eigenfaces, which is such a library itself."""
    file = MODULES[f"dlhw.{name}"]
    assert {room(other) for other in own(file)} <= {"nets", "eigenfaces", "precision"}
    assert not {other.split(".")[0] for other in imports(file)} & {"pytorch_lightning", "hydra", "omegaconf"}


def test_precision_knows_torch_only() -> None:
    assert imports(MODULES["dlhw.precision"]) == {"torch"}


def test_figures_know_no_torch() -> None:
    """Arrays in, a matplotlib Figure out."""
    for name, file in MODULES.items():
        if room(name) == "figures":
            assert "torch" not in {other.split(".")[0] for other in imports(file)}, name


@pytest.mark.parametrize(
    ("lower", "upper"),
    [
        ("data", {"models", "callbacks", "report", "run", "baseline", "cli"}),
        ("models", {"callbacks", "report", "run", "baseline", "cli"}),
        ("callbacks", {"run", "baseline", "cli"}),
        ("report", {"run", "baseline", "cli", "models", "data", "callbacks"}),
        ("baseline", {"run", "cli"}),
        ("start", {"run", "baseline", "cli", "callbacks", "report", "models"}),
        ("run", {"cli"}),
    ],
)
def test_arrows_go_one_way(lower: str, upper: set[str]) -> None:
    for name, file in MODULES.items():
        if room(name) == lower:
            assert not {room(other) for other in own(file)} & upper, name


def test_there_is_no_circle() -> None:
    graph = {name: own(file) & MODULES.keys() - {name} for name, file in MODULES.items()}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join([*path, name])
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())
    assert done == graph.keys()


def test_what_answers_at_once_imports_nothing_heavy() -> None:
    modules = ", ".join(f"dlhw.{name}" for name in ("cli", "config", "denoise", "generate", "schema"))
    code = f"import sys, {modules}; print([m for m in ('torch', 'pandas', 'matplotlib') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_the_low_rank_library_is_usable_alone() -> None:
    code = (
        "import sys, dlhw.lowrank; "
        "print(sorted({m.split('.')[1] for m in sys.modules if m.startswith('dlhw.')}), 'hydra' in sys.modules, "
        "'pytorch_lightning' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "['lowrank'] False False"


def opens_text(call: ast.Call) -> bool:
    """Whether a call opens a file as text, and so asks the locale where no encoding is given."""
    owner, _, name = ast.unparse(call.func).rpartition(".")
    if name in ("open", "fdopen"):
        return (owner, name) not in (("os", "open"), ("Image", "open")) and not re.search("'[rwax]b", ast.unparse(call))
    return owner != "" and name in ("read_text", "write_text")


def test_every_text_file_is_opened_as_utf_8() -> None:
    """And not as the locale has it, which may know ASCII alone."""
    files = [*FILES, *ROOT.glob("*.py"), *(ROOT / "benchmarks").glob("*.py"), *(ROOT / "tests").glob("[!t]*.py")]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    opened = [ast.unparse(node) for node in nodes if isinstance(node, ast.Call) and opens_text(node)]
    assert len(opened) > 10
    assert [call for call in opened if "encoding='utf-8" not in call] == []
