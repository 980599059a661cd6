"""Runs train.py in an interpreter that cannot import torch: what still answers has not needed it."""

import runpy
import sys

sys.modules["torch"] = None
sys.argv[0] = "train.py"
runpy.run_path("train.py", run_name="__main__")
