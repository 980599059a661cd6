"""Command lines that can be pasted: quoted for the shell, and for Hydra, whose values have a grammar of their own."""

import re
import shlex
from pathlib import Path

PLAIN = re.compile(r"[\w./-]*/[\w./-]*", re.ASCII)  # the slash: neither a number nor null


def train_command(*overrides: str) -> str:
    """`python train.py ...` as bash and zsh read it; each override is one that Hydra reads."""
    return shlex.join(["python", "train.py", *overrides])


def override(key: str, path: Path | str) -> str:
    """`key=path` as Hydra reads it, in quotes where the path has what means something to Hydra, as = and , do."""
    text = str(path)
    return f"{key}={text if PLAIN.fullmatch(text) else quoted(text)}"


def quoted(text: str) -> str:
    """A text in quotes, of which neither Hydra's grammar nor OmegaConf's interpolation makes anything else."""
    plain = re.sub(r"(\\*)\$\{", lambda match: 2 * match[1] + r"\${", text)
    # there a backslash escapes nothing but a quote that follows it
    escaped = re.sub(r'(\\*)("|\Z)', lambda match: 2 * match[1] + (match[2] and '\\"'), plain)
    return f'"{escaped}"'
