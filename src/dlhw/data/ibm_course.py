"""The assignment's own data: `tr/trx0000.wav`, the sum of `tr/trs0000.wav` and `tr/trn0000.wav`, and so on.

Ten mixtures in a row are of the same sentence. `v` holds vx, vs and vn likewise, `te` the mixtures tex alone.
"""

from pathlib import Path

import soundfile
import torch

from dlhw.audio.read import read_all
from dlhw.data.speech_sources import UNKNOWN, Clip, SpeechPart, SpeechSources
from dlhw.errors import UserError

LAYOUT = "must be the assignment's folder, with tr/trx0000.wav, trs0000.wav, trn0000.wav, ... and v/vx0000.wav, ..."


def read(folder: Path) -> SpeechSources:
    """Training mixtures from `tr`, unlabelled ones from `te`; of the sentences in `v` every other one is to validate
    on, those between to test on, since the speech of `te` is not given.

    Raises:
        UserError: files are missing, cannot be used, or those that belong together are not equally long.
    """
    validation = read_part(folder, "v")
    if len(validation.sentences) < 2:
        raise UserError(f"data.path={folder}: v has one sentence; must be two or more, to validate and to test on")
    parts = {"train": read_part(folder, "tr"), "val": every_other(validation, 0), "test": every_other(validation, 1)}
    files = sorted((folder / "te").glob("tex*.wav"))
    unlabelled = list(zip([file.stem for file in files], read_all(files), strict=True))
    return SpeechSources(f"{folder.resolve().name} (the assignment's speech)", parts, unlabelled)


def read_part(folder: Path, part: str) -> SpeechPart:
    """The sentences of a part, each once however often it is stored, its noises, and which mixture has which."""
    numbers = numbers_of(folder, part)
    mixed, speech, noise = ([folder / part / f"{part}{kind}{number}.wav" for number in numbers] for kind in "xsn")
    for files in zip(mixed, speech, noise, strict=True):
        check_lengths(folder, files)
    sentences: dict[bytes, int] = {}
    pairs: list[list[int]] = []
    clips: list[Clip] = []
    for number, (file, samples) in enumerate(zip(speech, read_all(speech), strict=True)):
        content = samples.numpy().tobytes()
        if content not in sentences:
            sentences[content] = len(clips)
            clips.append(Clip(file.stem, UNKNOWN, samples))
        pairs.append([sentences[content], number])
    noises = [Clip(file.stem, UNKNOWN, samples) for file, samples in zip(noise, read_all(noise), strict=True)]
    return SpeechPart(clips, noises, torch.tensor(pairs))


def numbers_of(folder: Path, part: str) -> list[str]:
    """The numbers in the names of a part's mixtures, each of which has a speech and a noise file."""
    found = {
        kind: {file.stem.removeprefix(part + kind) for file in (folder / part).glob(f"{part}{kind}*.wav")}
        for kind in "xsn"
    }
    numbers = sorted(set().union(*found.values()))
    if not numbers:
        raise UserError(f"data.path={folder}: there is no {part}/{part}x0000.wav; {LAYOUT}")
    missing = [f"{part}/{part}{kind}{number}.wav" for number in numbers for kind in "xsn" if number not in found[kind]]
    if missing:
        raise UserError(f"data.path={folder}: {len(missing)} files are missing: {', '.join(missing)}")
    return numbers


def check_lengths(folder: Path, files: tuple[Path, ...]) -> None:
    try:
        lengths = [soundfile.info(file).frames for file in files]
    except soundfile.SoundFileError:
        return  # reading it tells which and why
    if len(set(lengths)) > 1:
        found = ", ".join(f"{file.name} has {length:,}" for file, length in zip(files, lengths, strict=True))
        raise UserError(
            f"data.path={folder}: {found} samples; a mixture, its speech and its noise must be equally long"
        )


def every_other(part: SpeechPart, first: int) -> SpeechPart:
    """Every other sentence of a part, from the first or second on, with its mixtures."""
    assert part.pairs is not None
    chosen = part.pairs[part.pairs[:, 0] % 2 == first]
    pairs = torch.stack([chosen[:, 0] // 2, torch.arange(len(chosen))], 1)
    return SpeechPart(part.sentences[first::2], [part.noises[number] for number in chosen[:, 1].tolist()], pairs)
