"""The dense autoencoder."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from dlhw.nets.mlp import ACTIVATIONS

CODES: dict[str, type[nn.Module]] = {**ACTIVATIONS, "linear": nn.Identity}
OUTPUTS: dict[str, type[nn.Module]] = {"linear": nn.Identity, "sigmoid": nn.Sigmoid}


class Autoencoder(nn.Module):
    """Fully connected layers down to a code and, mirrored, back up: num_inputs - hidden - latent - hidden - num_inputs.

    With no hidden layer it is `x -> fc1 -> code activation -> fc2`. Inputs of any shape (batch, ...) are flattened, and
    come back in their shape.

    `offset` (num_inputs,) is taken from the inputs and added to the outputs. It adds nothing to what the network can
    be, since the biases could hold it, but much to how it learns (see `dlhw.autoencoder_start`); zero unless a start
    sets it, and not trained.

    Args:
        activation: after the hidden layers.
        code_activation: after the layer that gives the code; linear leaves it as it is.
        output: linear, or sigmoid for pixels in 0..1.
    """

    offset: Tensor

    def __init__(
        self,
        num_inputs: int,
        hidden: Sequence[int],
        latent: int,
        activation: str = "relu",
        code_activation: str = "relu",
        output: str = "linear",
    ) -> None:
        super().__init__()
        widths = [num_inputs, *hidden, latent]
        between = [ACTIVATIONS[activation]] * len(hidden)
        self.encoder = dense(widths, [*between, CODES[code_activation]])
        self.decoder = dense(widths[::-1], [*between, OUTPUTS[output]])
        self.register_buffer("offset", torch.zeros(num_inputs))

    def encode(self, x: Tensor) -> Tensor:
        """The codes, (batch, latent)."""
        return self.encoder(x.flatten(1) - self.offset)

    def decode(self, codes: Tensor) -> Tensor:
        """What codes (batch, latent) stand for, flat: (batch, num_inputs)."""
        return self.decoder(codes) + self.offset

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x)).view_as(x)


def dense(widths: Sequence[int], activations: Sequence[type[nn.Module]]) -> nn.Sequential:
    """[Linear, activation] from each width to the next."""
    layers: list[nn.Module] = []
    for (fan_in, fan_out), activation in zip(pairwise(widths), activations, strict=True):
        layers += [nn.Linear(fan_in, fan_out), activation()]
    return nn.Sequential(*layers)
