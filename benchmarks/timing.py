"""Timing things side by side, so that a drift of the machine's speed falls on all of them alike; and telling it."""

import statistics
import time
from collections.abc import Callable

TOLD: list[dict[str, str]] = []  # what was measured, in the order of its telling


def interleaved(candidates: dict[str, Callable[[], object]], rounds: int, warmup: int = 2) -> dict[str, float]:
    """Median seconds of each candidate, called in turn `rounds` times after `warmup` uncounted rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for number in range(warmup + rounds):
        for name, call in candidates.items():
            start = time.perf_counter()
            call()
            if number >= warmup:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def heading(about: str) -> None:
    """What the lines that follow are about."""
    print(about, flush=True)
    TOLD.append({"heading": about})


def line(what: str, value: str, asked: str = "") -> None:
    print(f"  {what:<62} {value:>16}   {asked and f'asked: {asked}'}", flush=True)
    TOLD.append({"what": what, "measured": value, "asked": asked})
