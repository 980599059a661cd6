"""What compression did: each layer's size and error, the accuracy before and after training, the exported factors."""

import pytorch_lightning as pl
import torch
from torch import nn

from dlhw import lowrank
from dlhw.callbacks.recorder import Recorder
from dlhw.figures import confusion_matrix
from dlhw.files import replacing
from dlhw.metrics.parameters import num_parameters
from dlhw.models.classifier import Classifier
from dlhw.start import TRUNCATIONS


class CompressionReport(Recorder):
    """Tables and figures of a run that starts from a compressed baseline."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        net, table = pl_module.net, self.start.table
        if any(isinstance(layer, lowrank.StraightThroughLinear) for layer in net.modules()):
            net, table = lowrank.export(net)
        assert table is not None
        self.record.add_table("Compression by layer", table.columns, table.rows())
        self._sizes(net)
        self._accuracies(trainer)
        self._confusion_before()
        self._save(net)

    def _sizes(self, net: nn.Module) -> None:
        assert self.start.baseline is not None
        metrics = self.record.metrics
        metrics["baseline/parameters"] = num_parameters(self.start.baseline)
        metrics["parameters/total"] = num_parameters(net)
        metrics["parameters/ratio"] = metrics["baseline/parameters"] / metrics["parameters/total"]

    def _accuracies(self, trainer: pl.Trainer) -> None:
        metrics = self.record.metrics
        size = int(metrics["parameters/total"])
        rows: list[list] = [["baseline", int(metrics["baseline/parameters"]), metrics["baseline/test_acc"]]]
        for way, title in TRUNCATIONS.items():
            if f"{way}/test_acc" in metrics:
                rows.append([f"truncated by the {title}", size, metrics[f"{way}/test_acc"]])
        rows.append(["as training finds it", size, metrics["start/test_acc"]])
        if "untrained" not in self.record.facts:
            rows.append(["after training", size, float(trainer.callback_metrics["test/acc"])])
        columns = ["network", "parameters", "test accuracy"]
        self.record.add_table("Accuracy and size", columns, rows, percent=["test accuracy"])

    def _confusion_before(self) -> None:
        assert self.start.before is not None
        title = f"{self.record.facts['experiment']}: confusion matrix before training"
        figure = confusion_matrix(
            self.start.before.confusion.cpu().numpy(), self.data.class_names, title=title, data_name=self.data.title
        )
        caption = "Counts of the test set right after the compression, before any training."
        self.record.add_figure(figure, "confusion_before", title, caption)

    def _save(self, net: nn.Module) -> None:
        """The factors alone, as a state dict that a plain model of `LowRankLinear` layers loads."""
        with replacing(self.record.folder / "factors.pt") as file:
            torch.save(net.state_dict(), file)
        size = (self.record.folder / "factors.pt").stat().st_size
        self.record.metrics["factors/bytes"] = size
        self.record.notes.append(f"The exported factors are in factors.pt ({size / 1e6:.2f} MB).")
