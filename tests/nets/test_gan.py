"""Generators and discriminators: shapes, sizes, parameter counts, gradients and first weights."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from dlhw.metrics.parameters import num_parameters
from dlhw.nets.gan import (
    ConvDiscriminator,
    ConvGenerator,
    DenseDiscriminator,
    DenseGenerator,
    dcgan_initialise,
)

GENERATORS = [DenseGenerator, ConvGenerator]
DISCRIMINATORS = [DenseDiscriminator, ConvDiscriminator]
Net = Callable[..., nn.Module]


def layers_of(net: nn.Module, *kinds: type[nn.Module]) -> list[nn.Module]:
    return [layer for layer in net.modules() if isinstance(layer, kinds)]


def shapes_within(net: nn.Module, x: torch.Tensor) -> list[tuple[int, ...]]:
    """The shape after each layer, without the batch."""
    shapes = []
    for layer in net.layers:
        x = layer(x)
        shapes.append(tuple(x.shape[1:]))
    return shapes


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize(("batch", "latent"), [(2, 1), (5, 100)])
def test_noise_becomes_images_in_0_1(generator: Net, batch: int, latent: int) -> None:
    images = generator(latent)(10 * torch.randn(batch, latent))
    assert images.shape == (batch, 1, 28, 28)
    assert images.min() >= 0
    assert images.max() <= 1
    assert images.std() > 0


@pytest.mark.parametrize("discriminator", DISCRIMINATORS)
@pytest.mark.parametrize("spectral_norm", [False, True])
@pytest.mark.parametrize("batch", [1, 5])
def test_images_become_one_logit_each(discriminator: Net, spectral_norm: bool, batch: int) -> None:
    logits = discriminator(spectral_norm=spectral_norm)(torch.rand(batch, 1, 28, 28))
    assert logits.shape == (batch,)


def test_the_assignments_layers() -> None:
    generator, discriminator = DenseGenerator(), DenseDiscriminator()
    sizes = [(layer.in_features, layer.out_features) for layer in layers_of(generator, nn.Linear)]
    assert sizes == [(100, 256), (256, 512), (512, 1024), (1024, 784)]
    sizes = [(layer.in_features, layer.out_features) for layer in layers_of(discriminator, nn.Linear)]
    assert sizes == [(784, 1024), (1024, 512), (512, 256), (256, 1)]
    assert len(layers_of(generator, nn.BatchNorm1d)) == len(layers_of(discriminator, nn.Dropout)) == 3
    for layer in layers_of(nn.ModuleList([ConvGenerator(), ConvDiscriminator()]), nn.Conv2d, nn.ConvTranspose2d):
        assert (layer.kernel_size, layer.stride) == ((5, 5), (2, 2))


def test_the_maps_halve_to_6272_features_and_double_back() -> None:
    assert shapes_within(ConvDiscriminator(width=6), torch.rand(2, 1, 28, 28)) == [
        *[(6, 14, 14)] * 3,
        *[(128, 7, 7)] * 3,
        (6272,),
        (1,),
    ]
    assert shapes_within(ConvGenerator(width=6), torch.randn(2, 100)) == [
        *[(6272,)] * 3,
        (128, 7, 7),
        *[(6, 14, 14)] * 3,
        *[(1, 28, 28)] * 2,
    ]


def test_parameter_counts() -> None:
    """By hand: weights, biases where no BatchNorm follows, and two for each normalised unit."""
    layers = 100 * 256 + 256 * 512 + 512 * 1024 + 1024 * 784 + 784
    assert num_parameters(DenseGenerator()) == layers + 2 * (256 + 512 + 1024)
    assert num_parameters(DenseDiscriminator()) == 785 * 1024 + 1025 * 512 + 513 * 256 + 257
    layers = 100 * 6272 + 25 * 128 * 64 + 25 * 64 + 1
    assert num_parameters(ConvGenerator()) == layers + 2 * (6272 + 64)
    assert num_parameters(ConvDiscriminator()) == 26 * 128 + (25 * 128 + 1) * 128 + 6273


@pytest.mark.parametrize(
    ("pair", "most"), [((DenseGenerator, DenseDiscriminator), 1.1), ((ConvGenerator, ConvDiscriminator), 2.1)]
)
def test_both_sides_have_about_as_many_parameters(pair: tuple[Net, Net], most: float) -> None:
    generator, discriminator = (num_parameters(net()) for net in pair)
    assert 1 / most < generator / discriminator < most


@pytest.mark.parametrize("pair", list(zip(GENERATORS, DISCRIMINATORS, strict=True)))
@pytest.mark.parametrize("dcgan", [False, True])
@pytest.mark.parametrize("spectral_norm", [False, True])
def test_gradients_reach_every_parameter_of_both(pair: tuple[Net, Net], dcgan: bool, spectral_norm: bool) -> None:
    torch.manual_seed(0)
    generator, discriminator = pair[0](dcgan=dcgan), pair[1](dcgan=dcgan, spectral_norm=spectral_norm)
    nn.functional.softplus(-discriminator(generator(torch.randn(8, 100)))).mean().backward()
    for parameter in [*generator.parameters(), *discriminator.parameters()]:
        assert parameter.grad.isfinite().all()
        assert parameter.grad.abs().max() > 0


@pytest.mark.parametrize("generator", GENERATORS)
def test_batch_norm_refuses_a_batch_of_1_in_training_only(generator: Net) -> None:
    net = generator()
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        net(torch.randn(1, 100))
    assert net.eval()(torch.randn(1, 100)).shape == (1, 1, 28, 28)


@pytest.mark.parametrize("discriminator", DISCRIMINATORS)
def test_dropout_is_in_training_only(discriminator: Net) -> None:
    net, images = discriminator(dropout=0.5), torch.rand(3, 1, 28, 28)
    assert not torch.equal(net(images), net(images))
    net.eval()
    assert torch.equal(net(images), net(images))


@pytest.mark.parametrize("net", [*GENERATORS, *DISCRIMINATORS])
def test_the_dcgan_start(net: Net) -> None:
    torch.manual_seed(0)
    started = net(dcgan=True)
    for layer in layers_of(started, nn.Linear, nn.Conv2d, nn.ConvTranspose2d):
        draws = layer.weight.numel()
        assert layer.weight.mean().item() == pytest.approx(0, abs=5 * 0.02 / draws**0.5)
        assert layer.weight.std().item() == pytest.approx(0.02, rel=5 / (2 * draws) ** 0.5)
        assert layer.bias is None or not layer.bias.any()
    for layer in layers_of(started, nn.BatchNorm1d, nn.BatchNorm2d):
        draws = layer.weight.numel()
        assert layer.weight.mean().item() == pytest.approx(1, abs=5 * 0.02 / draws**0.5)
        assert layer.weight.std().item() == pytest.approx(0.02, rel=5 / (2 * draws) ** 0.5)
        assert not layer.bias.any()


@pytest.mark.parametrize("discriminator", DISCRIMINATORS)
@pytest.mark.parametrize("dcgan", [False, True])
def test_spectral_norm_makes_the_largest_singular_value_1(discriminator: Net, dcgan: bool) -> None:
    torch.manual_seed(0)
    net = discriminator(spectral_norm=True, dcgan=dcgan)
    with torch.no_grad():
        for _ in range(20):  # each a step of the power iteration
            net(torch.rand(1, 1, 28, 28))
    net.eval()
    for layer in layers_of(net, nn.Linear, nn.Conv2d):
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.05)
    assert num_parameters(net) == num_parameters(discriminator())


def test_the_dcgan_start_refuses_normalised_weights() -> None:
    with pytest.raises(ValueError, match="initialise before spectral normalisation"):
        dcgan_initialise(DenseDiscriminator(spectral_norm=True))


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("latent", [0, -3])
def test_a_latent_of_less_than_1_is_refused(generator: Net, latent: int) -> None:
    with pytest.raises(ValueError, match=f"latent={latent}; .* at least 1 dimension"):
        generator(latent)


@pytest.mark.parametrize(
    ("net", "widths"),
    [
        (DenseGenerator, {"hidden": [8, 0]}),
        (DenseDiscriminator, {"hidden": [0, 8]}),
        (ConvGenerator, {"width": 0}),
        (ConvDiscriminator, {"width": -1}),
    ],
)
def test_widths_of_less_than_1_are_refused(net: Net, widths: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="at least 1 wide"):
        net(**widths)
