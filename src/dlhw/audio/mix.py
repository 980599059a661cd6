"""Mixing speech with noise at a signal-to-noise ratio: cuts of a noise, and their level where it is active.

A noise is taken for periodic, so that a cut of any length goes round it. Its period is a whole number of blocks of 512
samples, the hop of `dlhw.audio.stft`, and cuts begin at blocks: then the spectra of a cut are a cut of the spectra.

Recordings of single events (a bark, a sneeze) are padded with silence, which says nothing of how loud they are. The
level of a noise is therefore its mean square over its active blocks alone, those less than 40 dB below the loudest.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from dlhw.audio.stft import HOP

ACTIVE_RANGE = 40.0  # dB below a noise's loudest block


def power(samples: Tensor) -> Tensor:
    """Mean square of (..., samples)."""
    return samples.double().square().mean(-1)


def gain(speech_power: Tensor, noise_power: Tensor, snr: Tensor | float) -> Tensor:
    """What noise is multiplied by for a ratio of the powers of `snr` dB."""
    return torch.as_tensor(speech_power / noise_power * 10 ** (-torch.as_tensor(snr).double() / 10)).sqrt()


def whole_blocks(noise: Tensor) -> Tensor:
    """One period of a noise: as many whole blocks as it has."""
    return noise[: len(noise) // HOP * HOP]


def cut(noise: Tensor, block: int, num_samples: int) -> Tensor:
    """`num_samples` of a noise, from a block on and round it as often as needed."""
    period = whole_blocks(noise)
    places = block * HOP + torch.arange(num_samples, device=noise.device)
    return period[places % len(period)]


class ActiveBlocks:
    """Where several noises are active, and how loud there; of all of them at once, for many cuts at a time.

    Args:
        noises: each (samples,), of at least one block.
    """

    def __init__(self, noises: Sequence[Tensor]) -> None:
        energies = [power(whole_blocks(noise).view(-1, HOP)).cpu() for noise in noises]
        active = [energy > energy.max() * 10 ** (-ACTIVE_RANGE / 10) for energy in energies]
        self.num_blocks = torch.tensor([len(energy) for energy in energies])
        self.num_active = torch.tensor([int(flags.sum()) for flags in active])
        self._places = torch.cat([flags.nonzero()[:, 0] for flags in active])
        self._first_place = self.num_active.cumsum(0) - self.num_active
        # sums over the first 0, 1, ... blocks of each noise, one noise after another
        self._counts = torch.cat([running_sum(flags.double()) for flags in active])
        self._sums = torch.cat([running_sum(energy * flags) for energy, flags in zip(energies, active, strict=True)])
        self._first_sum = (self.num_blocks + 1).cumsum(0) - (self.num_blocks + 1)

    def draw(self, noises: Tensor, num_blocks: Tensor, generator: torch.Generator) -> Tensor:
        """First blocks (cuts,) of cuts of `num_blocks` blocks of the noises with these numbers.

        Drawn so that a cut holds at least one active block: one of those at random, at a random place of the cut.
        """
        which, where = torch.rand(2, len(noises), generator=generator, dtype=torch.float64)
        active = self._places[self._first_place[noises] + (which * self.num_active[noises]).long()]
        return (active - (where * num_blocks).long()) % self.num_blocks[noises]

    def power(self, noises: Tensor, first: Tensor, num_blocks: Tensor) -> Tensor:
        """Mean square (cuts,) of the active blocks of cuts; NaN where a cut has none."""
        return self._around(self._sums, noises, first, num_blocks) / self._around(
            self._counts, noises, first, num_blocks
        )

    def _around(self, sums: Tensor, noises: Tensor, first: Tensor, num_blocks: Tensor) -> Tensor:
        """The sum over blocks `first` to `first + num_blocks - 1`, going round."""
        start, period = self._first_sum[noises], self.num_blocks[noises]
        end = first + num_blocks
        return end // period * sums[start + period] + sums[start + end % period] - sums[start + first]


def running_sum(values: Tensor) -> Tensor:
    """Sums of the first 0, 1, ... all values: (num + 1,)."""
    return torch.cat([values.new_zeros(1), values.cumsum(0)])
