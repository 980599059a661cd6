"""The arguments of the commands beside train.py: key=value, checked, refused in one line.

Imports neither torch nor Lightning.
"""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic import PlainValidator, ValidationError

from dlhw.config import quiet_threads
from dlhw.errors import UserError, allowed, in_short, near
from dlhw.explain import explained
from dlhw.process import INTERRUPTED, printing
from dlhw.schema import Strict

Settings = TypeVar("Settings", bound=Strict)


def main(args: Sequence[str], usage: str, act: Callable[[], None]) -> None:
    """Print the usage where it is asked for, else act; turn every failure into one line on stderr and exit code 1."""
    with printing():
        quiet_threads()
        if not args or {"-h", "--help"} & set(args):
            print(usage)
        else:
            act_in_one_line(act)


def act_in_one_line(act: Callable[[], None]) -> None:
    try:
        act()
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except Exception as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        sys.exit(f"error: {explained(error)}")


def parsed(args: Sequence[str], settings: type[Settings], required: dict[str, str]) -> Settings:
    """The settings that `key=value` arguments give; a value of null stands for the default.

    Args:
        required: the keys that must be given, and what to give.

    Raises:
        UserError: an unknown or repeated key, a value out of its range, or a required one is missing.
    """
    given: dict[str, str] = {}
    for arg in args:
        key, equals, value = arg.partition("=")
        if not equals:
            first = next(iter(required))
            raise UserError(f"'{in_short(arg)}' is not key=value; write {first}=... and so on (--help tells the keys)")
        if key not in settings.model_fields:
            raise UserError(f"unknown key '{in_short(key)}'{near(key, settings.model_fields)}")
        if key in given:
            raise UserError(f"{key}= is given twice; leave out {key}={given[key]} or {arg}")
        if not value:
            raise UserError(f"{arg} has no value; leave it out or write {key}=null for the default")
        given[key] = value
    chosen = {key: value for key, value in given.items() if value != "null"}
    for key, what in required.items():
        if key not in chosen:
            raise UserError(f"{key}= is missing; give {what}")
    try:
        return settings.model_validate(chosen)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        raise UserError(f"{detail['loc'][0]}={in_short(detail['input'])}: {allowed(detail['msg'])}") from error


def whole_number(low: int, high: int) -> Any:
    def check(text: str) -> int:
        if not (text.isdecimal() and low <= int(text) <= high):
            raise ValueError(f"must be a whole number from {low:,} to {high:,}")
        return int(text)

    return PlainValidator(check)
