"""The confusion matrix of the test set, as a figure."""

import pytorch_lightning as pl

from dlhw.callbacks.recorder import Recorder
from dlhw.figures import confusion_matrix
from dlhw.models.classifier import Classifier


class Confusion(Recorder):
    """Draws the test set's confusion matrix of the chosen checkpoint."""

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        counts = pl_module.confusion
        assert counts is not None
        title = f"{self.record.facts['experiment']}: confusion matrix of the test set"
        names = self.data.class_names
        figure = confusion_matrix(counts.cpu().numpy(), names, title=title, data_name=self.data.title)
        caption = "Counts of the test set: rows are the true classes, columns the predicted ones."
        self.record.add_figure(figure, "confusion", title, caption)
