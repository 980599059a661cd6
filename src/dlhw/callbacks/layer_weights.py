"""How large the weights of a generator and its discriminator are, layer by layer, through training."""

import math
from collections.abc import Mapping, Sequence
from typing import TypedDict

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from dlhw.callbacks.recorder import Recorder
from dlhw.callbacks.snapshots import Snapshots, load_snapshots
from dlhw.figures import histogram_by_layer, norms_by_epoch
from dlhw.models.gan import Gan
from dlhw.nets.frozen import frozen

MOST_BINS = 81
CLIPPED = 0.999  # the quantile of the weights' magnitudes up to which the bins reach
MOST_EPOCHS = 5  # drawn in a panel
VANISHED, EXPLODED = 0.1, 10.0  # times what they were before training


class Summary(TypedDict):
    """A weight matrix or kernel in numbers; `density` (bins,) is that of its values from -limit to limit."""

    shape: list[int]
    norm: float  # Frobenius
    rms: float
    density: Tensor
    limit: float


Kept = Mapping[str, Mapping[str, Summary]]  # by network and layer
Course = Mapping[str, Sequence[tuple[int, float]]]  # of each layer: epochs, and its RMS over that before training


class LayerWeights(Snapshots):
    """Keeps a `Summary` of each weight matrix and kernel of both networks of a `Gan`, the average left aside."""

    folder = "layer_weights"

    def due(self, epoch: int) -> bool:
        return epoch == 1 or super().due(epoch)

    def take(self, pl_module: pl.LightningModule) -> Kept:
        assert isinstance(pl_module, Gan)
        nets = {"generator": pl_module.net.generator, "discriminator": pl_module.net.discriminator}
        return {
            network: {layer: summary_of(weight) for layer, weight in weights_of(net).items()}
            for network, net in nets.items()
        }


class LayerWeightsReport(Recorder):
    """Draws the weights' distributions and sizes through training, and says whether any vanished or exploded."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        snapshots: dict[int, Kept] = load_snapshots(self.record.folder / LayerWeights.folder)
        if not trainer.is_global_zero or 0 not in snapshots or len(snapshots) < 2:
            return
        courses = courses_of(snapshots)
        self._draw_histograms(snapshots)
        self._draw_norms(courses)
        self.record.notes += [verdict(network, course) for network, course in courses.items()]

    def _draw_histograms(self, snapshots: Mapping[int, Kept]) -> None:
        epochs = spread(list(snapshots), MOST_EPOCHS)
        panels = {
            network: {
                f"{name}: {' x '.join(map(str, layers[name]['shape']))}": {
                    epoch: (
                        snapshots[epoch][network][name]["density"].numpy(),
                        snapshots[epoch][network][name]["limit"],
                    )
                    for epoch in epochs
                }
                for name in layers
            }
            for network, layers in snapshots[0].items()
        }
        title = f"{self.record.facts['experiment']}: the weights' distribution in each layer"
        caption = (
            "Densities of the weights of each layer, on a logarithmic axis; bins reach to the 99.9 % quantile of the "
            "magnitudes. Weights that vanish become a narrow peak at zero, weights that explode a wide, low curve."
        )
        figure = histogram_by_layer(panels, title=title, data_name=self.data.title)
        self.record.add_figure(figure, "weight_histograms", title, caption)

    def _draw_norms(self, courses: Mapping[str, Course]) -> None:
        title = f"{self.record.facts['experiment']}: size of each layer's weights"
        caption = (
            "Root mean square of each layer's weights (its Frobenius norm over the root of their number) in multiples "
            "of what it was before training. A line that falls below 0.1 is a layer whose weights vanish, one that "
            "rises above 10 a layer whose weights explode."
        )
        figure = norms_by_epoch(courses, title=title, data_name=self.data.title)
        self.record.add_figure(figure, "weight_norms", title, caption)


@torch.no_grad()
def weights_of(net: nn.Module) -> dict[str, Tensor]:
    """Each weight matrix and kernel as its layer uses it, under "layer 1", "layer 2", ... in the network's order."""
    with frozen(net):  # to look at a normalised weight in training mode is a step of the power iteration
        weights = [getattr(layer, "weight", None) for layer in net.modules()]
    matrices = [weight for weight in weights if isinstance(weight, Tensor) and weight.ndim > 1]
    return {f"layer {number}": weight for number, weight in enumerate(matrices, 1)}


def summary_of(weight: Tensor) -> Summary:
    values = weight.detach().float().cpu().flatten()
    quantile = values.abs().kthvalue(math.ceil(CLIPPED * len(values))).values.item()
    limit = quantile if 0 < quantile < math.inf else 1.0
    num_bins = min(MOST_BINS, num_bins_for(len(values)))
    counts = values.histc(num_bins, -limit, limit)
    norm = values.norm().item()
    return {
        "shape": list(weight.shape),
        "norm": norm,
        "rms": norm / math.sqrt(len(values)),
        "density": counts / (len(values) * 2 * limit / num_bins),
        "limit": limit,
    }


def num_bins_for(num_values: int) -> int:
    """About the root of their number; odd, so that one bin is around zero."""
    return 2 * (math.isqrt(num_values) // 2) + 1


def courses_of(snapshots: Mapping[int, Kept]) -> dict[str, Course]:
    """Of each network. Epoch 0, before training, must be among the snapshots."""
    return {
        network: {
            layer: [(epoch, kept[network][layer]["rms"] / start["rms"]) for epoch, kept in snapshots.items()]
            for layer, start in layers.items()
        }
        for network, layers in snapshots[0].items()
    }


def spread(epochs: Sequence[int], most: int) -> list[int]:
    """The first two, the last, and between them as evenly as they go others, `most` (3 or more) in all."""
    if len(epochs) <= most:
        return list(epochs)
    step = (len(epochs) - 2) / (most - 2)
    return [epochs[0], *(epochs[round(1 + number * step)] for number in range(most - 1))]


def verdict(network: str, course: Course) -> str:
    """In words, whether any layer's weights vanished or exploded, and how far they came."""
    points = [(multiple, layer, epoch) for layer, line in course.items() for epoch, multiple in line if epoch > 0]
    (least, least_layer, least_epoch), (most, most_layer, most_epoch) = min(points), max(points)
    vanished = "weights vanished" if least < VANISHED else "no layer's weights vanished"
    exploded = "some grew more than tenfold" if most > EXPLODED else "none grew tenfold"
    return (
        f"The {network}: {vanished}, {exploded}. A layer's root mean square was between {least:.2g} ({least_layer}, "
        f"epoch {least_epoch}) and {most:.3g} times ({most_layer}, epoch {most_epoch}) what it was before training."
    )
