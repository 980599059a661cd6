"""What a trained generator makes: samples of seeded noise, and the way from one sample to another."""

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate
from torch import Tensor, nn

from dlhw.callbacks.samples import to_bytes
from dlhw.checkpoints import load_to_use
from dlhw.figures import image_grid, image_sheet, save_figure
from dlhw.files import write_atomically

CHUNK = 500  # samples that are made at once, no fewer where fewer are wanted
MOST_SHOWN = 100


def load_generator(section: dict[str, Any], checkpoint: Path) -> nn.Module:
    """The generator that a run of a GAN draws samples from, in evaluation mode: the average of those it went through
    where the checkpoint has one, else the last.

    Args:
        section: the config that it is built from, `model.net.generator`.

    Raises:
        UserError: the checkpoint is damaged or of another architecture, or its weights are not finite.
    """
    return load_to_use(checkpoint, instantiate(section), "generator", prefixes=("average.", "net.generator."))


def seeded_noise(num: int, latent: int, seed: int) -> Tensor:
    """Standard normal noise (num or more, latent), in whole chunks: more of it begins with the same rows.

    One draw of another size would not: torch.randn fills tensors of different sizes in different orders.
    """
    stream = torch.Generator().manual_seed(seed)
    return torch.cat([torch.randn(CHUNK, latent, generator=stream) for _ in range(math.ceil(num / CHUNK))])


def images_of(generator: nn.Module, noise: Tensor) -> Tensor:
    """Bytes (num, height, width) of noise (num, latent)."""
    return torch.cat([to_bytes(generator(chunk)) for chunk in noise.split(CHUNK)])


def slerp(a: Tensor, b: Tensor, shares: Tensor) -> Tensor:
    """Spherical linear interpolation (steps, latent) from vector a (share 0) to vector b (share 1), both (latent,).

    At share t of the angle w between them: sin((1 - t) w) / sin(w) a + sin(t w) / sin(w) b. Vectors on one line span no
    arc and are interpolated linearly.

    For Gaussian noise: the norms of its vectors all lie near sqrt(latent), and a generator has learnt what to make of
    such vectors. Two of them are nearly orthogonal; halfway on the straight line the norm is less by a factor of
    sqrt(2), which is hardly ever drawn, halfway on the arc it is as it was.

    Shoemake (1985), "Animating rotation with quaternion curves"; for generators White (2016), "Sampling generative
    networks".
    """
    one, other, t = a.double(), b.double(), shares.double()[:, None]  # a small angle would be lost in single precision
    angle = (one @ other / (one.norm() * other.norm())).clamp(-1, 1).arccos()  # NaN where one of them is zero
    if not angle.sin() >= 1e-6:
        return torch.lerp(one, other, t).to(a.dtype)
    return ((((1 - t) * angle).sin() * one + (t * angle).sin() * other) / angle.sin()).to(a.dtype)


def write_samples(
    generator: nn.Module, folder: Path, *, num: int, seed: int, steps: int, source: str, data_name: str
) -> list[Path]:
    """Write samples as arrays and as a sheet, and two interpolations from the first to the second; return the files.

    Each is written whole or not at all: `seed<seed>.npz` with images (num, height, width) as bytes and the noise
    (num, latent) they are made of, `seed<seed>.png` with the first 100, `seed<seed>_interpolation.png`.

    Args:
        source: what the generator is, for the titles.

    Raises:
        OSError: a file cannot be written.
    """
    noise = seeded_noise(num, generator.latent, seed)  # type: ignore[arg-type]
    images = images_of(generator, noise)[:num]  # in whole chunks: a batch's size changes the last bits of its images
    shown = f"{num} samples" if num <= MOST_SHOWN else f"first {MOST_SHOWN} of {num:,} samples"
    sheet = image_sheet(
        images[:MOST_SHOWN].numpy() / 255, title=f"{source}: {shown}, noise seed {seed}", data_name=data_name
    )
    shares = torch.linspace(0, 1, steps)
    ways = torch.stack([slerp(noise[0], noise[1], shares), torch.lerp(noise[0], noise[1], shares[:, None])])
    between = images_of(generator, ways.flatten(0, 1)).unflatten(0, (2, steps))
    grid = image_grid(
        between.numpy() / 255,
        ["spherical", "linear"],
        title=f"{source}: from sample 1 to sample 2, noise seed {seed}",
        data_name=data_name,
        column_labels=[f"{share:.3g} %" for share in (100 * shares).tolist()],
    )
    return [
        write_atomically(folder / f"seed{seed}.npz", compressed(images=images.numpy(), noise=noise[:num].numpy())),
        save_figure(sheet, folder / f"seed{seed}.png"),
        save_figure(grid, folder / f"seed{seed}_interpolation.png"),
    ]


def compressed(**arrays: np.ndarray) -> bytes:
    """The content of an npz file that holds these arrays."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
