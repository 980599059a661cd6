"""Runs train.py where the `sweep` extra is not installed: Hydra finds no Optuna plugin."""

import pkgutil
import runpy
import sys

find_all = pkgutil.walk_packages
pkgutil.walk_packages = lambda *args, **options: (
    found for found in find_all(*args, **options) if "optuna" not in found.name
)
sys.argv[0] = "train.py"
runpy.run_path("train.py", run_name="__main__")
