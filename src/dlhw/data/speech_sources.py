"""What readers of speech and noise return, whatever folder it came from."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor
from torchaudio.functional import resample

from dlhw.audio.read import read_all, sound_files
from dlhw.audio.resample import steps
from dlhw.audio.stft import SAMPLE_RATE
from dlhw.data.idx import sha256

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Clip:
    """A sentence or a noise: (samples,) at 16 kHz, and whose or what it is."""

    name: str
    kind: str  # of a sentence its speaker, of a noise its type
    samples: Tensor


@dataclass(frozen=True)
class SpeechPart:
    """What the mixtures of one part are made of.

    Attributes:
        pairs: the sentence and the noise of each mixture where these are given, as (mixtures, 2) numbers; such a noise
            is as long as its sentence and has its level already.
    """

    sentences: list[Clip]
    noises: list[Clip]
    pairs: Tensor | None = None


@dataclass(frozen=True)
class SpeechSources:
    """The parts train, test and mostly val of some data, its name, and mixtures whose speech nobody gave."""

    title: str
    parts: dict[str, SpeechPart]
    unlabelled: list[tuple[str, Tensor]] = field(default_factory=list)


def at_speed(clip: Clip, speed: float) -> Clip:
    """The clip played so many times as fast, its pitch that much higher: another voice (Ko et al., 2015, "Audio
    augmentation for speech recognition").
    """
    if speed == 1:
        return clip
    played = resample(clip.samples, *steps(round(speed * SAMPLE_RATE), SAMPLE_RATE))
    return Clip(f"{clip.name} at speed {speed:g}", clip.kind, played)


def read_clips(folder: Path, files: Sequence[Path], kinds: Sequence[str]) -> list[Clip]:
    """The files' sounds, each named by where it is in the folder, without its ending.

    Raises:
        UserError: a file cannot be used.
    """
    names = [file.relative_to(folder).with_suffix("").as_posix() for file in files]
    return [Clip(*clip) for clip in zip(names, kinds, read_all(files), strict=True)]


def fingerprint(folder: Path) -> str:
    """A hash of the stored sounds, their names, and the manifest: the same data in another place has the same one."""
    stored = [*sound_files(folder), *folder.glob("manifest.csv")]
    contents = [(file.relative_to(folder).as_posix(), sha256(file)) for file in stored]
    return hashlib.sha256(repr(contents).encode()).hexdigest()
