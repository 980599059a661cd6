"""Any error as one line: what is wrong, what is allowed, and what to do.

Imports neither torch nor Lightning.
"""

import glob
import re
import shlex
import sys
import traceback
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, InstantiationException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from dlhw import config
from dlhw.command import quoted
from dlhw.errors import NEEDS_OPTUNA, PLUGINS, UserError, in_short, near, needs, printable

ALL_KEYS = "`python train.py experiment=NAME --cfg job`"
ALL_OPTIONS = "`python train.py --help`"


def explained(error: BaseException | None) -> str:
    """An error as one line; what no user could have caused names its type and place too."""
    assert error is not None
    line = printable(one_line(error))
    if isinstance(error, UserError | HydraException | OmegaConfBaseException) or no_option(error):
        return line
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    return f"{type(error).__name__}: {line} ({where}; full traceback with HYDRA_FULL_ERROR=1)"


def one_line(error: BaseException) -> str:
    """An error as one line: what is wrong, what is allowed."""
    if (reason := user_error_behind(error)) is not None:
        return str(reason)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return unknown_option(error)
    if isinstance(error, OverrideParseException):
        return unreadable(error.override, str(error))
    if isinstance(error.__cause__, ConfigKeyError | ConfigAttributeError) and error.__cause__.full_key is not None:
        return unknown_key(str(error.__cause__.full_key))
    if "does not support sweep type" in str(error) or "Unexpected type annotation: Set" in str(error):
        return "a sweep takes values, as key=1,2,3 or key=range(1,4); an interval is a search's (hydra/sweeper=optuna)"
    if isinstance(error, OmegaConfBaseException):
        # Hydra resolves the command line for the folder's name first, and blames that
        given = next((arg for arg in sys.argv[1:] if "${" in arg), error.full_key)
        return f"{given}: {str(error).splitlines()[0]}" if given else joined(str(error))
    if isinstance(error, InstantiationException) and error.__cause__ is not None:
        place = re.search(r"^full_key: (.+)$", str(error), re.MULTILINE)
        said = joined(
            str(error.__cause__).partition("Exception raised from")[0]
        )  # torch goes on with a traceback of C++
        return f"{place[1]}: {said}" if place else joined(str(error))
    text = str(error)
    if several := re.match(r"Ambiguous value for argument '(.+)'\n|Sweep parameters '(.+)' requires", text):
        key, _, values = (several[1] or several[2]).partition("=")
        return f"{key}={values}: several values are a sweep, which -m begins: python train.py -m ... {key}={values}" + (
            f"; one value that is a list is written {key}=[{values}]" if several[1] else ""
        )
    if absent := re.match(r"Could not delete from config. '(.+)' does not exist", text):
        return unknown_key(absent[1])
    if error.__cause__ is not None and text.startswith("Error merging override "):
        return f"{text.removeprefix('Error merging override ')}: {str(error.__cause__).splitlines()[0]}"
    return no_option(error) or joined(text) or type(error).__name__


def joined(text: str) -> str:
    return " ".join(line.strip() for line in text.splitlines() if line.strip())


def user_error_behind(error: BaseException) -> UserError | None:
    """The UserError that was raised while OmegaConf resolved a value, and that it wrapped."""
    behind: BaseException | None = error
    while behind is not None and not isinstance(behind, UserError):
        behind = behind.__cause__ or behind.__context__
    return behind


def unknown_option(error: MissingConfigException) -> str:
    group, _, name = str(error.missing_cfg_file).rpartition("/")
    if (group, name) == ("hydra/sweeper", "optuna"):
        return f"this search {NEEDS_OPTUNA}"
    if error.missing_cfg_file in PLUGINS:
        return f"{group}={name} {needs(*PLUGINS[error.missing_cfg_file])}"
    known = [option for option in error.options or [] if not option.startswith("_")]
    lister = "`python train.py`" if group == "experiment" else ALL_OPTIONS
    return f"unknown {group or 'config'} '{in_short(name)}'{near(name, known, lister)}"


def no_option(error: BaseException) -> str | None:
    """What to say where a group was given no name at all; Hydra raises a plain ValueError."""
    if not (isinstance(error, ValueError) and str(error).startswith("Config group override must be a string")):
        return None
    for arg in sys.argv[1:]:
        group, _, name = arg.lstrip("+").partition("=")
        options = sorted(file.stem for file in (config.CONF / group).glob("[!_]*.yaml")) if group else []
        if options and name not in options:
            return f"{group}={in_short(name)}: must be the name of an option{near(name, options, ALL_OPTIONS)}"
    return "a group is given no option: must be group=option, as in data=digits"


def unreadable(override: str, reason: str) -> str:
    """What Hydra's grammar does not take, and how it would."""
    key, equals, value = override.partition("=")
    if not equals:
        groups = [file.parent.relative_to(config.CONF) for file in config.CONF.rglob(f"{glob.escape(key)}.yaml")]
        meant = (
            f"did you mean {groups[0]}={key}?" if groups else f"write {key or 'key'}=..., without spaces around the ="
        )
        return f"'{in_short(override)}' is not key=value; {meant}"
    for better in rewritten(value):
        if is_readable(f"{key}={better}"):
            return f"{in_short(override)} cannot be read; write {shlex.quote(f'{key}={better}')}"
    reason = reason.partition("See https://hydra.cc")[0].removeprefix(f"Error parsing override '{override}'")
    remedy = "close brackets and quotes, quote what is no plain word"
    return f"{in_short(override)} cannot be read; {remedy} ({joined(reason)})"


def rewritten(value: str) -> Iterator[str]:
    """What may have been meant by a value: less of commas and of quotes at its ends, a list of quoted words, a word."""
    if value.startswith("~/"):
        yield quoted(str(Path.home() / value[2:]))
    yield re.sub(r"\s*,[\s,]*", ",", value).strip(" ,'\"")
    if inner := re.fullmatch(r"[\[(](.*)[\])]", value):
        items = [item.strip() for item in re.split(r",(?![^\[({]*[\])}])", inner[1]) if item.strip()]
        yield "[" + ",".join(item if is_readable(f"x={item}") else quoted(item.strip("'\"")) for item in items) + "]"
    elif not re.search(r"\$\{|^\w*[\[({]", value):
        yield quoted(value.strip("'\""))


def is_readable(override: str) -> bool:
    try:
        OverridesParser.create().parse_overrides([override])
    except HydraException:
        return False
    return True


def unknown_key(key: str) -> str:
    if any(arg.startswith("experiment=") and "," in arg for arg in sys.argv):
        # Hydra composes once without what is swept, and so without what the experiments bring
        return f"unknown key '{key}' as long as no experiment is chosen; in a sweep over experiments write ++{key}="
    known = known_keys()
    section, _, name = key.rpartition(".")
    beside = [other.rpartition(".")[2] for other in known if section and other.rpartition(".")[0] == section]
    if nearest := nearest_keys(key, known):
        meant = f"; did you mean {' or '.join(nearest)}?"
    else:
        meant = near(name, beside, ALL_KEYS).replace("known", f"{section} has")
    return f"unknown key '{in_short(key)}'{meant or f'; {ALL_KEYS} shows all keys'}"


def nearest_keys(key: str, known: list[str]) -> list[str]:
    """At most three known keys of the same name further inside, or else of a near one beside it, or else anywhere."""
    section, _, name = key.rpartition(".")
    inside = [other for other in known if other.startswith(f"{section}.") or not section]
    if same := [other for other in inside if other.rpartition(".")[2] == name]:
        return sorted(same, key=len)[:3]
    beside = {other.rpartition(".")[2]: other for other in inside if other.rpartition(".")[0] == section}
    anywhere = {} if section else {other.rpartition(".")[2]: other for other in inside}
    for names in (beside, anywhere):
        if matches := get_close_matches(name, names, n=3, cutoff=0.7):
            return [names[match] for match in matches]
    return []


def known_keys() -> list[str]:
    """Every key of the config that the command line's choices of groups alone give, and every group."""
    groups = [str(path.relative_to(config.CONF)) for path in config.CONF.rglob("*") if path.is_dir()]
    choices = [arg for arg in sys.argv[1:] if arg.partition("=")[0] in groups and "," not in arg]
    try:
        cfg = config.compose_config(choices)
    except (HydraException, OmegaConfBaseException):
        return groups
    return sorted({*flat_keys(OmegaConf.to_container(cfg)), *groups})


def flat_keys(node: Any, prefix: str = "") -> list[str]:
    if not isinstance(node, dict):
        return [prefix]
    children = [flat_keys(value, f"{prefix}.{key}" if prefix else str(key)) for key, value in node.items()]
    return ([prefix] if prefix else []) + [key for child in children for key in child]
