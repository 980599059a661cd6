"""Where in an outputs folder what is kept, told by the files there and the folders' names alone."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

RUN, SWEEP, BASELINE = "run", "sweep", "baseline"
RUN_MARKS = ("results.json", "failure.json", "config.yaml", "overrides.yaml", ".hydra")
SWEEP_MARKS = ("sweep.json", "multirun.yaml", "study.db")
LEVELS = 20  # of folders that are looked through
STAMP = re.compile(r"(\d{4}-\d\d-\d\d)_(\d\d)-(\d\d)-\d\d")


def below(folder: Path, wanted: Callable[[Path], bool], links: bool = True, levels: int = LEVELS) -> Iterator[Path]:
    """The wanted folders below `folder`, but for those inside of others; hidden ones and circles are passed by, and
    what nobody may read. Links are followed where `links`, and no others beyond them.
    """
    if levels == 0:
        return
    here = folder.resolve()
    for child in children(folder):
        linked = child.is_symlink()
        if child.name.startswith(".") or (linked and not links) or child.resolve() in (here, *here.parents):
            continue
        if wanted(child):
            yield child
        else:
            yield from below(child, wanted, links and not linked, levels - 1)


def children(folder: Path) -> list[Path]:
    """The folders in a folder."""
    try:
        return sorted(child for child in folder.iterdir() if child.is_dir())
    except OSError:
        return []


def is_run(folder: Path) -> bool:
    """Whether a run was started there, as a job of a sweep or for itself."""
    return any((folder / mark).exists() for mark in RUN_MARKS)


def is_sweep(folder: Path) -> bool:
    """Whether a sweep or a search was started there."""
    return folder.parent.name == "multirun" or any((folder / mark).exists() for mark in SWEEP_MARKS)


def kind_of(folder: Path) -> str:
    """What a folder is that is a run's or a sweep's."""
    return SWEEP if is_sweep(folder) else BASELINE if folder.parent.name == "baselines" else RUN


def experiments_by_name(folder: Path) -> list[str]:
    """The experiments that a folder of this place should be of; its records know better, where it has any."""
    if folder.parent.name == "multirun":  # <experiments>/multirun/<date_time>
        return folder.parents[1].name.split("+")
    if kind_of(folder) == BASELINE:  # <experiment>-<data>-seed<seed>-<hash>
        return [folder.name.partition("-")[0]]
    return [folder.name if is_sweep(folder) else folder.parent.name]


def date_by_name(folder: Path) -> str:
    """`2026-11-26 06:46`, as the folder's name has it; empty where it has none."""
    stamp = STAMP.match(folder.name)
    return f"{stamp[1]} {stamp[2]}:{stamp[3]}" if stamp else ""
