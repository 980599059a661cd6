"""A trained mask estimator at work on files: any rate, any number of channels, any length, in bounded memory."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile
import torch
from hydra.utils import instantiate
from torch import Tensor

from dlhw.audio.read import read_blocks, usable
from dlhw.audio.stft import SAMPLE_RATE
from dlhw.audio.stream import resampled, signals, spectra
from dlhw.checkpoints import load_to_use
from dlhw.errors import UserError
from dlhw.files import replacing
from dlhw.masking import rounded
from dlhw.nets.mask_rnn import MaskNet

BLOCK = 30  # seconds that are read at once
CONTEXT = 500  # frames (16 s) on either side that a network which reads backwards too is shown beside those it judges
PLAIN = ("PCM_", "FLOAT", "DOUBLE")  # samples as files of both kinds can hold them
CHUNK = 1000  # frames that it judges at once, at least


@dataclass(frozen=True)
class Done:
    seconds: float  # of sound
    took: float  # seconds


def load_denoiser(section: dict[str, Any], checkpoint: Path) -> MaskNet:
    """The network of a run, in evaluation mode.

    Args:
        section: the config that it is built from, `model.net`.

    Raises:
        UserError: the checkpoint is damaged or of another architecture, or its weights are not finite.
    """
    return load_to_use(checkpoint, instantiate(section), "network")  # type: ignore[return-value]


def denoise_file(net: MaskNet, source: Path, target: Path, hard: bool = False) -> Done:
    """Write the file without its noise, at its own rate, length and channels, entirely or not at all.

    One mask, estimated from the mean of the channels, is laid on all of them, so that they stay where they were heard.
    The network knows 16 kHz: at higher rates what lies above 8 kHz is taken away.

    Raises:
        UserError: the file cannot be read, is too short or holds what is no number, or the target cannot be written.
    """
    started = time.perf_counter()
    try:
        with opened(source) as file:
            read = Counter(blocks_of(file))
            low = Counter(resampled(read, file.samplerate, SAMPLE_RATE))
            masked = mask_frames(net, spectra(low), hard)
            high = resampled(signals(masked, lambda: low.count), SAMPLE_RATE, file.samplerate)
            write(target, cut(high, lambda: read.count), file.samplerate, file.channels, file.subtype)
            return Done(read.count / file.samplerate, time.perf_counter() - started)
    except ValueError as error:
        raise UserError(f"{source}: {error}") from error


class Counter:
    """Blocks as they pass, and how many samples they were."""

    def __init__(self, blocks: Iterable[Tensor]) -> None:
        self.blocks, self.count = blocks, 0

    def __iter__(self) -> Iterator[Tensor]:
        for block in self.blocks:
            self.count += len(block)
            yield block


def opened(source: Path) -> soundfile.SoundFile:
    try:
        return soundfile.SoundFile(source)
    except soundfile.LibsndfileError as error:
        raise unreadable(error) from error


def unreadable(error: soundfile.LibsndfileError) -> ValueError:
    return ValueError(f"not readable as sound ({error.error_string.rstrip('.')}); give WAV or FLAC")


def blocks_of(file: soundfile.SoundFile) -> Iterator[Tensor]:
    """All samples of an open file, some seconds at a time.

    Raises:
        ValueError: the file is damaged further on, or holds what is no number.
    """
    try:
        for block in read_blocks(file, BLOCK * file.samplerate):
            if not usable(block):
                raise ValueError("it holds samples that are no numbers (NaN or infinite), or absurdly large")
            yield torch.from_numpy(block)
    except soundfile.LibsndfileError as error:
        raise unreadable(error) from error


def mask_frames(net: MaskNet, chunks: Iterable[Tensor], hard: bool) -> Iterator[Tensor]:
    """Spectra (channels, frames, bins) through the network's mask, some frames at a time."""
    for frames, mask in masks_of(net, chunks):
        yield frames * (rounded(mask) if hard else mask)


def masks_of(net: MaskNet, chunks: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """Frames and their masks (frames, bins), which are those of the whole sound for a causal network."""
    if net.causal:
        state = None
        for frames in chunks:
            logits, state = net(frames.mean(0, keepdim=True).abs(), state=state)
            yield frames, logits[0].sigmoid()
        return
    held: Tensor | None = None
    judged = 0  # frames of `held` that were given out and only serve as context
    for frames in chunks:
        held = frames if held is None else torch.cat([held, frames], dim=1)
        ready = held.shape[1] - CONTEXT
        if ready - judged >= CHUNK:
            yield held[:, judged:ready], mask_of(net, held)[judged:ready]
            begin = max(0, ready - CONTEXT)
            held, judged = held[:, begin:], ready - begin
    if held is not None:
        yield held[:, judged:], mask_of(net, held)[judged:]


def mask_of(net: MaskNet, frames: Tensor) -> Tensor:
    logits, _ = net(frames.mean(0, keepdim=True).abs())
    return logits[0].sigmoid()


def cut(blocks: Iterable[Tensor], num_samples: Callable[[], int]) -> Iterator[Tensor]:
    """The blocks without what resampling there and back has added at the end."""
    done = 0
    for block in blocks:
        kept = block[: num_samples() - done] if done + len(block) > num_samples() else block
        done += len(kept)
        yield kept


def write(target: Path, parts: Iterable[Tensor], rate: int, channels: int, subtype: str) -> None:
    """One file of parts (samples, channels), by the name's ending WAV or FLAC; beyond full scale it is clipped.

    Plain samples stay as they were (`subtype`); what was compressed (MP3, say) becomes 16 bits.
    """
    kind = target.suffix.lower().removeprefix(".").upper()
    if not subtype.startswith(PLAIN) or subtype not in soundfile.available_subtypes(kind):
        subtype = soundfile.default_subtype(kind)
    try:
        with replacing(target) as temporary:
            temporary.touch()  # fails with the reason, as soundfile does not
            with new_file(temporary, rate, channels, subtype, kind) as file:
                for part in parts:
                    file.write(part.clamp(-1, 1).numpy())
    except (OSError, soundfile.LibsndfileError, AssertionError) as error:  # soundfile asserts that all was written
        reason = getattr(error, "strerror", None) or "not all of it was taken: is the disk full?"
        raise UserError(f"{target} cannot be written ({reason}); choose another output=, or make room") from error


def new_file(path: Path, rate: int, channels: int, subtype: str, kind: str) -> soundfile.SoundFile:
    """Raises ValueError where no file of this kind can be like that."""
    try:
        return soundfile.SoundFile(path, "w", rate, channels, subtype, format=kind)
    except soundfile.LibsndfileError as error:
        reason = error.error_string.rstrip(".")
        raise ValueError(
            f"{kind} cannot hold it, {rate:,} Hz x {channels} ({reason}); give an output= that ends in .wav"
        ) from error
