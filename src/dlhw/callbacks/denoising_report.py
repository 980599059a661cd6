"""How much noise a mask estimator takes away, beside what it lies between, for the eye and for the ear."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from statistics import fmean, median, stdev
from typing import TYPE_CHECKING

import numpy as np
import pytorch_lightning as pl
from torch import Tensor

from dlhw import checkpoints
from dlhw.audio.stft import SAMPLE_RATE, stft
from dlhw.callbacks.recorder import Recorder
from dlhw.data.speech_batch import Mixture
from dlhw.figures import metric_against, metric_by_category, spectrogram_panels
from dlhw.files import write_csv
from dlhw.masking import (
    BESIDE,
    BINARY,
    RATIO,
    SUBTRACTION,
    UNPROCESSED,
    Mask,
    Score,
    Scores,
    estimates,
    hard_mask,
    score_all,
    soft_mask,
)
from dlhw.metrics.speech import snr
from dlhw.models.mask_estimator import MaskEstimator
from dlhw.schema.fields import Count

if TYPE_CHECKING:
    from dlhw.data.speech import SpeechData

HARD = ", hard mask"
# as metrics have them
METRICS = {
    UNPROCESSED: "mixture",
    SUBTRACTION: "subtraction",
    BINARY: "ideal_binary",
    RATIO: "ideal_ratio",
}
KINDS = {"SNR (dB)": "snr", "SI-SDR (dB)": "si_sdr", "STOI": "stoi"}
SMALLEST = 1e-5  # added to a magnitude before its logarithm is drawn


class DenoisingReport(Recorder):
    """Denoises the test mixtures at several SNRs in every way there is; draws some, and makes them heard.

    The ways are the run's soft mask, that mask rounded, the soft masks of its references, spectral subtraction, both
    ideal masks and the mixture as it is. Recorded at the data's own SNR: `test/si_sdr`, `test/stoi`, `<way>/snr`,
    `<way>/si_sdr`, `<way>/stoi`, all means over the mixtures; each mixture's own are in `denoised.csv`.

    Args:
        snrs: of the mixtures, in dB, beside the data's own.
        num_at_each: test mixtures that SNRs are compared on, evenly chosen among all, which are judged at the data's
            own SNR alone: nearly all of a test's time goes into STOI.
        num_examples: mixtures that are drawn and heard, of different noise types.
    """

    data: "SpeechData"  # type: ignore[assignment]  # of sound, not of images

    def __init__(self, snrs: Sequence[float] = (-5, 0, 5, 10), num_at_each: Count = 60, num_examples: int = 3) -> None:
        self.snrs, self.num_at_each, self.num_examples = list(snrs), num_at_each, num_examples

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        assert isinstance(pl_module, MaskEstimator)
        self.own = self.record.facts["experiment"]
        masks = self._masks(pl_module)
        own_snr = self.data.snr
        mixtures = {level: self.data.mixtures("test", level) for level in sorted({own_snr, *self.snrs})}
        some = slice(None, None, -(-len(mixtures[own_snr]) // self.num_at_each))
        mixtures |= {level: several[some] for level, several in mixtures.items() if level != own_snr}
        scores = {level: score_all(several, masks) for level, several in mixtures.items()}
        self._write(mixtures, scores)
        self._record(scores[own_snr])
        self._tabulate(scores[own_snr], own_snr)
        self._by_noise(mixtures[own_snr], scores[own_snr], own_snr)
        own = {way: column[some] for way, column in scores[own_snr].items()}
        self._by_snr({level: own if level == own_snr else found for level, found in scores.items()})
        for number, mixture in enumerate(different_noises(mixtures[own_snr])[: self.num_examples], 1):
            self._show(number, mixture, masks)

    def _masks(self, module: MaskEstimator) -> dict[str, Mask]:
        net = module.net.eval().cpu()
        own = soft_mask(net)
        masks = {self.own: own, f"{self.own}{HARD}": hard_mask(own)}
        for experiment, folder in self.references.items():
            masks[experiment] = soft_mask(checkpoints.trained_net(folder))  # type: ignore[arg-type]
        return masks | BESIDE

    def _write(self, mixtures: dict[float, list[Mixture]], scores: dict[float, Scores]) -> None:
        columns = ["mixture", "speaker", "noise", "input_snr", "way", "snr", "si_sdr", "stoi"]
        rows = [
            [mixture.name, mixture.speaker, mixture.noise_type, level, way, *astuple(found)]
            for level, several in mixtures.items()
            for way, column in scores[level].items()
            for mixture, found in zip(several, column, strict=True)
        ]
        write_csv(self.record.folder / "denoised.csv", columns, rows)

    def _record(self, scores: Scores) -> None:
        for way, column in scores.items():
            name = "test" if way == self.own else "hard" if way.endswith(HARD) else METRICS.get(way, way)
            self.record.metrics |= {f"{name}/{kind}": mean(column, kind) for kind in KINDS.values()}

    def _tabulate(self, scores: Scores, level: float) -> None:
        rows = []
        for way, column in sorted(scores.items(), key=lambda item: mean(item[1], "snr")):
            values = [known(column, kind) for kind in KINDS.values()]
            rows.append(
                [way, *(round(f(many or [math.nan]), 3) for many in values for f in (fmean, median, deviation))]
            )
        columns = [f"{kind}, {what}" for kind in KINDS for what in ("mean", "median", "deviation")]
        num = len(next(iter(scores.values())))
        self.record.add_table(
            f"{num:,} test mixtures at {level:g} dB, denoised",
            ["way", *columns],
            rows,
            note="SNR: energy of the speech over that of what differs from it. SI-SDR: the same at the level at which "
            "the speech fits best. STOI: intelligibility, 1 at best. Masks are laid on the mixture's complex spectrum; "
            "its phase stays. An ideal mask knows speech and noise: no estimate, but what one could reach.",
        )

    def _by_noise(self, mixtures: list[Mixture], scores: Scores, level: float) -> None:
        trained = set(self.data.noise_types("train"))
        types = sorted({mixture.noise_type for mixture in mixtures}, key=lambda kind: (kind not in trained, kind))
        ways = [way for way in scores if way not in BESIDE or way == UNPROCESSED]
        by_type = {
            kind: {
                way: [found for found, mixture in zip(column, mixtures, strict=True) if mixture.noise_type == kind]
                for way, column in scores.items()
            }
            for kind in types
        }
        rows = [
            [kind, "yes" if kind in trained else "no", len(by_type[kind][UNPROCESSED]),
             *(round(mean(by_type[kind][way], what), 3) for what in ("snr", "stoi") for way in ways)]
            for kind in types
        ]  # fmt: skip
        columns = [f"{what}: {way}" for what in ("SNR (dB)", "STOI") for way in ways]
        self.record.add_table(
            f"By type of noise, at {level:g} dB", ["noise", "heard in training", "mixtures", *columns], rows,
            note="Means over the type's mixtures.",
        )  # fmt: skip
        title = "SNR of denoised test mixtures, by noise"
        names = [kind.replace("_", " ") + ("" if kind in trained else " *") for kind in types]
        series = {
            way: [(mean(by_type[kind][way], "snr"), deviation(known(by_type[kind][way], "snr"))) for kind in types]
            for way in [*ways, BINARY]
            if not way.endswith(HARD)
        }
        figure = metric_by_category(
            names, series, xlabel="SNR (dB)", title=title, data_name=f"{self.data.title}, mixed at {level:g} dB"
        )
        caption = "Means and standard deviations over the test mixtures; *: a type of noise that training never heard."
        self.record.add_figure(figure, "by_noise", title, caption)

    def _by_snr(self, scores: dict[float, Scores]) -> None:
        ways = list(next(iter(scores.values())))
        rows = [
            [way, *(round(mean(column[way], "snr"), 2) for column in scores.values()),
             *(round(mean(column[way], "stoi"), 3) for column in scores.values())]
            for way in ways
        ]  # fmt: skip
        columns = [f"{kind} at {level:g} dB" for kind in ("SNR (dB)", "STOI") for level in scores]
        num = len(next(iter(next(iter(scores.values())).values())))
        note = f"Means over the same {num} test mixtures."
        self.record.add_table("By input SNR", ["way", *columns], rows, note=note)
        title = "SNR of denoised test mixtures, by SNR of the mixture"
        series = {
            way: [(level, mean(column[way], "snr"), None) for level, column in scores.items()]
            for way in ways
            if not way.endswith(HARD)
        }
        figure = metric_against(
            list(scores), series, xlabel="SNR at which speech and noise are mixed (dB)", ylabel="SNR (dB)",
            title=title, data_name=self.data.title,
        )  # fmt: skip
        self.record.add_figure(figure, "by_snr", title, f"{note} Higher is better.")

    def _show(self, number: int, mixture: Mixture, masks: dict[str, Mask]) -> None:
        made = estimates(mixture, {way: masks[way] for way in (self.own, BINARY)})
        noisy = mixture.speech + mixture.noise
        kind = mixture.noise_type.replace("_", " ")
        title = f"{short(mixture.name)}: speech with {kind}, {mixture.snr:g} dB"
        figure = spectrogram_panels(
            {
                "mixture": levels(noisy), f"denoised by {self.own}": levels(made[self.own][1]),
                "clean speech": levels(mixture.speech),
            },
            {f"mask of {self.own}": made[self.own][0].T.numpy(), BINARY: made[BINARY][0].T.numpy()},
            seconds=len(noisy) / SAMPLE_RATE, kilohertz=SAMPLE_RATE / 2000, title=title, data_name=self.data.title,
        )  # fmt: skip
        reached = snr(mixture.speech, made[self.own][1]).item()
        caption = f"Mixed at {mixture.snr:g} dB over the noise's active frames; denoised: {reached:.1f} dB."
        self.record.add_figure(figure, f"example_{number}", title, caption)
        self.record.add_sounds(
            {
                "mixture": noisy, f"denoised by {self.own}": made[self.own][1], "clean speech": mixture.speech,
                f"through the {BINARY}": made[BINARY][1],
            },
            SAMPLE_RATE, f"example_{number}", title,
        )  # fmt: skip


def different_noises(mixtures: list[Mixture]) -> list[Mixture]:
    """The first mixture, and each that has another speaker and another type of noise than those before it."""
    chosen: list[Mixture] = []
    for mixture in mixtures:
        if all(mixture.noise_type != other.noise_type and mixture.speaker != other.speaker for other in chosen):
            chosen.append(mixture)
    return chosen


def short(name: str) -> str:
    """A mixture's name without the folders of its two sounds."""
    return " + ".join(part.rpartition("/")[2] for part in name.split("+"))


def levels(signal: Tensor) -> np.ndarray:
    """The spectrogram (bins, frames) in dB of a signal (samples,)."""
    return (20 * (stft(signal).abs() + SMALLEST).log10()).T.numpy()


def known(scores: Iterable[Score], kind: str) -> list[float]:
    """The scores of one kind, where they are defined."""
    return [value for value in (getattr(found, kind) for found in scores) if not math.isnan(value)]


def mean(scores: Iterable[Score], kind: str) -> float:
    """NaN where no score is defined."""
    values = known(scores, kind)
    return fmean(values) if values else math.nan


def deviation(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0
