"""Rewrites the report of a run or of a sweep: `python -m dlhw.report FOLDER`."""

import argparse
import sys
from pathlib import Path

from dlhw.report import run_report, sweep_report


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m dlhw.report", description=__doc__)
    parser.add_argument("folder", type=Path, help="a run's folder (it holds results.json) or a sweep's")
    folder: Path = parser.parse_args(arguments).folder
    try:
        if (folder / "results.json").exists() or (folder / "failure.json").exists():
            print(run_report(folder))
        else:
            print(sweep_report(folder).paths["report"])
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
