"""Speech in noise from every kind of source: parts that have nothing in common, fixed mixtures, and what is refused."""

import csv
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from dlhw.audio.mix import ActiveBlocks
from dlhw.audio.stft import istft, stft
from dlhw.data import speech_sources
from dlhw.data.speech import SpeechData
from dlhw.data.speech_sources import Clip, SpeechPart, at_speed
from dlhw.errors import UserError
from tests.helpers import ROOT, same_bits, speech_data

Samples = np.ndarray


def noise(num_samples: int, seed: int, scale: float = 0.1) -> Samples:
    return scale * np.random.default_rng(seed).standard_normal(num_samples)


def write(file: Path, samples: Samples, rate: int = 16_000) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(file, samples, rate, subtype="FLOAT" if file.suffix == ".wav" else "PCM_16")


def refusal(read: Callable[..., SpeechData], **settings: Any) -> str:
    with pytest.raises(UserError) as refused:
        read(**settings)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def spectra_of(data: SpeechData, split: str) -> dict[str, Tensor]:
    """All that a part's loader yields, by its place."""
    return {f"{n}.{m}": tensor for n, batch in enumerate(data.loader(split)) for m, tensor in enumerate(batch)}


# Generated


def test_generated_speech_says_that_it_is() -> None:
    data = speech_data()
    described = data.describe()
    assert "generated" in described["name"]
    assert data.title == described["name"]
    assert [described[f"num_{name}"] for name in ("train", "val", "test")] == [6, 3, 3]
    assert described["hours"]["train"] == pytest.approx(6 * 2.25 / 3600, rel=0.4)
    assert len(described["sha256"]) == 64
    assert "3 noises a sentence at -5 to 10 dB, new ones each epoch" in described["preprocessing"]
    assert described["sha256"] == speech_data().sha256 != speech_data(sentences_per_speaker=2).sha256


def test_some_noises_are_in_the_test_part_alone() -> None:
    data = speech_data()
    assert set(data.noise_types("test")) - set(data.noise_types("train")) == {"rain", "engine"}
    assert data.noise_types("train") == data.noise_types("val")


def test_parts_share_neither_speakers_nor_recordings() -> None:
    assert_apart(speech_data().parts)


def assert_apart(parts: dict[str, SpeechPart], speakers: bool = True) -> None:
    names = ("train", "val", "test")
    for one, other in [(0, 1), (0, 2), (1, 2)]:
        first, second = parts[names[one]], parts[names[other]]
        if speakers:
            assert not {clip.kind for clip in first.sentences} & {clip.kind for clip in second.sentences}
        for kind in ("sentences", "noises"):
            contents = [{clip.samples.numpy().tobytes() for clip in getattr(part, kind)} for part in (first, second)]
            assert not contents[0] & contents[1]


@pytest.mark.parametrize("split", ["val", "test"])
def test_fixed_mixtures_are_those_of_the_loader(split: str) -> None:
    data = speech_data()
    mixtures = data.mixtures(split)
    assert len(mixtures) == 3 * 2
    found = [row for batch in data.loader(split) for row in zip(*batch, strict=True)]
    for speech, added, frames, samples in found:
        matching = [
            mixture
            for mixture in mixtures
            if len(mixture.speech) == samples
            and torch.allclose(stft(mixture.noise), added[:frames], atol=1e-4)
            and torch.allclose(stft(mixture.speech), speech[:frames], atol=1e-4)
        ]
        assert len(matching) == 1
        signal = istft(speech[:frames] + added[:frames], int(samples))
        torch.testing.assert_close(signal, matching[0].speech + matching[0].noise, atol=1e-5, rtol=0)


@pytest.mark.parametrize("snr", [None, -5.0, 0.0, 10.0])
def test_fixed_mixtures_have_the_snr_asked_for(snr: float | None) -> None:
    for mixture in speech_data(snr=3.0).mixtures("test", snr):
        active = ActiveBlocks([mixture.noise])
        level = active.power(torch.tensor([0]), torch.tensor([0]), active.num_blocks)
        measured = float(10 * (mixture.speech.double().square().mean() / level).log10())
        assert mixture.snr == (3.0 if snr is None else snr)
        assert measured == pytest.approx(mixture.snr, abs=0.5)  # a cut may be less loud at its loudest than the noise


def test_another_snr_changes_the_level_alone() -> None:
    data = speech_data()
    for quiet, loud in zip(data.mixtures("test", 10.0), data.mixtures("test", -10.0), strict=True):
        assert (quiet.name, quiet.speaker, quiet.noise_type) == (loud.name, loud.speaker, loud.noise_type)
        torch.testing.assert_close(loud.noise, 10 * quiet.noise)


def test_fixed_mixtures_depend_on_the_split_seed_alone() -> None:
    one, same, other = (spectra_of(speech_data(**seeds), "val") for seeds in ({}, {"seed": 9}, {"split_seed": 1}))
    assert same_bits(one, same)
    assert not same_bits(one, other)


def test_training_mixtures_depend_on_the_seed_and_the_epoch() -> None:
    plans = [speech_data(seed=seed).training_plan(epoch) for seed, epoch in [(0, 0), (0, 0), (0, 1), (1, 0)]]
    assert all(torch.equal(a, b) for a, b in zip(plans[0], plans[1], strict=True))
    assert not torch.equal(plans[0].gains, plans[2].gains)
    assert not torch.equal(plans[0].gains, plans[3].gains)
    twice = speech_data(passes=2).training_plan(3)
    assert len(twice.gains) == 2 * len(plans[0].gains)
    first, second = ([part.chunk(2)[half] for part in twice] for half in (0, 1))
    assert torch.equal(first[0], second[0])
    assert not torch.equal(first[1], second[1])
    stale = speech_data(fresh=False)
    assert all(torch.equal(a, b) for a, b in zip(stale.training_plan(0), stale.training_plan(7), strict=True))


def test_spectra_that_do_not_fit_are_computed_for_each_batch() -> None:
    kept, streamed = speech_data(), speech_data(memory_gib=0.0)
    for one, other in zip(kept.train_dataloader(), streamed.train_dataloader(), strict=True):
        for a, b in zip(one, other, strict=True):
            torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)
    for name, tensor in spectra_of(kept, "val").items():
        torch.testing.assert_close(tensor, spectra_of(streamed, "val")[name], atol=1e-4, rtol=1e-4)
    assert kept.memory_left < 4 * 2**30
    assert streamed.memory_left == 0


def test_more_noises_than_there_are_is_refused() -> None:
    message = refusal(speech_data, noises_per_sentence=17)
    assert message == "data.noises_per_sentence=17: there are 16 noises in the part train; must be 1 to 16"
    assert "data.test_noises=99: there are 16 noises in the part val" in refusal(speech_data, test_noises=99)


def test_the_test_set_is_judged_each_epoch_where_asked() -> None:
    assert speech_data().splits == ("val",)
    assert speech_data(test_every_epoch=True).splits == ("val", "test")
    assert speech_data().unlabelled == []


# Two folders


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Any]:
    for number in range(10):
        write(tmp_path / "mine" / f"{number}.flac", noise(9000 + 100 * number, number))
        write(
            tmp_path / "noises" / ("street" if number < 5 else ".") / f"n{number}.wav", noise(7000, 20 + number), 8000
        )
    return {
        "dataset": "speech_folders", "clean": str(tmp_path / "mine"), "noise": str(tmp_path / "noises"),
        "val_share": 0.2, "test_share": 0.2,
    }  # fmt: skip


def test_two_folders_are_split_by_file(folders: dict[str, Any]) -> None:
    data = speech_data(**folders)
    assert data.title == "mine in noises"
    assert [(len(part.sentences), len(part.noises)) for part in data.parts.values()] == [(6, 6), (2, 2), (2, 2)]
    assert_apart(data.parts, speakers=False)
    kinds = {clip.name: clip.kind for part in data.parts.values() for clip in part.noises}
    assert kinds["street/n3"] == "street"
    assert kinds["n7"] == "n7"
    assert {clip.kind for part in data.parts.values() for clip in part.sentences} == {"unknown"}
    assert len(data.parts["train"].noises[0].samples) == 14_000, "resampled"
    others = {clip.name for clip in speech_data(**folders, split_seed=1).parts["test"].sentences}
    assert others != {clip.name for clip in data.parts["test"].sentences}


def test_without_a_validation_share_there_is_no_validation_part(folders: dict[str, Any]) -> None:
    data = speech_data(**(folders | {"val_share": 0.0}))
    assert data.splits == ()
    assert data.val_dataloader() == []
    assert data.describe()["num_val"] == 0


def test_a_folder_without_sounds_is_named(folders: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    message = refusal(speech_data, **(folders | {"noise": str(tmp_path / "empty")}))
    assert message == f"data.noise={tmp_path / 'empty'}: there are no sounds in it; must be files .wav, .flac"


def test_too_few_files_are_refused(folders: dict[str, Any], tmp_path: Path) -> None:
    for number in range(1, 10):
        (tmp_path / "mine" / f"{number}.flac").unlink()
    assert "of 1 clean files none is left to train on" in refusal(speech_data, **folders)


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (np.zeros(0), "is empty"),
        (np.zeros(9000), "is silent"),
        (np.full(9000, np.nan), "holds NaN"),
        (np.r_[np.zeros(8704), noise(200, 0)], "silent but for the last 32 ms"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    samples: Samples, said: str, folders: dict[str, Any], tmp_path: Path
) -> None:
    write(tmp_path / "noises" / "bad.wav", samples)
    message = refusal(speech_data, **folders)
    assert said in message
    assert "bad" in message


def test_a_clipped_file_is_used_and_the_log_warns(
    folders: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "mine" / "0.flac", np.clip(noise(9000, 0, scale=2.0), -1, 1))
    with caplog.at_level(logging.WARNING):
        speech_data(**folders)
    assert f"{tmp_path / 'mine' / '0.flac'} is clipped" in caplog.text


def test_the_fingerprint_is_of_the_content_not_the_place(folders: dict[str, Any], tmp_path: Path) -> None:
    before = speech_sources.fingerprint(tmp_path / "mine")
    (tmp_path / "mine").rename(tmp_path / "moved")
    assert speech_sources.fingerprint(tmp_path / "moved") == before
    write(tmp_path / "moved" / "0.flac", noise(9000, 77))
    assert speech_sources.fingerprint(tmp_path / "moved") != before


# The assignment's layout


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """Three sentences to train on, four to validate on, each mixed with two noises; and two mixtures alone."""
    for part, num_sentences in (("tr", 3), ("v", 4)):
        for number in range(2 * num_sentences):
            speech = noise(6000 + 300 * (number // 2), 1000 * len(part) + number // 2)
            added = noise(len(speech), 5000 + 1000 * len(part) + number, scale=0.05)
            for kind, samples in (("s", speech), ("n", added), ("x", speech + added)):
                write(tmp_path / "homework3" / part / f"{part}{kind}{number:04}.wav", samples)
    for number in range(2):
        write(tmp_path / "homework3" / "te" / f"tex{number:04}.wav", noise(5000 + number, 90 + number))
    return tmp_path / "homework3"


def course_data(folder: Path, **settings: Any) -> SpeechData:
    return speech_data(**({"dataset": "ibm_course", "path": str(folder), "fresh": False} | settings))


def test_the_courses_mixtures_are_used_as_they_are(course: Path) -> None:
    data = course_data(course)
    assert [len(part.sentences) for part in data.parts.values()] == [3, 2, 2], "each sentence once"
    stored = {}
    for file in sorted((course / "tr").glob("trx*.wav")):
        samples = torch.from_numpy(soundfile.read(file, dtype="float32")[0])
        stored[file.stem] = stft(samples)
    batches = list(data.train_dataloader())
    mixed = [
        batch.speech[row, :n] + batch.noise[row, :n] for batch in batches for row, n in enumerate(batch.num_frames)
    ]
    assert len(mixed) == len(stored) == 6
    for spectra in stored.values():
        assert sum(made.shape == spectra.shape and torch.allclose(made, spectra, atol=1e-4) for made in mixed) == 1


def test_the_courses_validation_sentences_are_shared_out(course: Path) -> None:
    data = course_data(course)
    assert_apart(data.parts, speakers=False)
    mixtures = {split: data.mixtures(split) for split in ("val", "test")}
    assert [mixture.name for mixture in mixtures["val"]] == [
        "vs0000+vn0000",
        "vs0000+vn0001",
        "vs0004+vn0004",
        "vs0004+vn0005",
    ]
    assert [mixture.name for mixture in mixtures["test"]] == [
        "vs0002+vn0002",
        "vs0002+vn0003",
        "vs0006+vn0006",
        "vs0006+vn0007",
    ]
    for mixture in [*mixtures["val"], *mixtures["test"]]:
        number = mixture.name[-4:]
        stored = soundfile.read(course / "v" / f"vx{number}.wav", dtype="float32")[0]
        np.testing.assert_allclose((mixture.speech + mixture.noise).numpy(), stored, atol=1e-6)
        assert mixture.snr == pytest.approx(6.02, abs=0.5)
    assert data.snr == pytest.approx(6.02, abs=0.3)
    assert [mixture.snr for mixture in data.mixtures("test", -5.0)] == [-5.0] * 4
    assert [mixture.snr for mixture in data.mixtures("test", data.snr)] == [m.snr for m in mixtures["test"]]


def test_the_courses_unlabelled_mixtures_are_read(course: Path) -> None:
    assert [(name, len(samples)) for name, samples in course_data(course).unlabelled] == [
        ("tex0000", 5000),
        ("tex0001", 5001),
    ]


def test_the_courses_sources_may_be_mixed_anew(course: Path) -> None:
    data = course_data(course, fresh=True)
    assert len(data.training_plan(0).gains) == 3 * 3
    assert len(list(data.train_dataloader())) == 3


def test_the_courses_mixtures_may_be_other_than_16_khz(course: Path) -> None:
    for file in course.rglob("*.wav"):
        samples, _ = soundfile.read(file)
        write(file, samples, 8000)
    assert len(course_data(course).parts["train"].sentences[0].samples) == 12_000


@pytest.mark.parametrize("part", ["tr", "v"])
def test_a_folder_without_the_named_files_is_refused(part: str, course: Path) -> None:
    for file in (course / part).iterdir():
        file.rename(file.with_name(f"other{file.name}"))
    assert f"data.path={course}: there is no {part}/{part}x0000.wav; must be" in refusal(course_data, folder=course)


def test_all_missing_files_of_the_course_are_named(course: Path) -> None:
    for name in ("tr/trs0001.wav", "tr/trn0003.wav"):
        (course / name).unlink()
    message = refusal(course_data, folder=course)
    assert message == f"data.path={course}: 2 files are missing: tr/trs0001.wav, tr/trn0003.wav"


def test_files_that_belong_together_must_be_equally_long(course: Path) -> None:
    write(course / "v" / "vn0002.wav", noise(1234, 0))
    message = refusal(course_data, folder=course)
    assert "vx0002.wav has 6,300, vs0002.wav has 6,300, vn0002.wav has 1,234 samples" in message
    assert "equally long" in message


def test_one_validation_sentence_is_too_few(course: Path) -> None:
    for file in (course / "v").glob("*"):
        if int(file.stem[-4:]) > 1:
            file.unlink()
    assert "v has one sentence" in refusal(course_data, folder=course)


# A manifest


def manifest(folder: Path, rows: list[tuple[str, str, str, str]]) -> Path:
    """A folder with a manifest of these rows (path, kind, split, speaker or type), and a sound for each."""
    for number, (path, *_) in enumerate(rows):
        write(folder / path, noise(30_000 + 512 * number, number))
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "kind", "split", "speaker_or_type"), *rows])
    return folder


SMALL = [
    (f"{kind}/{split}{number}.flac", kind, split, f"{kind} {split} {number % 2}")
    for kind in ("clean", "noise")
    for split in ("train", "valid", "test")
    for number in range(4)
]


def manifest_data(folder: Path, **settings: Any) -> SpeechData:
    return speech_data(**({"dataset": "speech", "path": str(folder)} | settings))


def test_a_manifest_says_which_part_a_file_is_in(tmp_path: Path) -> None:
    data = manifest_data(manifest(tmp_path / "mine", SMALL))
    assert data.title == "mine in recorded noise"
    assert_apart(data.parts)
    assert [clip.name for clip in data.parts["val"].sentences] == [f"clean/valid{number}" for number in range(4)]
    assert data.noise_types("test") == ["noise test 0", "noise test 1"]


def test_all_missing_files_of_a_manifest_are_named(tmp_path: Path) -> None:
    folder = manifest(tmp_path, SMALL)
    for name in ("clean/train1.flac", "noise/test3.flac"):
        (folder / name).unlink()
    message = refusal(manifest_data, folder=folder)
    assert message == f"{folder / 'manifest.csv'}: 2 of its files are missing: clean/train1.flac, noise/test3.flac"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,kind\na.wav,clean\n", "has no column split, speaker_or_type; must have path, kind, split"),
        ("path,kind,split,speaker_or_type\na.wav,clear,train,a\n", "kind clear is not known; must be clean, noise"),
        ("path,kind,split,speaker_or_type\na.wav,clean,dev,a\n", "split dev is not known; must be train, valid, test"),
        ("path,kind,split,speaker_or_type\na.wav,clean,train,a\n", "lists nothing for clean valid, clean test, noise"),
        ("", "has no column path, kind"),
        ("\xff\xfe", "cannot be read"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_bytes(text.encode("latin-1"))
    assert said in refusal(manifest_data, folder=tmp_path)


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    assert refusal(manifest_data, folder=tmp_path) == (
        f"there is no {tmp_path / 'manifest.csv'}; must be a folder with manifest.csv"
    )


MATCHED = [
    (f"clean/{who}-{n:02}.flac", "clean", "train", who)
    for who, num in (("a", 10), ("b", 14), ("c", 9))
    for n in range(num)
]
OTHERS = [
    (f"{kind}/{split}.flac", kind, split, "other")
    for kind in ("clean", "noise")
    for split in ("train", "valid", "test")
]
RECORDINGS = [(f"noise/{number:02}.flac", "noise", "test", f"type {number}") for number in range(12)]


def matched_data(folder: Path, **settings: Any) -> SpeechData:
    own = {"dataset": "speech_matched", "fresh": False, "noises_per_sentence": 10, "test_noises": 10}
    return manifest_data(folder, **(own | {"train_snr": (0.0, 0.0)} | settings))


def test_the_matched_condition_has_all_speakers_and_noises_in_all_parts(tmp_path: Path) -> None:
    data = matched_data(manifest(tmp_path, [*MATCHED, *OTHERS, *RECORDINGS]))
    speakers = {name: sorted(clip.kind for clip in part.sentences) for name, part in data.parts.items()}
    assert speakers == {"train": ["a"] * 8 + ["b"] * 8, "val": ["a", "b", "b"], "test": ["a", "b", "b"]}, (
        "c has too few"
    )
    assert_apart(data.parts, speakers=False)
    types = [f"type {number:}" for number in range(2, 12)]  # the longest ten
    assert data.noise_types("train") == data.noise_types("val") == data.noise_types("test") == sorted(types)
    plan = data.training_plan(0)
    pairs = set(zip(plan.sentences.tolist(), plan.noises.tolist(), strict=True))
    assert len(pairs) == len(plan.gains) == 16 * 10, "every sentence with every noise"
    torch.testing.assert_close(data.planners["train"].snrs(plan), torch.zeros(160).double(), atol=1e-5, rtol=0)
    assert len(data.mixtures("val")) == len(data.mixtures("test")) == 3 * 10


def test_the_parts_of_a_noise_are_its_beginning_middle_and_end(tmp_path: Path) -> None:
    folder = manifest(tmp_path, [*MATCHED, *OTHERS, *RECORDINGS])
    data = matched_data(folder)
    cuts = [next(clip.samples for clip in part.noises if clip.kind == "type 11") for part in data.parts.values()]
    stored = torch.from_numpy(soundfile.read(folder / "noise" / "11.flac", dtype="float32")[0])
    joined = torch.cat(cuts)
    assert torch.equal(joined, stored[: len(joined)])
    assert 0 <= len(stored) - len(joined) < 512
    assert [len(cut) / len(joined) for cut in cuts] == pytest.approx([0.6, 0.2, 0.2], abs=0.01)


def test_too_few_speakers_or_noises_for_the_matched_condition_are_refused(tmp_path: Path) -> None:
    for name, rows in (("speakers", [*OTHERS, *RECORDINGS]), ("noises", [*MATCHED, *OTHERS])):
        message = refusal(matched_data, folder=manifest(tmp_path / name, rows))
        assert "takes speakers with 10 sentences each and 10 noises; use data=speech" in message


# The real recordings


@pytest.fixture
def recordings() -> Path:
    """The folder of the real speech and noise."""
    for root in (os.environ.get("DLHW_DATA_DIR"), ROOT.parent / "shared" / "data"):
        if root and (Path(root) / "speech" / "manifest.csv").is_file():
            return Path(root) / "speech"
    pytest.skip("speech/manifest.csv is neither in $DLHW_DATA_DIR nor beside the repository")


def test_real_recordings(recordings: Path) -> None:
    data = manifest_data(recordings, noises_per_sentence=10, batch_size=10, eval_batch_size=10, test_noises=4)
    described = data.describe()
    assert described["name"] == "LibriSpeech in recorded noise"
    assert [described[f"num_{name}"] for name in ("train", "val", "test")] == [212, 50, 60]
    assert_apart(data.parts)
    assert set(data.noise_types("test")) - set(data.noise_types("train")) == {
        "coffee_shop",
        "running_tap",
        "storm",
        "waves",
    }
    loader = data.train_dataloader()
    frames = loader.speech.num_frames[data.training_plan(0).sentences]
    padded = sum(int(frames[rows].max()) * len(rows) for rows in loader._batches(frames))
    assert 1 - int(frames.sum()) / padded < 0.1
    assert (len(loader), len(data.mixtures("test"))) == (212, 240)


def test_real_recordings_matched(recordings: Path) -> None:
    data = matched_data(recordings)
    speakers = {clip.kind for clip in data.parts["train"].sentences}
    assert speakers == {"19", "26", "27", "367", "533", "1688", "1998", "2033", "2414", "3331"}
    assert {clip.kind for clip in data.parts["val"].sentences} == {clip.kind for clip in data.parts["test"].sentences}
    assert {name: len(part.sentences) for name, part in data.parts.items()} == {"train": 80, "val": 13, "test": 13}
    assert all(len(part.noises) == 10 for part in data.parts.values())


def test_sentences_are_mixed_at_every_speed_and_only_to_train_on() -> None:
    plain, varied = speech_data(), speech_data(speeds=(0.8, 1.0, 1.25))
    num = len(plain.parts["train"].sentences)
    assert len(varied.parts["train"].sentences) == num, "what is counted is what was spoken"
    slow, same, fast = varied.banks["train"][0].num_samples.split(num)
    assert torch.equal(same, plain.banks["train"][0].num_samples)
    torch.testing.assert_close(slow * 0.8, same.float(), atol=1, rtol=0)
    torch.testing.assert_close(fast * 1.25, same.float(), atol=2, rtol=0)
    assert len(varied.training_plan(0).gains) == 3 * len(plain.training_plan(0).gains)
    for one, other in zip(varied.mixtures("val"), plain.mixtures("val"), strict=True):
        assert torch.equal(one.speech, other.speech)
    assert "at 0.8, 1, 1.25 times its speed" in varied.describe()["preprocessing"]


def test_a_faster_tone_is_a_higher_one() -> None:
    seconds = torch.arange(16_000) / 16_000
    played = at_speed(Clip("tone", "a", torch.sin(2 * torch.pi * 400 * seconds)), 1.25).samples
    assert len(played) == 12_800
    spectrum = torch.fft.rfft(played).abs()
    assert spectrum.argmax().item() * 16_000 / len(played) == pytest.approx(500, abs=2)
