"""Composing configs, and the names and folders that follow from them. Loads nothing heavy."""

import hashlib
import os
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, ListConfig, OmegaConf

from dlhw.command import override, train_command
from dlhw.errors import FolderTaken, UserError
from dlhw.files import refuse_links
from dlhw.process import helps

RUN_PARTS = ("config.yaml", "results.json", "metrics.csv", "checkpoints")  # a folder with any of them holds a run
LONGEST_NAME = 200  # file systems allow 255 bytes
PORTABLE = re.compile(r"([a-z0-9_+][a-z0-9_+=,.-]*)?(?<!\.)")
CONF = Path(__file__).resolve().parents[2] / "conf"


def experiment_names(overrides: Sequence[str]) -> str:
    """The experiments, or the search, that a list of overrides chooses, joined by '+'; 'none' where it chooses none."""
    for group in ("experiment", "hparams_search"):
        chosen = [value.partition("=")[2] for value in overrides if value.startswith(f"{group}=")]
        if chosen:
            return short_name(chosen[-1].replace(",", "+"))
    return "none"


def search_name(overrides: Sequence[str]) -> str:
    """A search by what determines its result, so that the same command finds the study that it began."""
    search = [value.partition("=")[2] for value in overrides if value.startswith("hparams_search=")]
    others = [value for value in overrides if not value.startswith(("hparams_search=", "paths.", "data.root="))]
    return short_name(",".join([*search[-1:], *others]))


def short_name(text: str) -> str:
    """A text, as the overrides of a job, as a folder's name; with a hash where not every file system would take it.

    Two texts have two names, also where capital letters are not told from small ones.
    """
    if len(text) <= LONGEST_NAME and PORTABLE.fullmatch(text):
        return text
    digest = hashlib.sha256(os.fsencode(text)).hexdigest()[:8]
    return re.sub(r"^\W+|[^a-zA-Z0-9=,.+-]", "_", text)[: LONGEST_NAME - 9] + f"-{digest}"


def new_folder(parent: Path) -> Path:
    """`parent/<date_time>`, with a number behind it where two runs start in the same second."""
    stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    for number in range(1, 1000):
        folder = parent / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            continue
        except OSError as error:
            raise UserError(
                f"cannot write to {parent}: {error.strerror}; choose another folder with paths.outputs=..."
            ) from error
    raise UserError(f"{parent} holds a thousand runs started in this second; choose another paths.outputs")


def quotient(dividend: float, divisor: float) -> float:
    """For settings in inverse proportion to another; 0 where that one is no number, which validation then refuses."""
    try:
        return float(dividend) / float(divisor)
    except (TypeError, ValueError, ZeroDivisionError):
        return 0.0


def repeat(value: object, times: object) -> ListConfig:
    """A list with `value` in it that many times; empty where that is no number, which validation then refuses."""
    return ListConfig([value] * times if isinstance(times, int) else [])


def equal(one: object, other: object) -> bool:
    return one == other


# The names that the configs use. Registered at import, since a launcher's worker process has nothing else that would
OmegaConf.register_new_resolver("equal", equal, replace=True)
OmegaConf.register_new_resolver("quotient", quotient, replace=True)
OmegaConf.register_new_resolver("repeat", repeat, replace=True)
OmegaConf.register_new_resolver("search_name", search_name, replace=True)
OmegaConf.register_new_resolver("short_name", short_name, replace=True)
OmegaConf.register_new_resolver("experiment_names", experiment_names, replace=True)


def refuse_taken(folder: Path, parts: Sequence[str] = RUN_PARTS) -> None:
    """Refuse a folder that holds a run, for another one: its config and results would no longer belong together.

    Args:
        parts: a folder with any of them is another one's.

    Raises:
        FolderTaken: it does.
    """
    taken = [name for name in parts if (folder / name).exists()]
    if taken and not helps():
        go_on = (
            f", or go on with that run: {train_command(override('resume', folder))}" if "config.yaml" in taken else ""
        )
        raise FolderTaken(f"{folder} holds the {taken[0]} of a run already; choose another folder{go_on}")


def checkpoint_to_resume(cfg: DictConfig, folder: Path) -> Path | None:
    """The checkpoint to go on from, or None for a run from the beginning.

    Raises:
        UserError: the run is finished, there is no such checkpoint, or a new run is to go into another one's folder.
    """
    if not cfg.resume:
        refuse_taken(folder)
    elif Path(cfg.resume).resolve() != folder.resolve():
        raise UserError(f"resume={cfg.resume}: a run goes on in its own folder, and not in {folder}")
    if cfg.resume:
        refuse_links(folder)
        if (folder / "results.json").exists():
            raise UserError(f"resume={folder}: this run is finished; its report is {folder / 'report.html'}")
        last = folder / "checkpoints" / "last.ckpt"
        return last if last.is_file() else None
    if cfg.ckpt_path is None:
        return None
    if cfg.ckpt_path != "last":
        if not Path(cfg.ckpt_path).is_file():
            raise UserError(f"there is no checkpoint {cfg.ckpt_path}; ckpt_path must be a file, last or null")
        return Path(cfg.ckpt_path)
    unfinished = [
        file
        for file in (Path(cfg.paths.outputs) / cfg.name).glob("*/checkpoints/last.ckpt")
        if not (file.parents[1] / "results.json").is_file()
    ]
    if not unfinished:
        raise UserError(
            f"ckpt_path=last: no unfinished run of {cfg.name} in {cfg.paths.outputs}; leave it out to start one"
        )
    return max(unfinished, key=lambda file: file.stat().st_mtime)


def compose_config(overrides: Sequence[str]) -> DictConfig:
    """The config that a command line with these overrides gives; works within and without a Hydra app."""
    if GlobalHydra.instance().is_initialized():
        return compose("config", overrides=list(overrides))
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", overrides=list(overrides))


def experiments() -> dict[str, str]:
    """Every shipped experiment with the question it answers (the first comment line of its file)."""
    listing = {}
    for file in sorted((CONF / "experiment").glob("*.yaml")):
        comments = [line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
        question = next((line for line in comments if "@package" not in line), "#")
        if not file.stem.startswith("_"):
            listing[file.stem] = question.lstrip("# ")
    return listing


def quiet_threads() -> None:
    """Let idle OpenMP threads sleep after a thousand turns of waiting.

    By default they spin on, which slows every other process down several times. To sleep at once
    (OMP_WAIT_POLICY=passive) is kinder still, but makes small operations up to ten times slower on a quiet machine.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
