"""Accuracy at every rank, from one SVD of each weight."""

import warnings
from collections.abc import Sequence

import pytorch_lightning as pl
import torch

from dlhw import lowrank
from dlhw.callbacks.recorder import Recorder
from dlhw.figures import metric_against, singular_values
from dlhw.lowrank.svd import Rank
from dlhw.metrics.classification import evaluate
from dlhw.metrics.parameters import num_parameters
from dlhw.start import TRUNCATIONS


class TruncationCurve(Recorder):
    """Test accuracy of the untrained truncations at each rank, plain and activation-aware, and the spectra.

    Args:
        ranks: the ranks to show, all cut from the decompositions that the run started with.
    """

    def __init__(self, ranks: Sequence[Rank]) -> None:
        self.ranks = list(ranks)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        with warnings.catch_warnings():
            # the table shows each rank's share of the baseline's parameters: no need to warn of the large ones
            warnings.simplefilter("ignore", lowrank.CompressionWarning)
            self._show(pl_module.device)

    def _show(self, device: torch.device) -> None:
        data, decompositions = self.data, self.start.decompositions
        accuracies = {
            title: [
                evaluate(decompositions[way].truncate(rank=rank)[0].to(device), data.loader("test")).accuracy
                for rank in self.ranks
            ]
            for way, title in TRUNCATIONS.items()
        }
        plain = decompositions["plain"]
        sizes = [self._num_parameters(plain, rank) for rank in self.ranks]
        self._table(accuracies, sizes)
        self._figures(accuracies, plain, data.title)

    @staticmethod
    def _num_parameters(decomposition: lowrank.Decomposition, rank: Rank) -> int:
        """Parameters of the whole network, S counted as D numbers beside U and V (as assignment D counts)."""
        net, table = decomposition.truncate(rank=rank)
        return num_parameters(net) + sum(layer.rank for layer in table.layers)

    def _table(self, accuracies: dict[str, list[float]], sizes: list[int]) -> None:
        metrics = self.record.metrics
        size, accuracy = int(metrics["baseline/parameters"]), metrics["baseline/test_acc"]
        rows: list[list] = [["baseline", size, 1.0, *[accuracy] * len(accuracies)]]
        for number, rank in enumerate(self.ranks):
            values = [values[number] for values in accuracies.values()]
            rows.append([rank, sizes[number], sizes[number] / size, *values])
            for name, value in zip(TRUNCATIONS, values, strict=True):
                metrics[f"{name}/test_acc_rank_{rank}"] = value
        self.record.add_table(
            "Truncation without training",
            ["D", "parameters", "share of the baseline's", *accuracies],
            rows,
            note="Parameters count U, S (as D numbers), V, the biases and the last layer, which is left alone.",
            percent=["share of the baseline's", *accuracies],
        )

    def _figures(
        self, accuracies: dict[str, list[float]], decomposition: lowrank.Decomposition, data_name: str
    ) -> None:
        title = "Test accuracy after truncation, without training"
        figure = metric_against(
            self.ranks,
            {
                name: [(rank, 100 * value, None) for rank, value in zip(self.ranks, values, strict=True)]
                for name, values in accuracies.items()
            },
            xlabel="rank D kept in each of the first five weight matrices",
            ylabel="test accuracy (%)",
            title=title,
            data_name=data_name,
            x_log=True,
            baseline=("baseline", 100 * self.record.metrics["baseline/test_acc"]),
        )
        self.record.add_figure(
            figure, "truncation", title, "Each weight's SVD is computed once; D values of it are kept."
        )
        title = "Singular values of the baseline's weights"
        spectra = {name: layer.S.cpu().numpy() for name, layer in decomposition.layers.items()}
        figure = singular_values(
            spectra, title=title, data_name=data_name, ranks=[rank for rank in self.ranks if isinstance(rank, int)]
        )
        self.record.add_figure(
            figure, "singular_values", title, "How fast the singular values decay, and the energy they hold."
        )
