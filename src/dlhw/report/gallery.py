"""Figures of a sweep's jobs, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from dlhw.report import text
from dlhw.report.aggregate import Sweep
from dlhw.report.chart import describe
from dlhw.report.jobs import Job
from dlhw.report.page import Picture, picture

MOST = 12  # jobs that are shown


@dataclass(frozen=True)
class Gallery:
    """The same figure of several jobs; `caption` is what all their captions say, empty where they differ."""

    title: str
    pictures: Sequence[Picture]
    caption: str
    note: str


def galleries(sweep: Sweep) -> list[Gallery]:
    """One for each of the sweep's `pictures` that any job recorded."""
    found = [_gallery(sweep, name) for name in sweep.pictures]
    return [gallery for gallery in found if gallery.pictures]


def _gallery(sweep: Sweep, name: str) -> Gallery:
    """The figure of at most 12 jobs: each configuration's first seed, then each one's second, and so on."""
    having = [[job for job in jobs if _recorded(job, name)] for _, jobs in sweep.configurations]
    turns = [job.name for turn in zip_longest(*having) for job in turn if job is not None]
    shown = [job for job in sweep.done if job.name in turns[:MOST]]
    pictures = [_picture(sweep, job, name) for job in shown]
    captions = {taken.caption for taken in pictures}
    note = f"{MOST} of {len(turns)} jobs are shown; {len(turns) - MOST} are left out." if len(turns) > MOST else ""
    title = text.capitalised(name.replace("_", " "))
    return Gallery(title, pictures, captions.pop() if len(captions) == 1 else "", note)


def _picture(sweep: Sweep, job: Job, name: str) -> Picture:
    config = {key: job.overrides.get(key) for key in sweep.swept} | {"seed": job.results.get("seed")}
    figure = _recorded(job, name)
    return picture(job.folder, figure["file"], describe(config), figure.get("caption", ""))


def _recorded(job: Job, name: str) -> dict[str, Any]:
    """The job's record of its figure; of an image and an animation of this name, the image's."""
    figures = {figure["file"]: figure for figure in job.results.get("figures", [])}
    return figures.get(f"figures/{name}.png") or figures.get(f"figures/{name}.gif") or {}
