"""The dense autoencoder's shape."""

import pytest
import torch
from torch import nn

from dlhw.nets.autoencoder import Autoencoder


def test_the_assignments_network_has_these_layers() -> None:
    net = Autoencoder(784, [128], 64, output="sigmoid")
    kinds = [
        (layer.in_features, layer.out_features) if isinstance(layer, nn.Linear) else type(layer).__name__
        for layer in [*net.encoder, *net.decoder]
    ]
    assert kinds == [(784, 128), "ReLU", (128, 64), "ReLU", (64, 128), "ReLU", (128, 784), "Sigmoid"]


@pytest.mark.parametrize(("hidden", "latent"), [([], 16), ([8], 3), ([20, 10], 1)])
def test_images_come_back_in_their_shape(hidden: list[int], latent: int) -> None:
    net = Autoencoder(36, hidden, latent)
    images = torch.rand(5, 1, 6, 6)
    assert net(images).shape == images.shape
    assert net.encode(images).shape == (5, latent)
    torch.testing.assert_close(net.decode(net.encode(images)), net(images).flatten(1))


def test_the_offset_is_what_the_biases_could_hold() -> None:
    net = Autoencoder(36, [], 4)
    images = torch.rand(5, 36)
    other = Autoencoder(36, [], 4)
    other.load_state_dict(net.state_dict())
    net.offset.copy_(torch.rand(36))
    with torch.no_grad():
        other.encoder[0].bias -= other.encoder[0].weight @ net.offset
        other.decoder[0].bias += net.offset
    torch.testing.assert_close(net(images), other(images))


def test_a_linear_code_may_be_negative_and_a_relu_code_may_not() -> None:
    images = torch.randn(50, 36)
    assert (Autoencoder(36, [], 8, code_activation="linear").encode(images) < 0).any()
    assert (Autoencoder(36, [], 8).encode(images) >= 0).all()
