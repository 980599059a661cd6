"""Loss and accuracy by epoch, as a figure."""

from collections.abc import Mapping

import pytorch_lightning as pl

from dlhw.callbacks.metrics_csv import epochs_of
from dlhw.callbacks.recorder import Recorder
from dlhw.figures import curves


class Curves(Recorder):
    """Draws the run's learning curves when training has ended, the chosen epoch marked.

    Args:
        loss_label: what the loss is, with its unit.
        log_loss: draws it on a logarithmic axis.
        reference: the `label` of a horizontal line at the value of a `metric` of the run, drawn once that is known.
    """

    def __init__(
        self, loss_label: str = "loss (nats)", log_loss: bool = False, reference: Mapping[str, str] | None = None
    ) -> None:
        self.loss_label, self.log_loss, self.reference = loss_label, log_loss, reference

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        history = epochs_of(trainer).history()
        if not history:
            return
        with_accuracy = any(name.endswith("/acc") for name in history)
        what = "loss and accuracy" if with_accuracy else "loss"
        title = f"{self.record.facts['experiment']}: {what} by epoch"
        figure = curves(
            history,
            title=title,
            data_name=self.data.title,
            chosen_epoch=self.record.facts.get("chosen_epoch"),
            loss_label=self.loss_label,
            log_loss=self.log_loss,
            reference=self._line(),
        )
        caption = (
            f"{what.capitalize()} after each epoch. The training curve is the mean over the epoch's batches, "
            "with dropout and augmentation as trained"
        )
        chosen = "; the marked epoch is the one that was tested." if "chosen_epoch" in self.record.facts else "."
        self.record.add_figure(figure, "curves", title, caption + chosen)

    def _line(self) -> tuple[str, float] | None:
        if self.reference is None or self.reference["metric"] not in self.record.metrics:
            return None
        return self.reference["label"], self.record.metrics[self.reference["metric"]]
