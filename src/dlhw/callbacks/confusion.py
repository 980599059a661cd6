"""The confusion matrix of the test set, as a figure."""

import pytorch_lightning as pl

from dlhw.callbacks.recorder import Recorder
from dlhw.figures import confusion_matrix


class Confusion(Recorder):
    """Draws the test set's confusion matrix of the chosen checkpoint."""

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        counts = pl_module.confusion
        assert counts is not None, "Confusion needs a module that counts its test predictions"
        title = f"{self.record.facts['experiment']}: confusion matrix of the test set"
        data = trainer.datamodule
        figure = confusion_matrix(counts.cpu().numpy(), data.class_names, title=title, data_name=data.title)
        caption = "Counts of the test set: rows are the true classes, columns the predicted ones."
        self.record.add_figure(figure, "confusion", title, caption)
