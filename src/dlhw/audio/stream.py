"""Sound of any length in bounded memory: what a whole signal would give, block by block.

Blocks are tensors (samples, channels), all of one signal in its order; spectra are (channels, frames, bins).
"""

import math
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor
from torchaudio.functional import resample

from dlhw.audio.resample import steps
from dlhw.audio.stft import HOP, LEAST_SAMPLES, WINDOW, istft, window

WIDTH = 24  # zero crossings of the resampling filter on either side


def resampled(blocks: Iterable[Tensor], old_rate: int, new_rate: int) -> Iterator[Tensor]:
    """The signal at another rate: ceil(samples * new / old) samples of it, beyond its ends taken for silent.

    By a sinc filter under a Hann window (Smith, "Digital audio resampling"), each block with as much of its neighbours
    as the filter reaches.

    Raises:
        ValueError: a rate that `steps` refuses.
    """
    step, new_step = steps(old_rate, new_rate)
    if step == new_step:
        yield from blocks
        return
    reach = step * math.ceil((2 + WIDTH * step / (0.99 * min(step, new_step))) / step)
    num_in = num_out = 0
    pending: Tensor | None = None

    def converted(signal: Tensor) -> Tensor:
        whole = resample(signal.T, step, new_step, lowpass_filter_width=WIDTH).T
        core = (len(signal) - 2 * reach) // step * new_step
        return whole[reach // step * new_step :][:core]

    for block in blocks:
        num_in += len(block)
        pending = torch.cat([block.new_zeros(reach, block.shape[1]) if pending is None else pending, block])
        core = (len(pending) - 2 * reach) // step * step
        if core > 0:
            made = converted(pending[: core + 2 * reach])
            num_out += len(made)
            yield made
            pending = pending[core:]
    if pending is not None:
        rest = torch.cat([pending, pending.new_zeros(reach + step, pending.shape[1])])
        usable = (len(rest) - 2 * reach) // step * step + 2 * reach
        yield converted(rest[:usable])[: math.ceil(num_in * new_step / step) - num_out]


def spectra(blocks: Iterable[Tensor]) -> Iterator[Tensor]:
    """What `stft` gives of the whole signal, some frames at a time.

    Raises:
        ValueError: the signal has fewer than 513 samples.
    """
    half = WINDOW // 2
    pending: Tensor | None = None
    for block in at_least(blocks, LEAST_SAMPLES):
        mirrored = block[1 : half + 1].flip(0)  # before the first sample
        pending = torch.cat([mirrored, block] if pending is None else [pending, block])
        # two windows stay behind, so that what is mirrored at the end is always at hand
        num = (len(pending) - 3 * WINDOW) // HOP
        if num > 0:
            yield frames_of(pending[: (num - 1) * HOP + WINDOW])
            pending = pending[num * HOP :]
    if pending is None:
        raise ValueError(f"fewer than {LEAST_SAMPLES} samples: too short for a frame of {WINDOW}")
    pending = torch.cat([pending, pending.new_zeros(-len(pending) % HOP, pending.shape[1])])
    yield frames_of(torch.cat([pending, pending[-half - 1 : -1].flip(0)]))


def frames_of(padded: Tensor) -> Tensor:
    """(channels, frames, bins) of samples (samples, channels) whose first frame begins with the first."""
    made = torch.stft(padded.T, WINDOW, HOP, WINDOW, window(padded), center=False, return_complex=True)
    return made.transpose(1, 2)


def signals(frames: Iterable[Tensor], num_samples: Callable[[], int]) -> Iterator[Tensor]:
    """What `istft` gives of all frames, block by block.

    Args:
        num_samples: of the whole signal; asked for when the frames have ended.
    """
    last: Tensor | None = None
    made: Tensor | None = None
    done = 0
    for chunk in frames:
        if last is not None:
            chunk = torch.cat([last, chunk], dim=1)
        last = chunk[:, -1:]
        if chunk.shape[1] > 1:
            if made is not None:
                done += len(made)
                yield made
            made = istft(chunk, (chunk.shape[1] - 1) * HOP).T
    if made is not None:  # the frames go on up to a hop beyond the signal's end
        yield made[: num_samples() - done]


def at_least(blocks: Iterable[Tensor], num_samples: int) -> Iterator[Tensor]:
    """The same signal in blocks of no fewer samples than these but for the last; nothing where all of it is shorter."""
    pending: Tensor | None = None
    given = False
    for block in blocks:
        pending = block if pending is None else torch.cat([pending, block])
        if len(pending) >= num_samples:
            yield pending
            pending, given = None, True
    if pending is not None and given:
        yield pending
