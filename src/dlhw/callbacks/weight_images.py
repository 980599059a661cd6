"""The weights of an autoencoder's first layer as images, through training."""

import math

import pytorch_lightning as pl
from matplotlib.figure import Figure
from torch import Tensor, nn

from dlhw.callbacks.recorder import Recorder
from dlhw.callbacks.snapshots import Snapshots, load_snapshots
from dlhw.figures import image_sheet

MOST_SHOWN = 64  # images on a sheet
CLIPPED = 0.999  # the quantile of the weights' magnitudes beyond which they are shown black or white


class WeightSnapshots(Snapshots):
    """Keeps fc1's weights (num_units, num_inputs)."""

    folder = "weights"

    def take(self, pl_module: pl.LightningModule) -> Tensor:
        return first_weights(pl_module).detach().cpu().clone()


class WeightSheets(Recorder):
    """Draws each snapshot of fc1 as a sheet of one image a unit, all on one scale, and all of them as an animation.

    Below them fc2, as it is tested: what each number of the code adds to the image.
    """

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        snapshots = load_snapshots(self.record.folder / WeightSnapshots.folder)
        if not snapshots or not trainer.is_global_zero:
            return
        num_units = len(next(iter(snapshots.values())))
        shown = {epoch: weights[:MOST_SHOWN] for epoch, weights in snapshots.items()}
        limit = max(weights.abs().quantile(CLIPPED).item() for weights in shown.values()) or 1.0
        sheets = {
            epoch: self._sheet(weights, f"fc1's weights, epoch {epoch}", limit) for epoch, weights in shown.items()
        }
        units = (
            f"each of the {num_units}" if num_units <= MOST_SHOWN else f"the first {MOST_SHOWN} of the {num_units:,}"
        )
        caption = f"An image for {units} numbers of the code: its weights on the pixels. Grey is zero; "
        on_one_scale = caption + "all epochs are on one scale."
        self.record.add_animation(list(sheets.values()), "fc1_weights", "fc1's weights through training", on_one_scale)
        for epoch, sheet in sheets.items():
            self.record.add_figure(sheet, f"fc1_epoch_{epoch:05d}", f"fc1's weights, epoch {epoch}", on_one_scale)
        columns = last_weights(pl_module).T[:MOST_SHOWN].detach().cpu()
        title = "fc2's weights, as tested"
        figure = self._sheet(columns, title, columns.abs().quantile(CLIPPED).item() or 1.0)
        self.record.add_figure(figure, "fc2", title, caption + "signs are arbitrary.")

    def _sheet(self, weights: Tensor, title: str, limit: float) -> Figure:
        side = math.isqrt(weights.shape[1])
        images = weights.view(-1, side, side).numpy()
        return image_sheet(images, title=title, data_name=self.data.title, symmetric=True, limit=limit)


def first_weights(module: nn.Module) -> Tensor:
    """The weight (num_units, num_inputs) of the first linear layer."""
    return next(layer.weight for layer in module.modules() if isinstance(layer, nn.Linear))


def last_weights(module: nn.Module) -> Tensor:
    """The weight (num_outputs, num_units) of the last linear layer."""
    return [layer.weight for layer in module.modules() if isinstance(layer, nn.Linear)][-1]
