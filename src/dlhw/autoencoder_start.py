"""How the weights of an autoencoder with one layer each way are first chosen.

Torch's own start leaves such a network far from what it can do on images. Their pixels are all positive, so the first
steps move all codes the same way, and a ReLU whose code is negative on every image stays silent for good. Three things
mend it, each of which can be had alone: the mean image as the network's offset, an orthonormal basis as both its
matrices, and a code bias that keeps the ReLUs open, taken back by the output's bias, so that the network starts as a
projection onto a subspace. The subspace is a random one, or the eigenfaces'.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from dlhw import eigenfaces
from dlhw.data.memory import MemoryData
from dlhw.nets.autoencoder import Autoencoder
from dlhw.start import Start

Make = Callable[[nn.Module, MemoryData], Start]


def random_subspace(centred: bool = True, orthonormal: bool = True, code_bias: float = 5.0) -> Make:
    """The mean training image as offset, and a random orthonormal basis.

    Args:
        centred: whether the offset is set.
        orthonormal: whether the matrices are; torch's own otherwise.
        code_bias: added to each code; the output's bias takes it back. None: biases as torch draws them.
    """

    def make(net: nn.Module, data: MemoryData) -> Start:
        assert isinstance(net, Autoencoder)
        fc1, fc2 = layers(net)
        if centred:
            net.offset.copy_(data.augmented(1).flatten(1).mean(0))
        if orthonormal:
            basis = torch.linalg.qr(torch.randn(fc1.in_features, fc1.out_features)).Q
            set_basis(fc1, fc2, basis)
        if code_bias > 0:
            open_codes(fc1, fc2, code_bias)
        return Start(net)

    return make


def eigenface_subspace(code_bias: float = 20.0, num_copies: int = 20) -> Make:
    """The mean and the eigenfaces of the training images, in `num_copies` copies where training augments them."""

    def make(net: nn.Module, data: MemoryData) -> Start:
        assert isinstance(net, Autoencoder)
        fc1, fc2 = layers(net)
        model = eigenfaces.fit(data.augmented(num_copies).flatten(1), fc1.out_features)
        net.offset.copy_(model.mean)
        set_basis(fc1, fc2, model.basis)
        open_codes(fc1, fc2, code_bias)
        return Start(net)

    return make


def layers(net: Autoencoder) -> tuple[nn.Linear, nn.Linear]:
    """The encoder's and the decoder's layer.

    Raises:
        ValueError: the network has hidden layers.
    """
    linear = [layer for layer in net.modules() if isinstance(layer, nn.Linear)]
    if len(linear) != 2:
        raise ValueError(f"a start from a subspace needs one layer each way; this autoencoder has {len(linear)} in all")
    return linear[0], linear[1]


@torch.no_grad()
def set_basis(fc1: nn.Linear, fc2: nn.Linear, basis: Tensor) -> None:
    """Both matrices from the columns of `basis` (num_inputs, latent), biases zero."""
    fc1.weight.copy_(basis.T)
    fc2.weight.copy_(basis)
    fc1.bias.zero_()
    fc2.bias.zero_()


@torch.no_grad()
def open_codes(fc1: nn.Linear, fc2: nn.Linear, code_bias: float) -> None:
    """Raise all codes by `code_bias`, and take from the output what that adds to it."""
    fc1.bias.add_(code_bias)
    fc2.bias.sub_(code_bias * fc2.weight.sum(1))
