"""The command that denoises files: its arguments, and which file becomes which.

Imports neither torch nor Lightning: help and every error in the arguments answer in about a second.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from dlhw import arguments
from dlhw.audio import SUFFIXES
from dlhw.errors import UserError, printable
from dlhw.run_folder import checkpoint_of, config_of, own_network
from dlhw.schema import Strict, one_of

USAGE = """\
Take the noise out of recordings of speech with a trained estimator of masks:

  python denoise.py run=outputs/ibm_denoiser/2026-... input=noisy.wav output=clean.wav

  run=FOLDER   the folder of a run of ibm_denoiser, irm_denoiser or fc_denoiser
  input=PATH   a WAV or FLAC file, or a folder of them; any rate, any length, any number of channels
  output=PATH  the file, or for a folder the folder, to write; null: <input>_denoised beside it; nothing is overwritten
  mask=soft    hard: each bin of the spectrum is kept or silenced

Each file keeps its rate, length and channels. Above 8 kHz, which the networks do not know, nothing is left."""

# what the run must be of, and an experiment that is
KIND = ("dlhw.models.mask_estimator.MaskEstimator", "an estimator of masks", "ibm_denoiser")
REQUIRED = {
    "run": "the folder of a run of ibm_denoiser, such as run=outputs/ibm_denoiser/2026-...",
    "input": "a WAV or FLAC file, or a folder of them",
}


class Settings(Strict):
    run: str
    input: str
    output: str | None = None
    mask: Annotated[str, one_of("soft", "hard")] = "soft"


def main(args: Sequence[str]) -> None:
    """Do what the command line says."""
    arguments.main(args, USAGE, lambda: denoise(arguments.parsed(args, Settings, REQUIRED)))


def denoise(settings: Settings) -> None:
    """Denoise the files and print how fast each went.

    Raises:
        UserError: the run is no estimator's, there is nothing to denoise, a target is there already, or files could not
            be denoised; those that could are written then.
    """
    run = Path(settings.run)
    config = config_of(run, *KIND)
    section = own_network(config, run / "config.yaml", "model", "net")
    checkpoint = checkpoint_of(run, chosen=True)
    files = pairs(Path(settings.input), None if settings.output is None else Path(settings.output))

    from dlhw import recordings  # torch is imported here, when there is something to do

    net = recordings.load_denoiser(section, checkpoint)
    failures = []
    for source, target in files:
        try:
            done = recordings.denoise_file(net, source, target, hard=settings.mask == "hard")
        except UserError as error:
            failures.append(str(error))
            continue
        speed = f"{done.seconds:.1f} s, {done.seconds / done.took:.0f} times faster than real time"
        print(f"{printable(str(target))}: {speed}")  # the files may be anybody's
    if failures:
        raise UserError("; ".join(failures))


def pairs(source: Path, target: Path | None) -> list[tuple[Path, Path]]:
    """Which file is written from which.

    Raises:
        UserError: the input is not there or holds no sound, or an output has a wrong ending or is there already.
    """
    if source.is_dir():
        folder = target or source.with_name(f"{source.name}_denoised")
        found = sorted(path for path in source.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
        if not found:
            raise UserError(f"input={source}: no WAV or FLAC file in that folder")
        files = [(path, folder / path.name) for path in found]
    elif source.is_file():
        files = [(source, target or source.with_name(f"{source.stem}_denoised{source.suffix}"))]
    else:
        raise UserError(f"input={source} does not exist; give a WAV or FLAC file, or a folder of them")
    for _, path in files:
        if path.suffix.lower() not in SUFFIXES:
            raise UserError(f"output={path}: WAV and FLAC are written; give an output= that ends in .wav or .flac")
        if path.exists():
            raise UserError(f"output={path} is there already; delete it or choose another output=")
    return files
