"""What the top half of an image alone tells of its class: how far any completion of it can be expected to be read."""

import torch
from torch import Tensor
from torch.nn import functional as F

from dlhw.nets.cnn import CNN
from dlhw.precision import double

CHUNK = 2000  # images at once
RIDGE = 1e-3  # of the mean of the features' squares


class TopHalfReader:
    """A trained classifier's convolutions under a new last layer, fitted in closed form to images with a blank bottom
    half: ridge regression from its last maps to the classes.

    Args:
        images: (num, 1, height, width) that the last layer is fitted to; only their top halves are looked at.
        labels: their classes, (num,).
    """

    def __init__(self, net: CNN, images: Tensor, labels: Tensor) -> None:
        self.net = net
        gram, products = torch.zeros(()).double(), torch.zeros(()).double()
        for chunk, wanted in zip(images.split(CHUNK), labels.split(CHUNK), strict=True):
            features = self._features(chunk)
            gram = features.T @ features + gram.to(features)
            products = features.T @ double(F.one_hot(wanted, net.head.out_features)) + products.to(features)
        penalty = RIDGE * gram.diagonal().mean() * torch.eye(len(gram)).to(gram)
        self.weights = torch.linalg.solve(gram + penalty, products)  # (features, classes)

    def read(self, images: Tensor) -> Tensor:
        """The class (num,) read in the top half of each image (num, 1, height, width)."""
        found = [(self._features(chunk) @ self.weights).argmax(1) for chunk in images.split(CHUNK)]
        return torch.cat(found).to(images.device)

    @torch.no_grad()
    def _features(self, images: Tensor) -> Tensor:
        """(num, features + 1), the last of them 1."""
        blanked = images.clone()
        blanked[..., images.shape[-2] // 2 :, :] = 0
        return double(F.pad(self.net.maps(blanked), (0, 1), value=1.0))
