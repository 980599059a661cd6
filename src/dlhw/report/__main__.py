"""Rewrites the report of a run or of a sweep: `python -m dlhw.report FOLDER`."""

import argparse
import sys
from pathlib import Path

from dlhw.errors import UserError, printable
from dlhw.files import refuse_links
from dlhw.process import printing
from dlhw.report import run_report, sweep_report


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m dlhw.report", description=__doc__)
    parser.add_argument("folder", type=Path, help="a run's folder (it holds results.json) or a sweep's")
    folder: Path = parser.parse_args(arguments).folder
    try:
        refuse_links(folder)
        if (folder / "results.json").exists() or (folder / "failure.json").exists():
            print(run_report(folder))
        else:
            print(sweep_report(folder).paths["report"])
    except Exception as error:  # a record may be damaged in any way
        told = str(folder) in str(error) and isinstance(error, OSError | ValueError | UserError)
        reason = str(error) if told else f"{folder}: {type(error).__name__}: {error}"
        print(f"error: {printable(reason)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    with printing():
        sys.exit(main())
