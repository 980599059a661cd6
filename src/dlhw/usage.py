"""What `python train.py` and `python train.py --help` print.

Hydra's own help composes a config and looks every group up in all that it may come from, which takes seconds; this
reads the names in conf/.
"""

import textwrap
from collections.abc import Sequence
from itertools import groupby

from dlhw.config import CONF, experiments
from dlhw.errors import UserError, near

HEAD = """\
python train.py experiment=NAME [GROUP=OPTION ...] [KEY=VALUE ...]

  python train.py experiment=svd_ste rank=20              one run
  python train.py -m experiment=svd_ste rank=10,20,50     a sweep: a run for every combination of values
  python train.py resume=outputs/svd_ste/DATE_TIME        go on with a run that was interrupted
"""
TAIL = """\
KEY is any that `python train.py experiment=NAME --cfg job` shows, as trainer.max_epochs=3 or model.net.dropout=0.1.

  -m, --multirun       a sweep
  --cfg job            show the config and stop
  --config-dir FOLDER  look for experiments and options in a folder of your own too
  --hydra-help         all flags
"""
WIDTH = 120
FLAGS = {  # Hydra's, with their short forms
    "--help": "-h", "--hydra-help": "", "--version": "", "--resolve": "", "--run": "-r", "--multirun": "-m",
    "--shell-completion": "-sc", "--info": "-i", "--cfg": "-c", "--package": "-p", "--config-path": "-cp",
    "--config-name": "-cn", "--config-dir": "-cd",
}  # fmt: skip
CFG = ("job", "hydra", "all")
VALUED = ("--info", "--cfg", "--package", "--config-path", "--config-name", "--config-dir")


def check_flags(args: Sequence[str]) -> None:
    """Refuse in one line what Hydra's parser would print its usage for, and a mixture of experiments.

    Raises:
        UserError: a flag is unknown, stands between settings, or `--cfg` is given something that it cannot show.
    """
    kinds, is_value = [], False
    for number, arg in enumerate(args):
        name = arg.partition("=")[0]
        flag = next((long for long, short in FLAGS.items() if name and name in (long, short)), None)
        if arg.startswith("-") and flag is None:
            raise UserError(
                f"unknown flag {name}{near(name, FLAGS)}; a setting has no dashes: {name.strip('-')}=..."
            )  # fmt: skip
        if flag == "--cfg" and "=" not in arg and (args[number + 1 : number + 2] or [""])[0] not in CFG:
            raise UserError(f"{arg} must be followed by one of {', '.join(CFG)}; job shows a run's settings")
        if name.lstrip("+") == "experiment" and "=[" in arg:
            raise UserError(f"{arg}: must be one experiment; several are a sweep: python train.py -m experiment=A,B")
        kinds.append("flag" if flag or is_value else "setting")
        is_value = flag in VALUED and "=" not in arg
    if [kind for kind, _ in groupby(kinds)].count("setting") > 1:
        raise UserError("flags between settings are not understood: write them before or behind all settings")


def listing() -> str:
    """The experiments with their questions, and how to begin."""
    return "\n".join(
        [
            "Choose an experiment:\n",
            *columns(experiments()),
            "\n  python train.py experiment=NAME              run it",
            "  python train.py experiment=NAME --cfg job    show its whole config",
            "  python train.py experiment=NAME data=digits  run it without files; faces: data=synthetic_faces",
        ]
    )


def usage() -> str:
    """The form of a command, the experiments, every group with its options, and the flags."""
    return "\n".join([HEAD, "NAME:\n", *columns(experiments()), "\nGROUP=OPTION:\n", *columns(groups()), "", TAIL])


def groups() -> dict[str, str]:
    """Every group of conf/ but the experiments, with the options that a command may name."""
    options = {
        folder.name: [file.stem for file in sorted(folder.glob("*.yaml")) if not file.stem.startswith("_")]
        for folder in sorted(CONF.iterdir())
        if folder.is_dir() and folder.name not in ("experiment", "hydra")
    }
    return {group: ", ".join(names) for group, names in options.items()}


def columns(rows: dict[str, str]) -> list[str]:
    """Names to the left, what belongs to them to the right, wrapped."""
    width = max((len(name) for name in rows), default=0)
    hanging = " " * (width + 4)
    return [
        textwrap.fill(text, WIDTH, initial_indent=f"  {name:<{width}}  ", subsequent_indent=hanging)
        for name, text in rows.items()
    ]
