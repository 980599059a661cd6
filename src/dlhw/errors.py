"""Errors that a user is meant to read: one line with what is wrong, what is allowed, and what to do."""

import difflib
from collections.abc import Iterable

NEEDS_OPTUNA = "needs Optuna: pip install -e .[sweep]; a plain grid (hparams_search=fashion_mlp_grid) does without"


class UserError(Exception):
    """Something the user can mend; shown as one line without a traceback."""


class SweepFailed(UserError):
    """Some jobs of a multirun failed; the others' results stand."""


class JobFailed(BaseException):
    """Carries a job's error past Hydra, which would print its own lines about an Exception."""


def near(name: str, known: Iterable[str]) -> str:
    """The known names nearest to a mistyped one, as the tail of an error line ('' where there are none)."""
    known = sorted(known)
    matches = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if matches:
        return f"; did you mean {' or '.join(matches)}?"
    return f"; known: {', '.join(known)}" if known else ""
