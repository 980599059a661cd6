"""What the variance of a deep ReLU network's first weights does to its signals and its gradients.

Source of the equations: He, Zhang, Ren and Sun, Delving Deep into Rectifiers (arXiv:1502.01852), section 2.2.
Their derivation and their measured figures are in docs/he-init.md.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Scheme = str | float  # a name, or a standard deviation that is the same in every layer

VARIANCES: dict[str, Callable[[int, int], float]] = {
    "he": lambda fan_in, fan_out: 2 / fan_in,
    "he_fan_out": lambda fan_in, fan_out: 2 / fan_out,
    "xavier": lambda fan_in, fan_out: 2 / (fan_in + fan_out),  # Glorot and Bengio (2010), equation 16
    "torch": lambda fan_in, fan_out: 1 / (3 * fan_in),  # what nn.Linear starts with: uniform in ± fan_in ** -0.5
}


def weight_variance(scheme: Scheme, fan_in: int, fan_out: int) -> float:
    """Var[w] of a layer with `fan_in` inputs and `fan_out` outputs.

    Raises ValueError for a name that is not in `VARIANCES` and for a standard deviation that is not positive.
    """
    if isinstance(scheme, str):
        if scheme not in VARIANCES:
            raise ValueError(f"unknown scheme {scheme!r}; known: {', '.join(VARIANCES)}, or a standard deviation")
        return VARIANCES[scheme](fan_in, fan_out)
    if not 0 < scheme < math.inf:
        raise ValueError(f"a standard deviation must be positive and finite; got {scheme}")
    return scheme**2


def scheme_name(scheme: Scheme) -> str:
    return scheme if isinstance(scheme, str) else f"std_{scheme:g}"


def linear_layers(net: nn.Module) -> list[nn.Linear]:
    return [layer for layer in net.modules() if isinstance(layer, nn.Linear)]


@torch.no_grad()
def initialise(net: nn.Module, scheme: Scheme, generator: torch.Generator) -> None:
    """Draw every Linear layer's weights from N(0, Var[w]), in place, and set its bias to 0."""
    for layer in linear_layers(net):
        variance = weight_variance(scheme, layer.in_features, layer.out_features)
        layer.weight.normal_(0, math.sqrt(variance), generator=generator)
        if layer.bias is not None:
            layer.bias.zero_()


@dataclass(frozen=True)
class Moments:
    """Means over images and units, a row a draw of the weights and a column a Linear layer, the output layer last.

    Attributes:
        x, x2: mean and second moment of a layer's inputs.
        z, z2: the same of its outputs, the preactivations.
        skewness: third moment of z over z2 ** 1.5.
        positive: share of z > 0.
        cosine: mean cosine of the angle between two images' z.
        dx2, dz2: second moments of the loss's gradients with respect to x and z, for one image's loss.
        gain, back_gain: n Var[w] with n the number of inputs, and of outputs. (layers,)
        sample: z over its root mean square, each unit on one image; a tensor (draws, units) a layer.
    """

    x: Tensor
    x2: Tensor
    z: Tensor
    z2: Tensor
    skewness: Tensor
    positive: Tensor
    cosine: Tensor
    dx2: Tensor
    dz2: Tensor
    gain: Tensor
    back_gain: Tensor
    sample: list[Tensor]

    @property
    def num_hidden(self) -> int:
        return self.z2.shape[1] - 1

    @property
    def sum_ratio(self) -> Tensor:
        """Var[z_l] / (n_l Var[w_l] E[x_l^2]), whose expectation is 1. (draws, hidden)"""
        return (self.z2 / (self.gain * self.x2))[:, :-1]

    @property
    def relu_ratio(self) -> Tensor:
        """2 E[x_(l+1)^2] / Var[z_l], whose expectation is 1. (draws, hidden)"""
        return 2 * self.x2[:, 1:] / self.z2[:, :-1]

    @property
    def back_sum_ratio(self) -> Tensor:
        """Var[dx_l] / (outputs_l Var[w_l] Var[dz_l]); 1 where dz_l is independent of w_l. (draws, hidden)"""
        return (self.dx2 / (self.back_gain * self.dz2))[:, :-1]

    @property
    def back_relu_ratio(self) -> Tensor:
        """2 Var[dz_l] / Var[dx_(l+1)]; 1 where dx_(l+1) is independent of the sign of z_l. (draws, hidden)"""
        return 2 * self.dz2[:, :-1] / self.dx2[:, 1:]

    @property
    def growth(self) -> Tensor:
        """Var[z_(l+1)] / Var[z_l] from hidden layer to hidden layer. (draws, hidden - 1)"""
        return self.z2[:, 1:-1] / self.z2[:, :-2]

    @property
    def back_growth(self) -> Tensor:
        """Var[dz_l] / Var[dz_(l+1)] from hidden layer to hidden layer. (draws, hidden - 1)"""
        return self.dz2[:, :-2] / self.dz2[:, 1:-1]

    @property
    def expected_growth(self) -> Tensor:
        """n_(l+1) Var[w_(l+1)] / 2, n counting the inputs. (hidden - 1,)"""
        return self.gain[1:-1] / 2

    @property
    def expected_back_growth(self) -> Tensor:
        """The same with n counting the outputs. (hidden - 1,)"""
        return self.back_gain[1:-1] / 2


def measure(
    net: nn.Module, scheme: Scheme, draws: int, inputs: Tensor, labels: Tensor, generator: torch.Generator
) -> Moments:
    """Draw the weights `draws` times and measure one forward and one backward pass of each.

    Args:
        net: Linear layers with a ReLU between each two; its weights are overwritten. Float64 keeps variances in range
            that float32 would lose in deep networks.
        inputs: (batch, ...) of the network's type.
        labels: (batch,) of classes, for the cross entropy whose gradients are measured.

    Raises ValueError where there are not two draws, which a standard error takes, or the scheme is unknown.
    """
    if draws < 2:
        raise ValueError(f"draws must be at least 2; got {draws}")
    taken = []
    for _ in range(draws):
        initialise(net, scheme, generator)
        taken.append(one_draw(net, inputs, labels))
    means = {key: torch.stack([draw[0][key] for draw in taken]) for key in taken[0][0]}  # (draws, layers)
    samples = [torch.stack(layer) for layer in zip(*(draw[1] for draw in taken), strict=True)]
    fans = [(layer.in_features, layer.out_features) for layer in linear_layers(net)]
    gains = torch.tensor([[n * weight_variance(scheme, *fan) for n in fan] for fan in fans], dtype=torch.float64)
    return Moments(**means, gain=gains[:, 0], back_gain=gains[:, 1], sample=samples)


def one_draw(net: nn.Module, inputs: Tensor, labels: Tensor) -> tuple[dict[str, Tensor], list[Tensor]]:
    """The moments of each Linear layer with the weights as they are, and each layer's sample of z."""
    xs: list[Tensor] = []
    zs: list[Tensor] = []

    def keep(_: nn.Module, args: tuple[Tensor], output: Tensor) -> None:
        xs.append(args[0])
        zs.append(output)

    hooks = [layer.register_forward_hook(keep) for layer in linear_layers(net)]
    logits = net(inputs.detach().flatten(1).requires_grad_())
    for hook in hooks:
        hook.remove()
    gradients = torch.autograd.grad(F.cross_entropy(logits, labels, reduction="sum"), [*xs, *zs])
    dxs, dzs = gradients[: len(xs)], gradients[len(xs) :]
    xs, zs = [x.detach() for x in xs], [z.detach() for z in zs]

    def each(moment: Callable[[Tensor], Tensor], tensors: list[Tensor] | tuple[Tensor, ...]) -> Tensor:
        return torch.stack([moment(tensor) for tensor in tensors])  # (layers,)

    means = {
        "x": each(torch.mean, xs),
        "x2": each(mean_square, xs),
        "z": each(torch.mean, zs),
        "z2": each(mean_square, zs),
        "skewness": each(lambda z: (z / mean_square(z).sqrt()).pow(3).mean(), zs),
        "positive": each(lambda z: (z > 0).to(z.dtype).mean(), zs),
        "cosine": each(mean_cosine, zs),
        "dx2": each(mean_square, dxs),
        "dz2": each(mean_square, dzs),
    }
    return means, [one_image_a_unit(z) / mean_square(z).sqrt() for z in zs]


def mean_square(values: Tensor) -> Tensor:
    return values.square().mean()


def mean_cosine(rows: Tensor) -> Tensor:
    """Mean cosine of the angle between two different rows."""
    num_rows = len(rows)
    total = F.normalize(rows, eps=0).sum(0).square().sum()  # over all pairs, each row with itself too
    return (total - num_rows) / (num_rows * (num_rows - 1))


def one_image_a_unit(z: Tensor) -> Tensor:
    """(units,): unit i on image i, i modulo the number of images.

    No two values share a row of weights, so under symmetric weights their signs are independent fair coins.
    """
    num_images, num_units = z.shape
    units = torch.arange(num_units)
    return z[units % num_images, units]


def mean_and_error(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean over the draws (the first axis) and its standard error."""
    return values.mean(0), values.std(0) / math.sqrt(len(values))


def first_losses(net: nn.Module, batches: Iterable[tuple[Tensor, ...]], lr: float, momentum: float) -> list[float]:
    """Train by SGD, one step a batch; the cross entropy (nats) before each step, up to the first that is not finite."""
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=momentum)
    losses: list[float] = []
    for inputs, labels in batches:
        loss = F.cross_entropy(net(inputs), labels)
        if not loss.isfinite():
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


CRITICAL_ASYMMETRY = 2.241  # exceeded in 5 % of symmetric samples: sup |Brownian motion| on [0, 1]


def asymmetry(values: Tensor) -> float:
    """sqrt(N) times the Kolmogorov-Smirnov distance between N values and their mirror image.

    With signs that are independent fair coins its distribution does not depend on that of the values: the signs, in
    the order of falling magnitude, make a random walk, and this is its largest distance from 0 (Butler 1969, A test
    for symmetry using the sample distribution function). NaN where a value is not finite.
    """
    values = values.flatten()
    if not values.isfinite().all():
        return math.nan
    walk = values[values.abs().argsort(descending=True)].sign().cumsum(0)
    return walk.abs().max().item() / math.sqrt(len(values))
