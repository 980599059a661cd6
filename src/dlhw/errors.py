"""Errors that a user is meant to read: one line with what is wrong, what is allowed, and what to do."""

import difflib
from collections.abc import Iterable

WORDS = {  # pydantic's, and plainer ones
    "Value error, ": "",
    "Input should": "must",
    "List should": "must",
    "String should": "must",
    " after validation": "",
    "a valid integer": "a whole number",
    "a valid boolean": "true or false",
    "a valid list": "a list, such as [1,2]",
    "a valid array": "a list, such as [1,2]",
    "a valid tuple": "a list, such as [1,2]",
    "a valid ": "a ",
    "Field required": "is missing",
}
LONGEST_LISTING = 200  # letters; more names than that nobody reads in an error

# What is not installed with the rest, by the plugin's name in Hydra's groups: its package, and the extra that has it
PLUGINS = {
    "hydra/launcher/submitit_local": ("submitit", "cluster"),
    "hydra/launcher/submitit_slurm": ("submitit", "cluster"),
    "hydra/launcher/ray": ("Ray", "ray"),
    "hydra/launcher/ray_aws": ("Ray", "ray"),
}


def needs(package: str, extra: str) -> str:
    """What to do where an optional package is missing, as the tail of an error line."""
    return f"needs {package}: pip install -e '.[{extra}]' (in the repository's folder)"


NEEDS_OPTUNA = f"{needs('Optuna', 'sweep')}; a plain grid (hparams_search=fashion_mlp_grid) does without"


class UserError(Exception):
    """Something the user can mend; shown as one line without a traceback."""


class FolderTaken(UserError):
    """A new run was to go into the folder of another one, which is left as it is."""


class SweepFailed(UserError):
    """Some jobs of a multirun failed; the others' results stand."""


class JobFailed(BaseException):
    """Carries a job's error past Hydra, which would print its own lines about an Exception."""


def near(name: str, known: Iterable[str], lister: str = "") -> str:
    """The known names nearest to a mistyped one, as the tail of an error line ('' where there are none).

    Args:
        lister: what shows the names, where none is near and they are too many to be listed.
    """
    known = sorted(known)
    if matches := difflib.get_close_matches(name, known, n=3, cutoff=0.5):
        return f"; did you mean {' or '.join(matches)}?"
    listing = ", ".join(known)
    if known and len(listing) <= LONGEST_LISTING:
        return f"; known: {listing}"
    return f"; {lister} tells what there is" if lister else ""


def printable(text: str) -> str:
    """A text without what would steer the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def in_short(value: object, longest: int = 80) -> str:
    """A value as it is written on a command line, its middle left out where it is long."""
    words = {None: "null", True: "true", False: "false"}
    text = words[value] if value is None or isinstance(value, bool) else " ".join(str(value).split())
    return text if len(text) <= longest else f"{text[: longest // 2]}...{text[-longest // 4 :]}"


def allowed(message: str) -> str:
    """What pydantic says is allowed, in these errors' words."""
    if "valid dictionary" in message or "an object" in message:
        return "must be a section of keys, as `--cfg job` shows it"
    for pydantics, plain in WORDS.items():
        message = message.replace(pydantics, plain)
    return message.partition(", unable")[0]
