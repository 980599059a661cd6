"""Generators and discriminators of images of 28 x 28 pixels, dense and convolutional.

Generators turn noise (batch, latent) into images (batch, 1, 28, 28) with pixels in 0..1; discriminators turn images
into logits (batch,), high for real ones. Goodfellow et al. (2014), "Generative adversarial nets"; the kinds of layers
are those of Radford, Metz and Chintala (2016), "Unsupervised representation learning with deep convolutional generative
adversarial networks" (DCGAN).

A generator in training normalises by its batch's statistics: of a batch of 1 torch's BatchNorm raises ValueError
("Expected more than 1 value per channel"). In evaluation any batch will do.

A discriminator with `spectral_norm` (Miyato et al., 2018, "Spectral normalization for generative adversarial networks")
keeps the largest singular value of every layer's weights near 1, by a power iteration whose vectors are buffers: each
forward pass in training mode changes them, also where the parameters are frozen.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

SIDE = 28
NUM_PIXELS = SIDE * SIDE
NUM_CHANNELS, COARSE = 128, SIDE // 4  # of the coarsest feature maps: 128 of 7 x 7
NUM_FEATURES = NUM_CHANNELS * COARSE * COARSE  # 6,272
SLOPE = 0.2  # of the leaky ReLU (Radford et al., section 4)

WEIGHTED = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


class DenseGenerator(nn.Module):
    """[Linear, BatchNorm, LeakyReLU] x hidden, Linear, sigmoid.

    Args:
        dcgan: start from `dcgan_initialise` in place of torch's own initialisation.

    Raises:
        ValueError: `latent` or a width is less than 1.
    """

    def __init__(self, latent: int = 100, hidden: Sequence[int] = (256, 512, 1024), dcgan: bool = False) -> None:
        super().__init__()
        check_sizes(latent, hidden)
        self.latent = latent
        widths = [latent, *hidden]
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(widths):
            # BatchNorm takes the mean away, and any bias with it
            layers += [nn.Linear(fan_in, fan_out, bias=False), nn.BatchNorm1d(fan_out), nn.LeakyReLU(SLOPE)]
        layers += [nn.Linear(widths[-1], NUM_PIXELS), nn.Sigmoid(), nn.Unflatten(1, (1, SIDE, SIDE))]
        self.layers = nn.Sequential(*layers)
        if dcgan:
            dcgan_initialise(self)

    def forward(self, noise: Tensor) -> Tensor:
        return self.layers(noise)


class DenseDiscriminator(nn.Module):
    """Flatten, [Linear, LeakyReLU, Dropout] x hidden, Linear to one logit.

    Args:
        dcgan: start from `dcgan_initialise` in place of torch's own initialisation.

    Raises:
        ValueError: a width is less than 1.
    """

    def __init__(
        self,
        hidden: Sequence[int] = (1024, 512, 256),
        dropout: float = 0.3,
        spectral_norm: bool = False,
        dcgan: bool = False,
    ) -> None:
        super().__init__()
        check_sizes(1, hidden)
        widths = [NUM_PIXELS, *hidden]
        layers: list[nn.Module] = [nn.Flatten()]
        for fan_in, fan_out in pairwise(widths):
            layers += [nn.Linear(fan_in, fan_out), nn.LeakyReLU(SLOPE), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], 1))
        if dcgan:
            dcgan_initialise(self)
        if spectral_norm:
            normalise_spectra(self)

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images).squeeze(1)


class ConvGenerator(nn.Module):
    """Linear to 6,272 features, [BatchNorm, LeakyReLU], and two transposed convolutions, 5 x 5 with stride 2; sigmoid.

    The features are 128 maps of 7 x 7; the first convolution makes them `width` maps of 14 x 14, again with BatchNorm
    and LeakyReLU, and the second the image.

    Args:
        dcgan: start from `dcgan_initialise` in place of torch's own initialisation.

    Raises:
        ValueError: `latent` or `width` is less than 1.
    """

    def __init__(self, latent: int = 100, width: int = 64, dcgan: bool = False) -> None:
        super().__init__()
        check_sizes(latent, [width])
        self.latent = latent
        self.layers = nn.Sequential(
            nn.Linear(latent, NUM_FEATURES, bias=False),
            nn.BatchNorm1d(NUM_FEATURES),
            nn.LeakyReLU(SLOPE),
            nn.Unflatten(1, (NUM_CHANNELS, COARSE, COARSE)),
            doubling(NUM_CHANNELS, width, bias=False),  # (batch, width, 14, 14)
            nn.BatchNorm2d(width),
            nn.LeakyReLU(SLOPE),
            doubling(width, 1),  # (batch, 1, 28, 28)
            nn.Sigmoid(),
        )
        if dcgan:
            dcgan_initialise(self)

    def forward(self, noise: Tensor) -> Tensor:
        return self.layers(noise)


class ConvDiscriminator(nn.Module):
    """Two convolutions, 5 x 5 with stride 2, each with LeakyReLU and dropout; the 6,272 features to one logit.

    The image becomes `width` maps of 14 x 14, and these the 128 maps of 7 x 7 from which `ConvGenerator` starts. The
    default width gives half of that generator's parameters; 64, the mirror image of its maps, gives a quarter, for half
    of the time.

    Args:
        dcgan: start from `dcgan_initialise` in place of torch's own initialisation.

    Raises:
        ValueError: `width` is less than 1.
    """

    def __init__(
        self, width: int = 128, dropout: float = 0.3, spectral_norm: bool = False, dcgan: bool = False
    ) -> None:
        super().__init__()
        check_sizes(1, [width])
        self.layers = nn.Sequential(
            nn.Conv2d(1, width, 5, stride=2, padding=2),  # (batch, width, 14, 14)
            nn.LeakyReLU(SLOPE),
            nn.Dropout(dropout),
            nn.Conv2d(width, NUM_CHANNELS, 5, stride=2, padding=2),  # (batch, 128, 7, 7)
            nn.LeakyReLU(SLOPE),
            nn.Dropout(dropout),
            nn.Flatten(),
            nn.Linear(NUM_FEATURES, 1),
        )
        if dcgan:
            dcgan_initialise(self)
        if spectral_norm:
            normalise_spectra(self)

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images).squeeze(1)


Generator = DenseGenerator | ConvGenerator
Discriminator = DenseDiscriminator | ConvDiscriminator


class Adversaries(nn.Module):
    """A generator and the discriminator it is trained against."""

    def __init__(self, generator: Generator, discriminator: Discriminator) -> None:
        super().__init__()
        self.generator, self.discriminator = generator, discriminator


def doubling(num_inputs: int, num_outputs: int, bias: bool = True) -> nn.ConvTranspose2d:
    """To exactly twice the height and width, as the output padding settles."""
    return nn.ConvTranspose2d(num_inputs, num_outputs, 5, stride=2, padding=2, output_padding=1, bias=bias)


def check_sizes(latent: int, widths: Sequence[int]) -> None:
    if latent < 1:
        raise ValueError(f"latent={latent}; the noise must have at least 1 dimension")
    if any(width < 1 for width in widths):
        raise ValueError(f"widths {list(widths)}; every layer must be at least 1 wide")


def dcgan_initialise(net: nn.Module) -> None:
    """Draw the weights from N(0, 0.02^2) and BatchNorm's scales from N(1, 0.02^2), in place; biases become 0.

    Radford et al. (2016), section 4, for the weights; the scales are drawn so in the authors' code. To be called before
    spectral normalisation, which would divide the weights again.

    Raises:
        ValueError: a layer's weights are parametrized.
    """
    for layer in net.modules():
        if parametrize.is_parametrized(layer):
            raise ValueError("the weights are parametrized; initialise before spectral normalisation")
        if isinstance(layer, WEIGHTED):
            nn.init.normal_(layer.weight, 0, 0.02)
        elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.normal_(layer.weight, 1, 0.02)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def normalise_spectra(net: nn.Module) -> None:
    """Spectral normalisation of every layer that has a weight matrix or kernel, in place."""
    for layer in list(net.modules()):
        if isinstance(layer, WEIGHTED):
            parametrizations.spectral_norm(layer)
