"""Training a network to tell speech from noise, bin by bin of a mixture's spectrum."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from dlhw.audio.masks import ideal_binary, ideal_ratio
from dlhw.audio.stft import istft
from dlhw.data.speech_batch import SpeechBatch
from dlhw.masking import rounded
from dlhw.metrics.speech import decibels, snr
from dlhw.models.one_net import OneNet
from dlhw.nets.mask_rnn import MaskNet, own_frames
from dlhw.precision import at_least_float32

TARGETS = {"ibm": ideal_binary, "irm": ideal_ratio}


class MaskEstimator(OneNet):
    """Trains a mask estimator and logs its `loss`.

    Of validation and test it logs the mean SNR in dB of what its masks let through too: `snr` of the soft mask,
    `hard_snr` of the mask rounded to 0 and 1, and `mixture_snr` of the mixture itself.

    The padding of a batch counts in none of them.

    Args:
        settings: those of `OneNet`, whose net is a `MaskNet`.
        target: the mask that a loss of `bce` compares with: ibm or irm.
        loss: bce, the binary cross entropy between the mask and the target, a mean over bins; magnitude, the squared
            difference of the masked mixture's magnitudes from the speech's, over the speech's energy; snr, the negative
            SNR in dB of the masked spectrum, a mean over mixtures.
        snr_weight: of the loss `snr`, added to another.
        weight_power: bins count in `bce` by the mixture's magnitude to this power; 0: all alike. What is wrong in a
            loud bin is heard, and is what the SNR counts.
        gain: training mixtures are made louder or quieter by up to so many dB, a draw each, as recordings are.
    """

    net: MaskNet

    def __init__(
        self, *args: Any, target: str = "ibm", loss: str = "bce", snr_weight: float = 0.0, weight_power: float = 0.0,
        gain: float = 0.0, **settings: Any,
    ) -> None:  # fmt: skip
        super().__init__(*args, **settings)
        self.target, self.loss, self.snr_weight = target, loss, snr_weight
        self.weight_power, self.gain = weight_power, gain

    def training_step(self, batch: SpeechBatch, batch_idx: int) -> Tensor:
        loss = self._loss(self._at_another_level(batch))[0]
        self.sums.add("train", len(batch.num_frames), loss=loss)
        return loss

    def validation_step(self, batch: SpeechBatch, batch_idx: int, dataloader_idx: int = 0) -> None:
        self._evaluate(self.val_splits[dataloader_idx], batch)

    def test_step(self, batch: SpeechBatch, batch_idx: int) -> None:
        self._evaluate("test", batch)

    def _at_another_level(self, batch: SpeechBatch) -> SpeechBatch:
        if not self.gain:
            return batch
        decibel = self.gain * (2 * torch.rand(len(batch.num_frames), 1, 1, device=batch.speech.device) - 1)
        factor = 10 ** (decibel / 20)
        return batch._replace(speech=factor * batch.speech, noise=factor * batch.noise)

    def _loss(self, batch: SpeechBatch) -> tuple[Tensor, Tensor]:
        """The loss, and the logits (batch, frames, bins)."""
        mixture = batch.speech + batch.noise
        logits, _ = self.net(mixture.abs(), batch.num_frames)
        logits = at_least_float32(logits)
        own = own_frames(batch.num_frames, mixture.shape[1])[..., None]  # (batch, frames, 1)
        mask = logits.sigmoid() * own
        if self.loss == "snr":
            return negative_snr(batch.speech, mask * mixture), logits
        if self.loss == "magnitude":
            error = (mask * mixture.abs() - batch.speech.abs()).square().sum((1, 2))
            loss = (error / energy(batch.speech)).mean()
        else:
            target = TARGETS[self.target](batch.speech, batch.noise)
            weights = own * mixture.abs().pow(self.weight_power)
            weights = weights / weights.sum((1, 2), keepdim=True)  # a mixture's level and length do not count
            loss = F.binary_cross_entropy_with_logits(logits, target, weights, reduction="sum") / len(target)
        if self.snr_weight:
            loss = loss + self.snr_weight * negative_snr(batch.speech, mask * mixture)
        return loss, logits

    def _evaluate(self, split: str, batch: SpeechBatch) -> None:
        loss, logits = self._loss(batch)
        mask = logits.sigmoid()
        found = mean_snr(batch, torch.stack([mask, rounded(mask), torch.ones_like(mask)]))
        names = ("snr", "hard_snr", "mixture_snr")
        self.sums.add(split, len(batch.num_frames), loss=loss, **dict(zip(names, found, strict=True)))


def energy(spectra: Tensor) -> Tensor:
    """(batch,) of spectra (batch, frames, bins)."""
    return spectra.abs().square().sum((1, 2))


def negative_snr(speech: Tensor, estimate: Tensor) -> Tensor:
    """In dB, of spectra (batch, frames, bins), a mean over the batch."""
    return -decibels(energy(speech), energy(estimate - speech)).mean()


def mean_snr(batch: SpeechBatch, masks: Tensor) -> Tensor:
    """The mean SNRs (...) in dB of the signals that masks (..., batch, frames, bins) let through."""
    masked = masks * (batch.speech + batch.noise)
    sizes = zip(batch.num_frames.tolist(), batch.num_samples.tolist(), strict=True)
    # each by itself: the inverse transform of a padded one would fade its last samples into the padding
    found = [
        snr(istft(batch.speech[row, :frames], samples), istft(masked[..., row, :frames, :], samples))
        for row, (frames, samples) in enumerate(sizes)
    ]
    return torch.stack(found).mean(0)
