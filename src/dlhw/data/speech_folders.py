"""Anyone's speech and noise: a folder of clean recordings and a folder of noises, split by file."""

from pathlib import Path

import torch

from dlhw.audio import SUFFIXES
from dlhw.audio.read import sound_files
from dlhw.data.speech_sources import UNKNOWN, Clip, SpeechPart, SpeechSources, read_clips
from dlhw.data.split import split_rows
from dlhw.errors import UserError


def read(clean: Path, noise: Path, val_share: float, test_share: float, split_seed: int) -> SpeechSources:
    """Sentences and noises of all WAV and FLAC files in the folders and their sub-folders.

    A sub-folder names the speaker, or the noise's type; elsewhere the speaker is not known, and each noise is of a type
    of its own. No file is in two parts.

    Raises:
        UserError: a folder has no sounds, too few for the parts, or one that cannot be used.
    """
    sentences, noises = clips(clean, "clean"), clips(noise, "noise")
    rows = {
        what: split_rows(torch.arange(len(found)), val_share, test_share, split_seed, f"{what} files")
        for what, found in (("clean", sentences), ("noise", noises))
    }
    parts = {
        name: SpeechPart([sentences[row] for row in rows["clean"][name]], [noises[row] for row in rows["noise"][name]])
        for name in rows["clean"]
    }
    return SpeechSources(f"{clean.resolve().name} in {noise.resolve().name}", parts)


def clips(folder: Path, what: str) -> list[Clip]:
    files = sound_files(folder)
    if not files:
        raise UserError(f"data.{what}={folder}: there are no sounds in it; must be files {', '.join(SUFFIXES)}")
    return read_clips(folder, files, [kind(folder, file, what) for file in files])


def kind(folder: Path, file: Path, what: str) -> str:
    if file.parent != folder:
        return file.parent.name
    return file.stem if what == "noise" else UNKNOWN
