"""How long a user waits: for help, for the config, for an error, and for the first training step."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from timing import heading, interleaved, line

ROOT = Path(__file__).resolve().parents[1]
SMALL = ["experiment=svd_ste", "rank=20", "data=digits"]
HELP, CONFIG, ERROR = AT_ONCE = ("python train.py --help", "the whole config (--cfg job)", "a mistyped experiment")
IMPORTS = "the imports of torch and Lightning alone"
FIRST_STEP = "the first training step of svd_ste, its baseline cached"
KILL = "+callbacks.kill._target_=tests.kill.KillAtStep"  # ends the process after the step that it is told


def main() -> None:
    heading("Start-up: seconds from Enter on")
    with tempfile.TemporaryDirectory() as outputs:
        kept = f"paths.outputs={outputs}"
        call("train.py", *SMALL, kept, "trainer.max_epochs=1")  # trains and keeps the baseline
        seconds = interleaved(
            {
                HELP: lambda: call("train.py", "--help"),
                CONFIG: lambda: call("train.py", *SMALL, "--cfg", "job"),
                ERROR: lambda: call("train.py", "experiment=svd_stee", expect=1),
                IMPORTS: lambda: call("-c", "import torch, pytorch_lightning"),
                FIRST_STEP: lambda: call("train.py", *SMALL, kept, KILL, expect=-9),
            },
            rounds=5,
            warmup=1,
        )
    for what, value in seconds.items():
        line(what, f"{value:.2f} s", "about 1 s" if what in AT_ONCE else "")
    line("... that in imports of torch and Lightning", f"{seconds[FIRST_STEP] / seconds[IMPORTS]:.1f}")


def call(*args: str, expect: int = 0) -> None:
    variables = {**os.environ, "KILL_AT_STEP": "1", "DLHW_TRUST_TARGETS": "tests.kill", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, *args], cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    if done.returncode != expect:
        raise RuntimeError(f"{' '.join(args)}: {done.stderr}")


if __name__ == "__main__":
    main()
