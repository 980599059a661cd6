"""The speech recovered from mixtures whose parts nobody gave: what the assignment wants handed in."""

import io
import zipfile
from typing import TYPE_CHECKING

import pytorch_lightning as pl
import torch

from dlhw.audio.stft import SAMPLE_RATE, istft, stft
from dlhw.audio.write import wav_bytes
from dlhw.callbacks.recorder import Recorder
from dlhw.files import write_atomically
from dlhw.masking import soft_mask
from dlhw.models.mask_estimator import MaskEstimator

if TYPE_CHECKING:
    from dlhw.data.speech import SpeechData

FOLDER = "recovered"


class Recovered(Recorder):
    """Writes `recovered/<name>.wav` for each unlabelled mixture of the data, and all of them as `recovered.zip`.

    Nothing is written where the data has none.
    """

    data: "SpeechData"  # type: ignore[assignment]  # of sound, not of images

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero or not self.data.unlabelled:
            return
        assert isinstance(pl_module, MaskEstimator)
        mask = soft_mask(pl_module.net.eval().cpu())
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, signal in self.data.unlabelled:
                spectra = stft(signal)
                content = wav_bytes(istft(mask(spectra, torch.zeros_like(spectra)) * spectra, len(signal)), SAMPLE_RATE)
                write_atomically(self.record.folder / FOLDER / f"{name}.wav", content)
                archive.writestr(f"{name}.wav", content)
        write_atomically(self.record.folder / f"{FOLDER}.zip", buffer.getvalue())
        self.record.notes.append(
            f"{len(self.data.unlabelled):,} unlabelled mixtures were denoised: recovered.zip and recovered/*.wav."
        )
