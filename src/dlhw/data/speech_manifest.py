"""Speech and noise that a manifest lists: a folder with `manifest.csv`, whose columns are path, kind and so on.

Its rows name sound files by their `path` in the folder, say of what `kind` they are (clean or noise), in which `split`
(train, valid or test), and by whom or of what type (`speaker_or_type`).
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from dlhw.audio.mix import whole_blocks
from dlhw.audio.stft import HOP, LEAST_SAMPLES
from dlhw.data.speech_sources import Clip, SpeechPart, SpeechSources, read_clips
from dlhw.errors import UserError

Row = dict[str, str]

COLUMNS = ("path", "kind", "split", "speaker_or_type")
SPLITS = {"train": "train", "valid": "val", "test": "test"}
KINDS = ("clean", "noise")

# The assignment's: 120 sentences, 10 of each of 12 speakers, each mixed with 10 noises
NUM_TRAINING, NUM_HELD_OUT = 8, 2  # sentences of a speaker to train on; at most so many to validate, and to test
NUM_NOISES = 10
NOISE_SHARES = (0.6, 0.2, 0.2)  # of a recording, from its beginning: to train, to validate, to test


def read(folder: Path) -> SpeechSources:
    """The manifest's own parts.

    Raises:
        UserError: there is no manifest, it lacks a column or a part, or its files are missing or cannot be used.
    """
    rows = read_rows(folder)
    parts = {
        name: SpeechPart(clips(folder, rows, "clean", split), clips(folder, rows, "noise", split))
        for split, name in SPLITS.items()
    }
    return SpeechSources(f"{corpus(folder, rows)} in recorded noise", parts)


def matched(folder: Path) -> SpeechSources:
    """The assignment's condition: all parts have the same speakers and noises, but other sentences and other cuts.

    Speakers are all who have ten sentences or more, noises the ten longest recordings, whatever part the manifest has
    them in. Of a speaker's sentences, in the order of the manifest, eight are to train on; the next ones in turn to
    validate and to test, at most two each: the assignment has ten to train on and keeps its test speech to itself, and
    most of these speakers have ten in all. Of a noise the first 60 % are to train on, then 20 % to validate and 20 % to
    test.

    Raises:
        UserError: as `read`, or there are too few speakers or noises for it.
    """
    rows = read_rows(folder)
    speech = clips(folder, often(rows), "clean")
    noises = sorted(clips(folder, rows, "noise"), key=lambda clip: -len(clip.samples))[:NUM_NOISES]
    if not speech or len(noises) < NUM_NOISES:
        raise UserError(
            f"{folder / 'manifest.csv'}: the matched condition takes speakers with {NUM_TRAINING + 2} sentences each "
            f"and {NUM_NOISES} noises; use data=speech, which takes any"
        )
    sentences = in_turn(speech)
    cuts = [in_a_row(noise) for noise in noises]
    parts = {
        name: SpeechPart(sentences[name], [cut[number] for cut in cuts])
        for number, name in enumerate(("train", "val", "test"))
    }
    return SpeechSources(f"{corpus(folder, rows)} in recorded noise, known speakers and noises", parts)


def read_rows(folder: Path) -> list[Row]:
    file = folder / "manifest.csv"
    if not file.is_file():
        raise UserError(f"there is no {file}; must be a folder with manifest.csv")
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            names, rows = reader.fieldnames or (), list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{file} cannot be read: it is no table of text; must be CSV in UTF-8") from error
    lacking = [column for column in COLUMNS if column not in names]
    if lacking:
        raise UserError(f"{file} has no column {', '.join(lacking)}; must have {', '.join(COLUMNS)}")
    check_rows(file, rows)
    return rows


def check_rows(file: Path, rows: Sequence[Row]) -> None:
    for column, known in (("kind", KINDS), ("split", tuple(SPLITS))):
        strange = sorted({str(row[column]) for row in rows} - set(known))
        if strange:
            raise UserError(f"{file}: {column} {', '.join(strange)} is not known; must be {', '.join(known)}")
    empty = [f"{kind} {split}" for kind in KINDS for split in SPLITS if not chosen(rows, kind, split)]
    if empty:
        raise UserError(f"{file} lists nothing for {', '.join(empty)}; must list clean and noise files for each part")
    elsewhere = [str(row["path"]) for row in rows if leads_out(Path(str(row["path"])))]
    if elsewhere:
        raise UserError(f"{file}: path {elsewhere[0]} leads out of the folder; must be a file below it")
    missing = [str(row["path"]) for row in rows if not (file.parent / str(row["path"])).is_file()]
    if missing:
        raise UserError(f"{file}: {len(missing)} of its files are missing: {', '.join(missing)}")


def leads_out(path: Path) -> bool:
    return path.is_absolute() or ".." in path.parts


def chosen(rows: Sequence[Row], kind: str, split: str | None = None) -> list[Row]:
    return [row for row in rows if row["kind"] == kind and split in (None, row["split"])]


def clips(folder: Path, rows: Sequence[Row], kind: str, split: str | None = None) -> list[Clip]:
    some = chosen(rows, kind, split)
    return read_clips(folder, [folder / row["path"] for row in some], [row["speaker_or_type"] for row in some])


def corpus(folder: Path, rows: Sequence[Row]) -> str:
    """What the speech is called: the first word of its source where all rows agree, else the folder's name."""
    names = {(row.get("source") or "").partition(" ")[0] for row in chosen(rows, "clean")}
    return names.pop() if len(names) == 1 and "" not in names else folder.resolve().name


def often(rows: Sequence[Row]) -> list[Row]:
    """The sentences of speakers who have enough for all three parts."""
    speech = chosen(rows, "clean")
    counts = Counter(row["speaker_or_type"] for row in speech)
    return [row for row in speech if counts[row["speaker_or_type"]] >= NUM_TRAINING + 2]


def in_turn(speech: Sequence[Clip]) -> dict[str, list[Clip]]:
    """Each speaker's first eight sentences to train on, the next ones by turns to validate and to test."""
    parts: dict[str, list[Clip]] = defaultdict(list)
    seen: Counter[str] = Counter()
    for clip in speech:
        number = seen[clip.kind] - NUM_TRAINING
        seen[clip.kind] += 1
        if number < 2 * NUM_HELD_OUT:
            parts["train" if number < 0 else ("val", "test")[number % 2]].append(clip)
    return parts


def in_a_row(noise: Clip) -> list[Clip]:
    """A recording's beginning, middle and end, each of whole blocks."""
    samples = whole_blocks(noise.samples)
    num_blocks = len(samples) // HOP
    ends = [round(sum(NOISE_SHARES[: number + 1]) * num_blocks) * HOP for number in range(len(NOISE_SHARES))]
    pieces = [samples[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    if min(len(piece) for piece in pieces) < LEAST_SAMPLES or any(piece.eq(piece[0]).all() for piece in pieces):
        raise UserError(f"{noise.name}: too short or silent in a part; the matched condition cuts it in three")
    return [Clip(noise.name, noise.kind, piece) for piece in pieces]
