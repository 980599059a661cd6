"""A trained classifier as a judge of images that others made: what it reads in them, and the features it sees."""

from pathlib import Path

import torch
from torch import Tensor

from dlhw import checkpoints
from dlhw.files import read_json
from dlhw.nets.cnn import CNN

CHUNK = 2000  # images at once


class Judge:
    """The network of a finished run of a classifier with features.

    Attributes:
        name: the experiment that trained it, as it stands in the names of metrics.
        title: in full: the experiment, its data, seed and test accuracy, and how many features.
    """

    def __init__(self, net: CNN, name: str, title: str) -> None:
        self.net, self.name, self.title = net.eval().requires_grad_(False), name, title

    @classmethod
    def of_folder(cls, folder: Path, device: torch.device) -> "Judge":
        results = read_json(folder / "results.json")
        net = checkpoints.trained_net(folder).to(device)
        assert isinstance(net, CNN)
        name, accuracy = results["experiment"], results["metrics"]["test/acc"]
        title = (
            f"{name} on {results['dataset']['name']}, seed {results['seed']}, {100 * accuracy:.2f} % test accuracy, "
            f"{net.head.in_features} features"
        )
        return cls(net, name, title)

    @property
    def num_classes(self) -> int:
        return self.net.head.out_features

    def features(self, images: Tensor) -> Tensor:
        """(num, num_features) of images (num, 1, height, width) in 0..1."""
        with torch.no_grad():
            return torch.cat([self.net.features(chunk) for chunk in images.split(CHUNK)])

    def classes(self, features: Tensor) -> Tensor:
        """The class (num,) read in each image, from its features."""
        with torch.no_grad():
            return self.net.head(features).argmax(1)

    def read(self, images: Tensor) -> Tensor:
        """The class (num,) read in each of the images (num, 1, height, width) in 0..1."""
        return self.classes(self.features(images))
