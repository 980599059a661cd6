"""An autoencoder beside PCA with as many components: the best that any linear code can do on the training images."""

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import functional as F

from dlhw import eigenfaces
from dlhw.callbacks.recorder import Recorder
from dlhw.data.memory import MemoryData
from dlhw.eigenfaces import Eigenfaces
from dlhw.figures import error_against_components, image_grid

PARTS = {"train": "training", "val": "validation", "test": "test"}


class PcaComparison(Recorder):
    """Fits PCA to the training images, and to their augmented copies where training augments them, and tabulates its
    errors beside the network's on each part, all for the images as they are.

    Args:
        components: how many, the size of the network's code; all there are where that is larger.
        num_copies: of each training image, to stand for all that augmentation can make of it.
        shown: images of the training and of the test part to be drawn with their reconstructions.
    """

    def __init__(self, components: int, num_copies: int = 20, shown: int = 8) -> None:
        self.components, self.num_copies, self.shown = components, num_copies, shown

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Before the test begins, so that the learning curves can show where PCA is."""
        self.models = fit_models(self.data, self.num_copies)
        self.components = min(self.components, len(self.models["pca"].singular_values))
        for name, model in self.models.items():
            for part in self.data.parts:
                error = model.errors(self.data.inputs(part).flatten(1))[self.components]
                self.record.metrics[f"{name}/{part}_loss"] = error.item()

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        outputs = {part: reconstruct(pl_module, self.data.inputs(part)) for part in self.data.parts}
        errors = {part: F.mse_loss(made, self.data.inputs(part)).item() for part, made in outputs.items()}
        self.record.metrics |= {f"network/{part}_loss": error for part, error in errors.items()}
        rows = [["network", *errors.values()]]
        rows += [
            [self._label(name), *(self.record.metrics[f"{name}/{part}_loss"] for part in errors)]
            for name in self.models
        ]
        self.record.add_table(
            f"Mean squared error per pixel with a code of {self.components} numbers",
            ["reconstruction by", *(f"{PARTS[part]} images" for part in errors)],
            rows,
            note="On the images as they are, by the checkpoint that was tested. On the training images no linear code "
            "is better than PCA's (Eckart and Young).",
        )
        self._draw(errors, outputs)

    def _label(self, name: str) -> str:
        return f"{self.components} principal components" + (" of augmented images" if name == "pca_augmented" else "")

    def _draw(self, errors: dict[str, float], outputs: dict[str, Tensor]) -> None:
        largest = len(self.models["pca"].singular_values)
        numbers = sorted({n for n in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, self.components) if n <= largest})
        title = "Error against the size of the code"
        lines = {}
        for name, model in self.models.items():
            curve = model.errors(self.data.inputs("test").flatten(1))[numbers].tolist()
            lines["PCA" + (", augmented images" if name == "pca_augmented" else "")] = (numbers, curve)
        figure = error_against_components(
            lines,
            {"network": (self.components, errors["test"])},
            title=title,
            data_name=f"{self.data.title}, test part",
        )
        caption = "Mean squared error per pixel on the test images, which neither was fitted to."
        self.record.add_figure(figure, "error_against_components", title, caption)

        rows, labels = [], []
        for part, label in (("train", "training"), ("test", "test")):
            pixels = self.data.inputs(part)
            shown = torch.linspace(0, len(pixels) - 1, min(self.shown, len(pixels))).long()  # so of several people
            pixels = pixels[shown]
            made = self.models["pca"].first(self.components).reconstruct(pixels.flatten(1)).view_as(pixels)
            rows += [pixels, outputs[part][shown], made]
            labels += [f"{label} images", "network", f"PCA, {self.components}"]
        title = "Training and unseen images and their reconstructions"
        grid = torch.stack(rows)[:, :, 0].cpu().numpy()  # (row, image, height, width)
        figure = image_grid(grid, labels, title=title, data_name=self.data.title)
        caption = f"By the network, and by PCA with {self.components} components of the training images."
        self.record.add_figure(figure, "reconstructions", title, caption)


def fit_models(data: MemoryData, num_copies: int) -> dict[str, Eigenfaces]:
    """PCA of the training images, with all components for the curves, and of their augmented copies."""
    models = {"pca": eigenfaces.fit(data.inputs("train").flatten(1))}
    if data.augment is not None:
        models["pca_augmented"] = eigenfaces.fit(data.augmented(num_copies).flatten(1))
    return models


@torch.no_grad()
def reconstruct(net: torch.nn.Module, images: Tensor) -> Tensor:
    """What the network makes of images, in evaluation mode: Lightning has set it for the test."""
    return torch.cat([net(part) for part in images.split(2000)])
