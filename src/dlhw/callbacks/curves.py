"""Loss and accuracy by epoch, as a figure."""

import pytorch_lightning as pl

from dlhw.callbacks.metrics_csv import epochs_of
from dlhw.callbacks.recorder import Recorder
from dlhw.figures import curves


class Curves(Recorder):
    """Draws the run's learning curves when training has ended, the chosen epoch marked."""

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        history = epochs_of(trainer).history()
        if not history:
            return
        title = f"{self.record.facts['experiment']}: loss and accuracy by epoch"
        figure = curves(
            history,
            title=title,
            data_name=self.data.title,
            chosen_epoch=self.record.facts.get("chosen_epoch"),
        )
        caption = (
            "Loss and accuracy after each epoch. The training curve is the mean over the epoch's batches, "
            "with dropout and augmentation as trained; the marked epoch is the one that was tested."
        )
        self.record.add_figure(figure, "curves", title, caption)
