"""Speech in noise: mixtures of sentences and noises, drawn anew to train on and fixed to be judged by."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dlhw.audio.mix import cut
from dlhw.audio.stft import SAMPLE_RATE
from dlhw.data import ibm_course, speech_folders, speech_manifest, synthetic_speech
from dlhw.data.clip_bank import ClipBank
from dlhw.data.idx import content_hash
from dlhw.data.loader import seeded
from dlhw.data.npz import PARTS
from dlhw.data.parts import PartsData
from dlhw.data.speech_batch import Mixture
from dlhw.data.speech_loader import SpeechLoader
from dlhw.data.speech_plan import Plan, Planner, check_enough, noise_types
from dlhw.data.speech_sources import Clip, SpeechPart, SpeechSources, at_speed

Banks = tuple[ClipBank, ClipBank]  # of sentences and of noises

CPU = torch.device("cpu")
GIB = 2**30
TRAINING_STREAM = 4  # of the seed's random streams, the one that training mixtures are drawn from
FIXED_STREAMS = {"train": 5, "val": 6, "test": 7}  # and of the split_seed's, those of fixed mixtures


class SpeechData(PartsData):
    """SpeechBatches of the parts train, val and test, all at 16 kHz.

    Each training sentence is mixed with `noises_per_sentence` noises, `passes` times an epoch. Validation and test
    mixtures are fixed: each sentence with `test_noises` noises, at `snr`. Data that is mixed already (the assignment's)
    stays as it is.

    Args:
        dataset: speech or speech_matched (a manifest in `path`), ibm_course (the assignment's folder in `path`),
            speech_folders (`clean` and `noise`) or synthetic_speech.
        batch_size, eval_batch_size: mixtures of a global training batch, over all processes, and of another.
        passes: times the training part is gone through in an epoch, with new mixtures each time.
        train_snr: the range in dB that the SNRs of training mixtures are drawn from.
        speeds: each training sentence is mixed at all of these, times as fast as it was spoken (`at_speed`).
        fresh: training mixtures are drawn anew each epoch; False: the same ones, which the data may have itself.
        truncate: training mixtures are cut into pieces of that many frames; None: they stay whole.
        memory_gib: what the spectra of training and validation may take to be kept; what is more is computed for each
            batch.
        val_share, test_share: of the files of speech_folders.
        num_speakers, sentences_per_speaker: of synthetic_speech.
        test_every_epoch: see `PartsData`.

    Attributes:
        snr: of validation and test mixtures, in dB; of data that is mixed already, their mean.
        sources, parts: what the mixtures are made of.
        sha256: of all samples.
    """

    parts: dict[str, SpeechPart]
    sources: SpeechSources

    def __init__(
        self,
        dataset: str,
        num_features: int,
        split_seed: int,
        batch_size: int,
        eval_batch_size: int,
        noises_per_sentence: int,
        test_noises: int,
        train_snr: tuple[float, float],
        snr: float,
        fresh: bool,
        truncate: int | None,
        memory_gib: float,
        root: str | None = None,
        path: str | None = None,
        clean: str | None = None,
        noise: str | None = None,
        val_share: float = 0.0,
        test_share: float = 0.0,
        num_speakers: int = 0,
        sentences_per_speaker: int = 0,
        passes: int = 1,
        speeds: Sequence[float] = (1.0,),
        augment: None = None,
        test_every_epoch: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__("speech in noise", test_every_epoch)
        self.dataset = dataset
        self.path, self.clean, self.noise = Path(path or "."), Path(clean or "."), Path(noise or ".")
        self.val_share, self.test_share = val_share, test_share
        self.num_speakers, self.sentences_per_speaker = num_speakers, sentences_per_speaker
        self.split_seed, self.seed = split_seed, seed
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size
        self.noises_per_sentence, self.test_noises, self.passes = noises_per_sentence, test_noises, passes
        self.speeds = speeds
        self.train_snr, self.snr, self.fresh, self.truncate = train_snr, float(snr), fresh, truncate
        self.memory_left = memory_gib * GIB
        self.planners: dict[str, Planner] = {}
        self.banks: dict[str, Banks] = {}  # what the batches of train, val and test are gathered from
        self.device = CPU

    def read(self) -> SpeechSources:
        if self.dataset == "synthetic_speech":
            return synthetic_speech.generate(self.num_speakers, self.sentences_per_speaker)
        if self.dataset == "speech_folders":
            return speech_folders.read(self.clean, self.noise, self.val_share, self.test_share, self.split_seed)
        readers = {
            "speech": speech_manifest.read, "speech_matched": speech_manifest.matched, "ibm_course": ibm_course.read,
        }  # fmt: skip
        return readers[self.dataset](self.path)

    @property
    def unlabelled(self) -> list[tuple[str, Tensor]]:
        """Mixtures whose speech nobody gave, each its name and (samples,): the assignment's `te`."""
        return self.sources.unlabelled

    def noise_types(self, split: str) -> list[str]:
        return noise_types(self.parts[split].noises)

    def setup(self, stage: str | None = None) -> None:
        """Read the sources, once, and move what batches are gathered from to the trainer's device."""
        if not self.parts:
            self._read_parts()
        if self.trainer is not None:
            self.device = self.trainer.strategy.root_device
            for bank in [bank for banks in self.banks.values() for bank in banks]:
                bank.to(self.device)

    def _read_parts(self) -> None:
        self.sources = self.read()
        self.title, parts = self.sources.title, self.sources.parts
        for name, part in parts.items():
            key = "noises_per_sentence" if name == "train" else "test_noises"
            check_enough(part, getattr(self, key), key, name)
        clips = [clip.samples for part in parts.values() for clip in [*part.sentences, *part.noises]]
        self.sha256 = content_hash(*clips)
        spoken = parts["train"].sentences
        played = [at_speed(clip, speed) for speed in self.speeds for clip in spoken]
        trained = replace(parts["train"], sentences=played)
        self.planners = {name: Planner(part) for name, part in (parts | {"train": trained}).items()}
        if parts["test"].pairs is not None:
            self.snr = round(float(self.planners["test"].snrs(self.planners["test"].given()).mean()), 2)
        periodic = trained.pairs is None or self.fresh
        self.banks["train"] = (
            self._bank([clip.samples for clip in trained.sentences]),
            self._bank([clip.samples for clip in trained.noises], periodic=periodic),
        )
        self.parts = parts

    def _bank(self, clips: list[Tensor], *, periodic: bool = False, keep: bool = True) -> ClipBank:
        bank = ClipBank(clips, periodic=periodic, budget=self.memory_left if keep else 0)
        self.memory_left -= bank.num_bytes
        return bank.to(self.device)

    def training_plan(self, epoch: int) -> Plan:
        """The mixtures of an epoch: a function of the seed and the epoch, or, where they are not fresh, of neither."""
        planner = self.planners["train"]
        if self.fresh:
            generator = seeded(CPU, self.seed, TRAINING_STREAM, epoch)
        elif planner.pairs is not None:
            return planner.given()
        else:
            generator = seeded(CPU, self.split_seed, FIXED_STREAMS["train"])
        plans = [planner.drawn(self.noises_per_sentence, self.train_snr, generator) for _ in range(self.passes)]
        return Plan(*map(torch.cat, zip(*plans, strict=True)))

    def fixed_plan(self, split: str, snr: float | None = None) -> Plan:
        """The mixtures that a part is judged by, at `snr` dB; None: at the data's own."""
        planner = self.planners[split]
        if planner.pairs is None:
            generator = seeded(CPU, self.split_seed, FIXED_STREAMS[split])
            return planner.balanced(self.test_noises, self.snr if snr is None else snr, generator)
        given = planner.given()
        return given if snr is None or snr == self.snr else planner.at(given, snr)

    def mixtures(self, split: str, snr: float | None = None) -> list[Mixture]:
        """The fixed mixtures of val or test as signals, at `snr` dB; None: at the data's own, as in the loader."""
        part, planner = self.parts[split], self.planners[split]
        plan = self.fixed_plan(split, snr)
        made = []
        for sentence, noise, block, gain, ratio in zip(*plan, planner.snrs(plan).tolist(), strict=True):
            speech, source = part.sentences[sentence], part.noises[noise]
            added = source.samples if part.pairs is not None else cut(source.samples, int(block), len(speech.samples))
            name = f"{speech.name}+{source.name}"
            made.append(Mixture(name, speech.samples, gain * added, speech.kind, source.kind, round(ratio, 2) + 0.0))
        return made

    def train_dataloader(self) -> SpeechLoader:
        sentences, noises = self.banks["train"]
        return SpeechLoader(
            sentences,
            noises,
            self.training_plan,
            self.batch_size,
            truncate=self.truncate,
            shuffle=not self.overfits,
            seed=self.seed,
            **self.world,
        )

    def loader(self, split: str) -> SpeechLoader:
        """The fixed mixtures of val or test in batches of like lengths, the same ones each time."""
        plan = self.fixed_plan(split)
        num_mixtures = len(plan.gains)
        if split not in self.banks:
            sentences = [clip.samples for clip in self.parts[split].sentences]
            noises = [mixture.noise for mixture in self.mixtures(split)]  # cut as signals: exact at their ends too
            keep = split == "val"  # others are gone through once or twice
            self.banks[split] = self._bank(sentences, keep=keep), self._bank(noises, keep=keep)
        zeros = torch.zeros(num_mixtures)
        mixed = Plan(plan.sentences, torch.arange(num_mixtures), zeros.long(), 1 + zeros)
        return SpeechLoader(*self.banks[split], lambda _: mixed, self.eval_batch_size)

    def describe(self) -> dict[str, Any]:
        """The name of the data really used, what there is of it, its content hash, and how it is mixed."""
        counts = {f"num_{name}": len(self.parts[name].sentences) if name in self.parts else 0 for name in PARTS}
        return {
            "name": self.title,
            **counts,
            "hours": {name: round(hours(part.sentences), 3) for name, part in self.parts.items()},
            "noise_hours": {name: round(hours(part.noises), 3) for name, part in self.parts.items()},
            "noise_types": {name: self.noise_types(name) for name in self.parts},
            "sha256": self.sha256,
            "preprocessing": self.preprocessing(),
        }

    def preprocessing(self) -> str:
        """What is done to the stored samples, in words."""
        spectra = "examples are sentences, 16 kHz mono; spectra by Hann windows of 1024 samples, every 512"
        low, high = self.train_snr
        count = f"{self.passes} x {self.noises_per_sentence}" if self.passes > 1 else f"{self.noises_per_sentence}"
        drawn = f"{count} noises a sentence at {low:g} to {high:g} dB, "
        if list(self.speeds) != [1.0]:
            drawn += f"at {', '.join(f'{speed:g}' for speed in self.speeds)} times its speed, "
        training = drawn + ("new ones each epoch" if self.fresh else "the same ones each epoch")
        if self.planners["train"].pairs is not None and not self.fresh:
            training = "the data's own mixtures"
        fixed = f"{self.test_noises} noises a sentence at {self.snr:g} dB"
        if self.planners["test"].pairs is not None:
            fixed = f"the data's own mixtures, {self.snr:g} dB on average"
        pieces = "" if self.truncate is None else f", in pieces of {self.truncate} frames"
        return f"{spectra}; to train on {training}{pieces}; to validate and to test on {fixed}"


def hours(clips: list[Clip]) -> float:
    return sum(len(clip.samples) for clip in clips) / SAMPLE_RATE / 3600
