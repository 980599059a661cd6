"""scikit-learn's own digits: 1,797 images of 8 x 8 pixels, embedded in the library, enlarged to 28 x 28."""

import torch
from torch import Tensor
from torch.nn import functional as F

NUM_TEST = 359  # the last fifth; scikit-learn's order keeps writers together, so these are other writers


def load() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Train images (1438, 28, 28) uint8, train labels (1438,), and the same of the 359 test images."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    small = torch.from_numpy(digits.images).float()[:, None] / 16  # (1797, 1, 8, 8) in 0..1
    # to 20 x 20 in the middle of 28 x 28, as MNIST places its digits
    large = F.interpolate(small, size=20, mode="bicubic", align_corners=False).clamp(0, 1)
    images = (F.pad(large, (4, 4, 4, 4))[:, 0] * 255).round().byte()  # (1797, 28, 28)
    labels = torch.from_numpy(digits.target).long()
    return images[:-NUM_TEST], labels[:-NUM_TEST], images[-NUM_TEST:], labels[-NUM_TEST:]
