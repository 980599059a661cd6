"""The losses and scores of a generator and its discriminator by epoch, as a figure."""

import pytorch_lightning as pl

from dlhw.callbacks.metrics_csv import epochs_of
from dlhw.callbacks.recorder import Recorder
from dlhw.figures import adversarial_curves


class AdversarialCurves(Recorder):
    """Draws what a `Gan` logged after each epoch."""

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        history = epochs_of(trainer).history()
        if not history:
            return
        title = f"{self.record.facts['experiment']}: losses and scores by epoch"
        caption = (
            "Left: the two losses; right: the mean probability of being real that the discriminator gives to real "
            "images and to fakes. Solid: means over the epoch's training batches, as trained. Dashed: after the epoch, "
            "on images of the validation part and as many samples. Dotted: where a discriminator is that cannot tell "
            "fakes from real images, a loss of ln 2 = 0.693 nats and a probability of 0.5."
        )
        figure = adversarial_curves(history, title=title, data_name=self.data.title)
        self.record.add_figure(figure, "curves", title, caption)
