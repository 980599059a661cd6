"""The SNR of denoised validation mixtures by epoch, as a figure."""

import pytorch_lightning as pl

from dlhw.callbacks.metrics_csv import epochs_of
from dlhw.callbacks.recorder import Recorder
from dlhw.figures import metric_by_epoch

LINES = {"soft mask": "val/snr", "hard mask": "val/hard_snr", "mixture": "val/mixture_snr"}


class SnrCurve(Recorder):
    """Draws the mean SNR that soft and hard masks reach on the validation part, beside that of its mixtures."""

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        rows = epochs_of(trainer).rows
        series = {
            label: [(row["epoch"], row[metric], None) for row in rows if metric in row]
            for label, metric in LINES.items()
        }
        if not any(series.values()):
            return
        title = f"{self.record.facts['experiment']}: SNR of denoised validation mixtures"
        figure = metric_by_epoch(series, ylabel="SNR (dB)", title=title, data_name=self.data.title)
        caption = "Means over the mixtures after each epoch; a hard mask is the soft one rounded to 0 and 1."
        self.record.add_figure(figure, "snr", title, caption)
