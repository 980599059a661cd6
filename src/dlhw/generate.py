"""The command that draws samples from a trained GAN: arguments, what a run's folder must hold, one-line errors.

Imports neither torch nor Lightning: help and every error in the arguments answer in about a second.
"""

import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import PlainValidator, ValidationError
from yaml import YAMLError

from dlhw.cli import explained
from dlhw.config import quiet_threads
from dlhw.errors import UserError, near
from dlhw.schema import Strict

USAGE = """\
Draw samples from the generator of a trained GAN:

  python generate.py run=outputs/gan_conv/2026-... num_samples=64 seed=3

  run=FOLDER       the folder of a run of a GAN; its checkpoints/last.ckpt is used
  num_samples=64   1 to 100,000
  seed=0           of the noise: the same seed gives the same samples, and more of them begin with the same
  steps=9          2 to 20, of the interpolation from the first sample to the second
  output=null      the folder to write to; null: <run>/generated

It writes seed<seed>.npz (images and the noise they are made of), seed<seed>.png (a sheet of the first 100 samples) and
seed<seed>_interpolation.png (from the first sample to the second, spherical and linear)."""

GAN = "dlhw.models.gan.Gan"
OWN_NETWORK = re.compile(r"dlhw\.nets\.\w+\.\w+")


def whole_number(low: int, high: int) -> Any:
    def check(text: str) -> int:
        if not (text.isdecimal() and low <= int(text) <= high):
            raise ValueError(f"must be a whole number from {low:,} to {high:,}")
        return int(text)

    return PlainValidator(check)


class Settings(Strict):
    run: str
    num_samples: Annotated[int, whole_number(1, 100_000)] = 64
    seed: Annotated[int, whole_number(0, 2**32 - 1)] = 0
    steps: Annotated[int, whole_number(2, 20)] = 9
    output: str | None = None


def main(args: Sequence[str]) -> None:
    """Do what the command line says; turn every failure into one line on stderr and a non-zero exit code."""
    quiet_threads()
    if not args or {"-h", "--help"} & set(args):
        print(USAGE)
        return
    try:
        generate(parsed(args))
    except Exception as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        sys.exit(f"error: {explained(error)}")


def parsed(args: Sequence[str]) -> Settings:
    """The settings that `key=value` arguments give; a value of null stands for the default.

    Raises:
        UserError: an unknown or repeated key, a value out of its range, or no run.
    """
    given: dict[str, str] = {}
    for arg in args:
        key, equals, value = arg.partition("=")
        if not equals:
            raise UserError(f"'{arg}' is not key=value; write run=FOLDER num_samples=64 (--help tells the keys)")
        if key not in Settings.model_fields:
            raise UserError(f"unknown key '{key}'{near(key, Settings.model_fields)}")
        if key in given:
            raise UserError(f"{key}= is given twice; leave out {key}={given[key]} or {arg}")
        if not value:
            raise UserError(f"{arg} has no value; leave it out or write {key}=null for the default")
        given[key] = value
    chosen = {key: value for key, value in given.items() if value != "null"}
    if "run" not in chosen:
        raise UserError("run= is missing; give the folder of a run of a GAN, such as run=outputs/gan_conv/2026-...")
    try:
        return Settings.model_validate(chosen)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        allowed = detail["msg"].removeprefix("Value error, ")
        raise UserError(f"{detail['loc'][0]}={detail['input']}: {allowed}") from error


def generate(settings: Settings) -> None:
    """Draw the samples and print the files they are in.

    Raises:
        UserError: the folder is not that of a trained GAN of dlhw's own, or the output cannot be written.
    """
    run = Path(settings.run)
    config = gan_config(run)
    generator_section = own_generator(config, run / "config.yaml")
    checkpoint = run / "checkpoints" / "last.ckpt"
    if not checkpoint.is_file():
        raise UserError(
            f"run={run}: no checkpoints/last.ckpt there; go on with python train.py resume={run}, or give another run="
        )
    data_name = name_of_data(run, config)

    from dlhw import sampling  # torch is imported here, when the run is known to be one of a GAN

    generator = sampling.load_generator(generator_section, checkpoint)
    folder = run / "generated" if settings.output is None else Path(settings.output)
    try:
        folder.mkdir(parents=True, exist_ok=True)  # before the work, which may take a minute
        files = sampling.write_samples(
            generator,
            folder,
            num=settings.num_samples,
            seed=settings.seed,
            steps=settings.steps,
            source=f"{at(config, 'name')} (seed {at(config, 'seed')})",
            data_name=f"trained on {data_name}",
        )
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}; choose another folder with output=...") from error
    for file in files:
        print(file)


def gan_config(run: Path) -> dict[Any, Any]:
    """The config of a run of a GAN, as plain values with nothing resolved.

    Raises:
        UserError: there is none, it cannot be read, or it is another experiment's.
    """
    file = run / "config.yaml"
    if not file.is_file():
        raise UserError(f"run={run}: no config.yaml there; it must be the folder of a run")
    try:
        config = OmegaConf.to_container(OmegaConf.load(file))
    except (OSError, UnicodeDecodeError, YAMLError, OmegaConfBaseException) as error:
        raise UserError(f"{file} cannot be read; run the experiment again, or give another run=") from error
    if not isinstance(config, dict) or at(config, "model", "_target_") != GAN:
        raise UserError(
            f"run={run}: a run of {at(config, 'name') or 'something unknown'}, which is no GAN; train one first: "
            "python train.py experiment=gan_conv"
        )
    return config


def own_generator(config: dict[Any, Any], file: Path) -> dict[str, Any]:
    """The section that tells how the generator is built, known to name networks of dlhw's and nothing else.

    A run's folder may come from somebody else, and what a `_target_` names is called with arguments of his choice.
    """
    section = at(config, "model", "net", "generator")
    if not at(section, "_target_"):
        raise UserError(f"{file}: model.net.generator is missing; give the folder of an unchanged run of a GAN")
    refuse_foreign(section, file)
    return section


def refuse_foreign(node: Any, file: Path) -> None:
    if isinstance(node, dict):
        target = str(node.get("_target_"))
        if "_target_" in node and not OWN_NETWORK.fullmatch(target):  # not all of dlhw: dlhw.files.os.remove is there
            raise UserError(f"{file}: _target_={target} in model.net.generator is refused; must be one of dlhw.nets")
        for value in node.values():
            refuse_foreign(value, file)
    elif isinstance(node, list):
        for value in node:
            refuse_foreign(value, file)
    elif "${" in str(node):  # would become something else after it was looked at
        raise UserError(f"{file}: {node} in model.net.generator is refused; must be a plain value, as dlhw writes it")


def name_of_data(run: Path, config: dict[Any, Any]) -> str:
    """What the run says of the data it was trained on; what its config says where it did not finish."""
    file = run / "results.json"
    results = json.loads(file.read_text()) if file.is_file() else None
    return at(results, "dataset", "name") or str(at(config, "data", "dataset"))


def at(node: Any, *keys: str) -> Any:
    """What is found in nested dicts along these keys, or None."""
    for key in keys:
        node = node.get(key) if isinstance(node, dict) else None
    return node
