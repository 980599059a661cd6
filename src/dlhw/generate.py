"""The command that draws samples from a trained GAN: its arguments, and what a run's folder must hold.

Imports neither torch nor Lightning: help and every error in the arguments answer in about a second.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from dlhw import arguments
from dlhw.arguments import whole_number
from dlhw.errors import UserError
from dlhw.run_folder import at, checkpoint_of, config_of, name_of_data, own_network
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

KIND = ("dlhw.models.gan.Gan", "a GAN", "gan_conv")  # what the run must be of, and an experiment that is
REQUIRED = {"run": "the folder of a run of a GAN, such as run=outputs/gan_conv/2026-..."}


class Settings(Strict):
    run: str
    num_samples: Annotated[int, whole_number(1, 100_000)] = 64
    seed: Annotated[int, whole_number(0, 2**32 - 1)] = 0
    steps: Annotated[int, whole_number(2, 20)] = 9
    output: str | None = None


def main(args: Sequence[str]) -> None:
    """Do what the command line says."""
    arguments.main(args, USAGE, lambda: generate(arguments.parsed(args, Settings, REQUIRED)))


def generate(settings: Settings) -> None:
    """Draw the samples and print the files they are in.

    Raises:
        UserError: the folder is not that of a trained GAN of dlhw's own, or the output cannot be written.
    """
    run = Path(settings.run)
    config = config_of(run, *KIND)
    section = own_network(config, run / "config.yaml", "model", "net", "generator")
    checkpoint = checkpoint_of(run)
    data_name = name_of_data(run, config)

    from dlhw import sampling  # torch is imported here, when the run is known to be one of a GAN

    generator = sampling.load_generator(section, checkpoint)
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
