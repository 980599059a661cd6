"""The networks of a run: widths, activations, dropout."""

from typing import Annotated

from pydantic import Field, Tag

from dlhw.schema.fields import ACTIVATIONS, CELLS, Count, Natural, Open, Positive, Share, Strict, known_class, one_of

CODES = (*ACTIVATIONS, "linear")
OUTPUTS = ("linear", "sigmoid")
MASK_NETS = ("MaskRNN", "MaskMLP")
NETS = ("MLP", "CNN", "Autoencoder", "Restorer", "Adversaries", "PatchRNN", *MASK_NETS, "Net")


class Net(Open):
    target: str = Field(alias="_target_")


class MLP(Net):
    hidden: Annotated[list[Count], Field(min_length=1)]
    activation: Annotated[str, one_of(*ACTIVATIONS)]
    batch_norm: bool
    dropout: Share


class CNN(Net):
    dropout: Share


class Restorer(Net):
    widths: Annotated[list[Count], Field(min_length=1)]
    num_blocks: Natural


class Autoencoder(Net):
    hidden: list[Count]
    latent: Count
    activation: Annotated[str, one_of(*ACTIVATIONS)]
    code_activation: Annotated[str, one_of(*CODES)]
    output: Annotated[str, one_of(*OUTPUTS)]


class Adversary(Net):
    """A dense one has hidden widths, a convolutional one a width of its maps."""

    hidden: Annotated[list[Count], Field(min_length=1)] = [1]
    width: Count = 1
    dcgan: bool


class GeneratorNet(Adversary):
    latent: Count


class DiscriminatorNet(Adversary):
    dropout: Share
    spectral_norm: bool


class Adversaries(Strict):
    target: str = Field(alias="_target_")
    generator: GeneratorNet
    discriminator: DiscriminatorNet


class PatchRNN(Net):
    cell: Annotated[str, one_of(*CELLS)]
    num_layers: Count
    units: Count
    dropout: Share


class MaskNet(Net):
    num_bins: Count
    dropout: Share
    log: bool


class MaskRNN(MaskNet):
    cell: Annotated[str, one_of(*CELLS)]
    num_layers: Count
    units: Count
    encoder: Count | None
    memory: Positive | None
    bidirectional: bool


class MaskMLP(MaskNet):
    hidden: Annotated[list[Count], Field(min_length=1)]


AnyNet = Annotated[
    Annotated[MLP, Tag("MLP")]
    | Annotated[CNN, Tag("CNN")]
    | Annotated[Autoencoder, Tag("Autoencoder")]
    | Annotated[Restorer, Tag("Restorer")]
    | Annotated[Adversaries, Tag("Adversaries")]
    | Annotated[PatchRNN, Tag("PatchRNN")]
    | Annotated[MaskRNN, Tag("MaskRNN")]
    | Annotated[MaskMLP, Tag("MaskMLP")]
    | Annotated[Net, Tag("Net")],
    known_class(*NETS, default="Net"),
]
