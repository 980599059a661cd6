"""He's equations for a deep ReLU network's first weights, measured layer by layer on the run's images."""

import math
from collections.abc import Sequence

import pytorch_lightning as pl
import torch
from torch import Tensor

from dlhw.callbacks.recorder import Recorder
from dlhw.figures import (
    LayerLine,
    draws_by_layer,
    mirrored_histograms,
    ratios_by_layer,
    variance_by_layer,
)
from dlhw.initialisation import (
    CRITICAL_ASYMMETRY,
    Moments,
    Scheme,
    asymmetry,
    mean_and_error,
    measure,
    scheme_name,
)
from dlhw.nets.mlp import MLP

Key = tuple[int, str]  # hidden layers, scheme

EQUATIONS = {
    "Var[z] / (n Var[w] E[x²])": "sum_ratio",
    "2 E[x²] / Var[z before]": "relu_ratio",
    "Var[dx] / (m Var[w] Var[dz])": "back_sum_ratio",
    "2 Var[dz before] / Var[dx]": "back_relu_ratio",
}


class InitialisationStudy(Recorder):
    """Draws the weights of deep ReLU networks many times; tabulates and draws the variances of signals and gradients.

    Each scheme and depth has draws of its own. The measurements are made in float64 on the CPU: in float32 the deepest
    networks' variances would leave the range of the numbers.

    Args:
        schemes: names, or standard deviations that are the same in every layer (see `dlhw.initialisation`).
        depths: numbers of hidden layers.
        draws: of the weights; the standard errors are those of the mean over them.
        width: of every hidden layer.
        num_images: the first of the training part.
    """

    def __init__(
        self,
        schemes: Sequence[Scheme],
        depths: Sequence[int],
        draws: int,
        seed: int,
        width: int,
        num_images: int,
    ) -> None:
        self.schemes = {scheme_name(scheme): scheme for scheme in schemes}
        self.depths = sorted(depths)
        self.draws, self.width, self.num_images = draws, width, num_images
        self.generator = torch.Generator().manual_seed(seed)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        with torch.inference_mode(False), torch.enable_grad():  # Lightning tests without gradients
            moments = self._measure()
        deepest = {name: moments[self.depths[-1], name] for name in self.schemes}
        first = next(iter(deepest.values()))
        self._tabulate_equations(deepest)
        self._tabulate_growth(moments)
        self._tabulate_layers(first)
        self._tabulate_draws(moments)
        self._draw_variances(deepest)
        self._draw_ratios(deepest)
        self._draw_draws(first)
        self._draw_symmetry(first)

    def _measure(self) -> dict[Key, Moments]:
        images, labels = (tensor.cpu() for tensor in self.data.calibration(self.num_images))
        moments: dict[Key, Moments] = {}
        for depth in self.depths:
            net = MLP(images[0].numel(), [self.width] * depth, len(self.data.class_names)).double()
            for name, scheme in self.schemes.items():
                moments[depth, name] = measure(net, scheme, self.draws, images.double(), labels, self.generator)
        self.record.notes.append(
            f"The networks measured have {', '.join(map(str, self.depths))} hidden layers of {self.width} units."
        )
        return moments

    @property
    def _setting(self) -> str:
        return f"{self.depths[-1]} hidden layers of {self.width}, {self.draws} draws of the weights"

    def _tabulate_equations(self, deepest: dict[str, Moments]) -> None:
        rows = []
        for name, moments in deepest.items():
            cells = [moments.z / moments.z2.sqrt(), moments.positive, moments.skewness]  # (draws, layers)
            cells = [cell[:, : moments.num_hidden] for cell in cells]
            cells += [getattr(moments, ratio) for ratio in EQUATIONS.values()]
            rows.append([name, *(shown(cell.mean(1)) for cell in cells)])
            for ratio in EQUATIONS.values():
                self.record.metrics[f"{name}/{ratio}"] = getattr(moments, ratio).mean().item()
        self.record.add_table(
            "Both sides of He's equations",
            ["initialisation", "E[z] / sd[z]", "share of z > 0", "skewness of z", *EQUATIONS],
            rows,
            note=f"{self._setting}: means over the layers ± the standard error over draws. The derivation says 0, 1/2, "
            "0 and four times 1. n counts a layer's inputs, m its outputs; dx and dz are the loss's gradients with "
            "respect to a layer's inputs x and its preactivations z.",
        )

    def _tabulate_growth(self, moments: dict[Key, Moments]) -> None:
        rows = []
        for name in self.schemes:
            for depth in self.depths:
                m = moments[depth, name]
                expected, back_expected = m.expected_growth[0].item(), m.expected_back_growth[0].item()
                ends = [m.z2[:, m.num_hidden - 1].mean().item(), m.dz2[:, 0].mean().item()]
                cells = [expected, shown(m.growth.mean(1)), back_expected, shown(m.back_growth.mean(1)), *ends]
                rows.append([name, depth, *cells])
            self.record.metrics |= {
                f"{name}/growth": m.growth.mean().item(),
                f"{name}/growth_expected": expected,
                f"{name}/back_growth": m.back_growth.mean().item(),
                f"{name}/back_growth_expected": back_expected,
            }
        self.record.add_table(
            "What a layer does to the variance",
            [
                "initialisation",
                "hidden layers",
                "n Var[w] / 2",
                "forward, measured",
                "m Var[w] / 2",
                "backward, measured",
                "Var[z], last hidden layer",
                "Var[dz], first layer",
            ],
            rows,
            note="The factor from one hidden layer to the next: Var[z] forward, Var[dz] backward; mean over layers and "
            "draws ± the standard error over draws.",
        )

    def _tabulate_layers(self, m: Moments) -> None:
        rows = []
        for layer in chosen_layers(m.num_hidden):
            z2 = m.z2[:, layer]
            variance_x = m.x2[:, layer + 1] - m.x[:, layer + 1] ** 2
            rows.append(
                [
                    layer + 1,
                    shown(m.z[:, layer] / z2.sqrt()),
                    shown(z2),
                    shown(m.gain[layer] * m.x2[:, layer]),
                    shown(2 * m.x2[:, layer + 1]),
                    shown(variance_x / m.x2[:, layer + 1]),
                    shown(m.positive[:, layer]),
                    shown(m.skewness[:, layer]),
                    round(asymmetry(m.sample[layer]), 2),
                    shown(m.cosine[:, layer]),
                ]
            )
        name = next(iter(self.schemes))
        self.record.add_table(
            f"Layer by layer: {name}",
            [
                "layer",
                "E[z] / sd[z]",
                "Var[z]",
                "n Var[w] E[x²]",
                "2 E[x²], next layer",
                "Var[x] / E[x²], next layer",
                "share of z > 0",
                "skewness of z",
                "√N KS(z, -z)",
                "cosine of two images",
            ],
            rows,
            note=f"{self._setting}; ± the standard error over draws. √N KS is the Kolmogorov-Smirnov distance between "
            f"the values of z and their mirror image, times the root of their number; above {CRITICAL_ASYMMETRY} in 5 "
            "of 100 symmetric samples. The cosine is that of the angle between two images' z.",
        )

    def _tabulate_draws(self, moments: dict[Key, Moments]) -> None:
        name = next(iter(self.schemes))
        rows = []
        for depth in self.depths:
            m = moments[depth, name]
            gained = m.z2[:, m.num_hidden - 1] / m.z2[:, 0]  # (draws,)
            spread = [gained.mean(), gained.min(), gained.median(), gained.max(), gained.log().std()]
            rows.append([depth, *(value.item() for value in spread), shown(m.growth.log().mean(1))])
        self.record.add_table(
            f"One draw of the weights against the expectation: {name}",
            [
                "hidden layers",
                "mean",
                "smallest",
                "median",
                "largest",
                "sd of the logarithm",
                "mean log growth a layer",
            ],
            rows,
            note="Var[z] of the last hidden layer over that of the first, within one draw. A layer multiplies it by a "
            f"random factor whose logarithm has a mean of about -5 / (2 · width) = {-2.5 / self.width:.4f} and a "
            f"variance of about 5 / width = {5 / self.width:.4f} for one image.",
        )

    def _draw_variances(self, deepest: dict[str, Moments]) -> None:
        forward, backward = {}, {}
        for name, m in deepest.items():
            z2, dz2 = m.z2[:, :-1], m.dz2[:, :-1]
            one = torch.ones(1, dtype=torch.float64)
            theory = z2[:, 0].mean() * torch.cat([one, m.expected_growth]).cumprod(0)
            back_theory = dz2[:, -1].mean() * torch.cat([m.expected_back_growth, one]).flip(0).cumprod(0).flip(0)
            forward[name] = LayerLine(z2.numpy(), theory.numpy())
            backward[name] = LayerLine(dz2.numpy(), back_theory.numpy())
        title = "Variance of signals and gradients by layer"
        panels = {
            "forward: variance of the preactivations z": forward,
            "backward: variance of the gradient dz": backward,
        }
        figure = variance_by_layer(panels, title=title, data_name=self.data.title)
        caption = (
            f"{self._setting}: mean over draws and images; bands from the smallest draw to the largest. Dotted: "
            "the first layer's value (forward) and the last one's (backward) times n Var[w] / 2 for each layer passed."
        )
        self.record.add_figure(figure, "variance_by_layer", title, caption)

    def _draw_ratios(self, deepest: dict[str, Moments]) -> None:
        first, *others = deepest
        panels = {}
        for equation, ratio in EQUATIONS.items():
            mean, error = mean_and_error(getattr(deepest[first], ratio))
            rest = [getattr(deepest[name], ratio).mean(0).numpy() for name in others]
            panels[equation] = (mean.numpy(), error.numpy(), rest)
        title = "The two sides of each equation, as their ratio"
        names = (first, "each of " + ", ".join(others))
        figure = ratios_by_layer(panels, names=names, title=title, data_name=self.data.title)
        caption = (
            f"{self._setting}. Mean over draws, with bars of two standard errors; the derivation says 1 everywhere."
        )
        self.record.add_figure(figure, "equation_ratios", title, caption)

    def _draw_draws(self, m: Moments) -> None:
        name = next(iter(self.schemes))
        title = f"One draw of the weights against the expectation: {name}"
        gained = m.z2[:, :-1] / m.z2[:, :1] / torch.cat([m.expected_growth.new_ones(1), m.expected_growth]).cumprod(0)
        ylabel = "Var[z] over that of layer 1, as theory = 1"
        figure = draws_by_layer(gained.numpy(), ylabel=ylabel, title=title, data_name=self.data.title)
        caption = f"{self._setting}: the variance over images and units within each draw, relative to the expectation."
        self.record.add_figure(figure, "draws", title, caption)

    def _draw_symmetry(self, m: Moments) -> None:
        last = m.num_hidden - 1
        layers = [layer for layer in sorted({0, min(1, last), last // 5, last}) if m.sample[layer].isfinite().all()]
        samples = {
            f"layer {layer + 1}, √N KS = {asymmetry(m.sample[layer]):.2f}": m.sample[layer].numpy() for layer in layers
        }
        name = next(iter(self.schemes))
        title = f"The distribution of z and its mirror image: {name}"
        figure = mirrored_histograms(samples, title=title, data_name=self.data.title, xlabel="z / root mean square")
        caption = (
            f"{self._setting}; one image a unit, so that no two values share weights. √N KS is above "
            f"{CRITICAL_ASYMMETRY} in 5 of 100 symmetric samples."
        )
        self.record.add_figure(figure, "symmetry", title, caption)


def shown(values: Tensor) -> str:
    """The mean over the draws (draws,) and its standard error to two digits."""
    mean, error = (number.item() for number in mean_and_error(values))
    if not error > 1e-12 * abs(mean):  # the same in every draw, or no number
        return f"{mean:.4g}"
    digits = 1 - math.floor(math.log10(error))
    return f"{mean:.{digits}f} ± {error:.{digits}f}" if 0 <= digits <= 7 else f"{mean:.2e} ± {error:.0e}"


def chosen_layers(num_layers: int) -> list[int]:
    """Indices of the layers to tabulate: the first ones, every tenth, the last."""
    numbers = {1, 2, 3, 5, num_layers, *range(10, num_layers, 10)}
    return [number - 1 for number in sorted(numbers) if number <= num_layers]
