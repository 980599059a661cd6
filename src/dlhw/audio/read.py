"""Sound files as samples: any rate and number of channels in, 16 kHz mono out; what cannot be used is named."""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor
from torchaudio.functional import resample

from dlhw.audio import SUFFIXES
from dlhw.audio.resample import steps
from dlhw.audio.stft import LEAST_SAMPLES, SAMPLE_RATE
from dlhw.errors import UserError

log = logging.getLogger(__name__)

FULL_SCALE = 0.98  # of a clipped file's flat tops, at least
LOUDEST = 2.0**31  # magnitude of a sample: that of 32 bits which were not scaled to 1; squares of more overflow
MOST = 2**28  # numbers in a file, all channels together: 1 GiB
MOST_AT_ONCE = 2**22  # of them read at once
RUN = 3  # successive samples of the same extreme value that make a flat top


def read(file: Path) -> Tensor:
    """The samples (samples,) of a sound file, float32 at 16 kHz: the mean of its channels, resampled where needed.

    A clipped file is read, and a warning logged.

    Raises:
        UserError: the file is not there or no sound, is empty, silent, shorter than a frame or longer than `MOST`, has
            NaN, infinity, or an absurd magnitude or rate.
    """
    try:
        if not file.is_file():  # of a pipe there is no end
            raise FileNotFoundError(file)
        with soundfile.SoundFile(file) as opened:
            rate, channels = opened.samplerate, all_samples(opened)
    except (soundfile.SoundFileError, OSError) as error:
        reason = "there is no such file" if not file.exists() else "it is no sound file, or damaged"
        raise UserError(f"{file} cannot be read: {reason}; must be WAV or FLAC") from error
    except ValueError as error:
        raise UserError(f"{file} {error}") from error
    check(file, channels)
    if is_clipped(channels):
        log.warning("%s is clipped: its loudest samples are cut flat; it is used as it is", file)
    samples = torch.from_numpy(channels.mean(1))
    try:
        samples = resample(samples, *steps(rate, SAMPLE_RATE))
    except ValueError as error:
        raise UserError(f"{file} is {error}") from error
    if len(samples) < LEAST_SAMPLES:
        raise UserError(
            f"{file} is too short: {len(samples)} samples at 16 kHz; must be at least {LEAST_SAMPLES} (32 ms)"
        )
    return samples


def read_blocks(file: soundfile.SoundFile, num_frames: int) -> Iterator[np.ndarray]:
    """The samples (frames, channels) of an open file as float32, in blocks of at most `num_frames` and `MOST_AT_ONCE`
    numbers: however many frames its header claims, it takes no more memory than that.
    """
    num_frames = max(1, min(num_frames, MOST_AT_ONCE // file.channels))
    while len(block := file.read(num_frames, dtype="float32", always_2d=True)):
        yield block


def all_samples(file: soundfile.SoundFile) -> np.ndarray:
    """(frames, channels). Raises ValueError where there are more than `MOST` numbers."""
    found = [np.empty((0, file.channels), "float32")]
    for block in read_blocks(file, MOST_AT_ONCE):
        found.append(block)
        if file.tell() * file.channels > MOST:
            raise ValueError(f"holds more than {MOST:,} samples; cut it into shorter files")
    return np.concatenate(found)


def read_all(files: Sequence[Path]) -> list[Tensor]:
    """As `read`, of several files at once."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(read, files))


def check(file: Path, channels: np.ndarray) -> None:
    if channels.size == 0:
        raise UserError(f"{file} is empty; leave it out, or record it again")
    if not usable(channels):
        raise UserError(f"{file} holds NaN, infinite or absurdly large samples; leave it out, or write it again")
    if np.ptp(channels.mean(1)) == 0:
        raise UserError(f"{file} is silent; leave it out, or record it again")


def usable(channels: np.ndarray) -> bool:
    """Whether samples, at least one, are all numbers that can be computed with."""
    return bool(channels.min() >= -LOUDEST and channels.max() <= LOUDEST)  # false of NaN


def is_clipped(channels: np.ndarray) -> bool:
    """Whether any of the channels (samples, channels) stays at its highest or lowest value for three samples or more.

    A peak below 0.98 of full scale is taken for a signal's own.
    """
    for extreme in (channels.max(0), channels.min(0)):
        flat = (channels == extreme) & (np.abs(extreme) >= FULL_SCALE)
        if len(flat) >= RUN and (flat[:-2] & flat[1:-1] & flat[2:]).any():
            return True
    return False


def sound_files(folder: Path) -> list[Path]:
    """The WAV and FLAC files in a folder and its sub-folders, but for hidden ones, sorted by name."""
    found = [file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file()]
    return sorted(file for file in found if not any(part.startswith(".") for part in file.relative_to(folder).parts))
