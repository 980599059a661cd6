"""dlhw: classic deep-learning experiments, reproduced, measured and extended.

Importing the package is free: nothing heavy is loaded before it is used.
"""

__version__ = "0.1.0"
