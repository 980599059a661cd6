"""Any error as one line: what is wrong, what is allowed, and what to do.

Imports neither torch nor Lightning.
"""

import sys
import traceback
from pathlib import Path
from typing import Any

from hydra.errors import HydraException, MissingConfigException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dlhw import config
from dlhw.errors import NEEDS_OPTUNA, UserError, near


def explained(error: BaseException | None) -> str:
    """An error as one line; what no user could have caused names its type and place too."""
    assert error is not None
    if isinstance(error, UserError | HydraException | OmegaConfBaseException):
        return one_line(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    return f"{type(error).__name__}: {one_line(error)} ({where}; full traceback with HYDRA_FULL_ERROR=1)"


def one_line(error: BaseException) -> str:
    """An error as one line: what is wrong, what is allowed."""
    if (reason := user_error_behind(error)) is not None:
        return str(reason)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        if (group, name) == ("hydra/sweeper", "optuna"):
            return f"this search {NEEDS_OPTUNA}"
        known = [option for option in error.options or [] if not option.startswith("_")]
        return f"unknown {group or 'config'} '{name}'{near(name, known)}"
    text = str(error)
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException) and getattr(cause, "full_key", None) is not None:
        key = cause.full_key
        if any(arg.startswith("experiment=") and "," in arg for arg in sys.argv):
            # Hydra composes once without what is swept, and so without what the experiments bring
            return f"unknown key '{key}' as long as no experiment is chosen; in a sweep over experiments write ++{key}="
        return f"unknown key '{key}'{near(str(key), known_keys())}"
    return " ".join(line.strip() for line in text.splitlines() if line.strip()) or type(error).__name__


def user_error_behind(error: BaseException) -> UserError | None:
    """The UserError that was raised while OmegaConf resolved a value, and that it wrapped."""
    behind: BaseException | None = error
    while behind is not None and not isinstance(behind, UserError):
        behind = behind.__cause__ or behind.__context__
    return behind


def known_keys() -> list[str]:
    """Every key of the config that the command line's choices of groups alone give."""
    groups = {path.name for path in config.CONF.iterdir() if path.is_dir()}
    choices = [arg for arg in sys.argv[1:] if arg.partition("=")[0] in groups and "," not in arg]
    try:
        cfg = config.compose_config(choices)
    except (HydraException, OmegaConfBaseException):
        return []
    return list(flat_keys(OmegaConf.to_container(cfg)))


def flat_keys(node: Any, prefix: str = "") -> list[str]:
    if not isinstance(node, dict):
        return [prefix]
    children = [flat_keys(value, f"{prefix}.{key}" if prefix else str(key)) for key, value in node.items()]
    return ([prefix] if prefix else []) + [key for child in children for key in child]
