"""The weights of an autoencoder's first layer as images, through training."""

import math
from pathlib import Path

import pytorch_lightning as pl
import torch
from matplotlib.figure import Figure
from pytorch_lightning import Callback
from torch import Tensor, nn

from dlhw.callbacks.recorder import Recorder
from dlhw.figures import image_sheet
from dlhw.files import replacing

MOST_SHOWN = 64  # images on a sheet
CLIPPED = 0.999  # the quantile of the weights' magnitudes beyond which they are shown black or white


class WeightSnapshots(Callback):
    """Keeps fc1's weights as they were before training, after every `every` epochs and after the last.

    Each is a file of the run's folder, so a resumed run has those before it and overwrites the rest.
    """

    def __init__(self, every: int = 10) -> None:
        self.every = every

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.global_step == 0:
            self._write(trainer, pl_module, 0)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        epoch = trainer.current_epoch + 1
        if epoch % self.every == 0 or epoch == trainer.max_epochs or trainer.should_stop:
            self._write(trainer, pl_module, epoch)

    def _write(self, trainer: pl.Trainer, pl_module: pl.LightningModule, epoch: int) -> None:
        if trainer.is_global_zero:
            with replacing(Path(trainer.default_root_dir) / "weights" / f"epoch_{epoch:05d}.pt") as file:
                torch.save(first_weights(pl_module).detach().cpu().clone(), file)


class WeightSheets(Recorder):
    """Draws each snapshot of fc1 as a sheet of one image a unit, all on one scale, and all of them as an animation.

    Below them fc2, as it is tested: what each number of the code adds to the image.
    """

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        snapshots = load_snapshots(self.record.folder)
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


def load_snapshots(folder: Path) -> dict[int, Tensor]:
    """The weights (num_units, num_inputs) by epoch."""
    files = sorted((folder / "weights").glob("epoch_*.pt"))
    return {int(file.stem.removeprefix("epoch_")): torch.load(file, weights_only=True) for file in files}
