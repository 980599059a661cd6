"""BatchNorm folded into the weights before the test."""

import pytorch_lightning as pl

from dlhw import lowrank
from dlhw.callbacks.recorder import Recorder
from dlhw.metrics.parameters import count_parameters
from dlhw.models.classifier import Classifier


class FoldBatchNorm(Recorder):
    """Tests and counts the network as it would be used: BatchNorm is an affine map by then, and the layer before it
    does its work.
    """

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        pl_module.net = lowrank.fold_batch_norm(pl_module.net)
        pl_module.net.eval()
        self.record.facts["parameters"] = count_parameters(pl_module.net)
        self.record.notes.append("BatchNorm was folded into the weights before the test and the parameter count.")
