"""This run beside the runs it is compared with: learning curves and a table."""

import re
from typing import Any

import pytorch_lightning as pl

from dlhw.callbacks.recorder import Recorder
from dlhw.callbacks.study import studies
from dlhw.figures import compare_curves


class Comparison(Recorder):
    """Draws the losses and accuracies of this run and of its references by epoch, and tabulates sizes and results."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        runs = studies(self, trainer)
        names = {name: f"{name} ({network(run.parameters)})" for name, run in runs.items()}
        histories = {names[name]: run.history for name, run in runs.items() if run.num_epochs}
        if histories:
            title = f"{', '.join(runs)}: loss and accuracy by epoch"
            drops = {names[name]: run.drops() for name, run in runs.items()}
            figure = compare_curves(histories, title=title, data_name=self.data.title, drops=drops)
            caption = (
                "Training (dashed; the mean over the epoch's batches, with dropout and augmentation as trained) and "
                "validation (solid) after each epoch."
            )
            if any(drops.values()):
                caption += " The dotted line is the epoch after which the learning rate was reduced."
            self.record.add_figure(figure, "comparison", title, caption)
        self.record.add_table(
            "Networks compared",
            [
                "experiment", "parameters", "epochs", "best validation accuracy", "test accuracy", "test loss",
                "energy (Wh)",
            ],
            [
                [
                    name, run.parameters["total"], run.num_epochs, run.best("val/acc"), run.test_acc, run.test_loss,
                    run.watt_hours,
                ]
                for name, run in runs.items()
            ],
            note="The test accuracy and loss are those of each run's chosen checkpoint; the energy is that from the "
            "start of the run to the end of its test.",
            percent=["best validation accuracy", "test accuracy"],
        )  # fmt: skip
        self.record.add_table(
            "Parameters by formula",
            ["experiment", "network", "worked out", "counted"],
            [
                [name, network(run.parameters), formula(run.parameters), run.parameters["total"]]
                for name, run in runs.items()
            ],
            note="A layer from n to m units has a weight for each pair and a bias for each output: (n + 1) m in all.",
        )


def widths(parameters: dict[str, Any]) -> list[tuple[int, int]]:
    """The linear layers' numbers of inputs and outputs, from the layers' descriptions (`Linear 784 -> 32`)."""
    described = [re.fullmatch(r"Linear (\d+) -> (\d+)", what) for _, what, _ in parameters["layers"]]
    return [(int(match[1]), int(match[2])) for match in described if match]


def network(parameters: dict[str, Any]) -> str:
    """`784-32-10`."""
    pairs = widths(parameters)
    return "-".join(str(size) for size in [*(num_inputs for num_inputs, _ in pairs), pairs[-1][1]])


def formula(parameters: dict[str, Any]) -> str:
    """The number of parameters worked out: `785·32 + 33·10 = 25,450`; other layers than linear ones add their count."""
    pairs = widths(parameters)
    terms = [f"{num_inputs + 1}·{num_outputs}" for num_inputs, num_outputs in pairs]
    terms += [str(count) for _, what, count in parameters["layers"] if not what.startswith("Linear ")]
    others = sum(count for _, what, count in parameters["layers"] if not what.startswith("Linear "))
    total = sum((num_inputs + 1) * num_outputs for num_inputs, num_outputs in pairs) + others
    return f"{' + '.join(terms)} = {total:,}"
