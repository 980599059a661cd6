"""The network a run starts from: a new one, or a trained baseline truncated, factorised or made low-rank."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch import Tensor, nn

from dlhw import lowrank
from dlhw.lowrank.straight_through import Projection
from dlhw.lowrank.svd import Rank, Split
from dlhw.metrics.classification import Evaluation, evaluate

if TYPE_CHECKING:
    from dlhw.data.images import ImageData


@dataclass
class Start:
    """A network as training finds it, and where it comes from.

    Attributes:
        net: what is trained.
        baseline: the trained network it was made from, BatchNorm folded in; None for a new network.
        table: what the compression did to each layer; None where nothing was compressed.
        decompositions: the baseline's SVDs by the way they truncate (`TRUNCATIONS`), where they were computed.
        before, baseline_before: both networks judged on the test set before training, once measured.
    """

    net: nn.Module
    baseline: nn.Module | None = None
    table: lowrank.CompressionTable | None = None
    decompositions: dict[str, lowrank.Decomposition] = field(default_factory=dict)
    before: Evaluation | None = None
    baseline_before: Evaluation | None = None
    metrics: dict[str, float] = field(default_factory=dict)

    def measure(self, data: "ImageData") -> None:
        """Judge the baseline and what was made of it, before any training."""
        assert self.baseline is not None
        self.baseline_before = evaluate(self.baseline, data.loader("test"))
        self.before = evaluate(self.net, data.loader("test"))
        self.metrics |= {
            "baseline/test_acc": self.baseline_before.accuracy,
            "start/test_acc": self.before.accuracy,
            "start/test_loss": self.before.loss,
            "start/val_acc": evaluate(self.net, data.loader("val")).accuracy,
        }


TRUNCATIONS = {"plain": "plain SVD", "whitened": "activation-aware SVD"}
Make = Callable[[nn.Module, "ImageData"], Start]


def factorised(
    rank: Rank | None = None,
    compression: float | None = None,
    truncation: str = "plain",
    split: Split = "right",
    inner_bias: bool = False,
    skip_last: bool = True,
    ordered_start: bool = False,
) -> Make:
    """Each weight replaced by two factors, from the plain or the activation-aware (whitened) SVD.

    Both are made and judged (`plain/test_acc`, `whitened/test_acc`), so that a run's tables can compare them.
    With `ordered_start`, an output layer of rank 1 or 2 then starts with the classes in a good order along a line or
    around a circle instead of from its own SVD (see `dlhw.lowrank.ordered_start`).
    """

    def make(net: nn.Module, data: "ImageData") -> Start:
        baseline = plain_layers(net)
        skip = [last_linear(baseline)] if skip_last else ()
        decompositions = {way: lowrank.decompose(baseline, skip, calibration(data, way)) for way in TRUNCATIONS}
        truncated = {
            way: decomposition.truncate(rank=rank, compression=compression, split=split, inner_bias=inner_bias)
            for way, decomposition in decompositions.items()
        }
        compressed, table = truncated[truncation]
        start = Start(compressed, baseline, table, decompositions)
        for way, (candidate, _) in truncated.items():
            start.metrics[f"{way}/test_acc"] = evaluate(candidate, data.loader("test")).accuracy
        if ordered_start and table.layers[-1].rank <= 2:
            put_classes_in_order(compressed, table.layers[-1].name, *data.calibration())
        return start

    return make


def plain_layers(net: nn.Module) -> nn.Module:
    """The trained network without what was there for its training: BatchNorm folded in, dropout off.

    A compressed network has no capacity to spare, and dropout costs it more than it gives.
    """
    net = lowrank.fold_batch_norm(net)
    for layer in net.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    return net


def put_classes_in_order(net: nn.Module, name: str, inputs: Tensor, labels: Tensor) -> None:
    """Replace the output layer `name`, of rank 1 or 2, by one that has the classes in a good order."""
    layer = net.get_submodule(name)
    assert isinstance(layer, lowrank.LowRankLinear)
    features: list[Tensor] = []
    hook = layer.register_forward_hook(lambda _, args, __: features.append(args[0]))
    evaluate(net, [(inputs, labels)])
    hook.remove()
    ordered = lowrank.ordered_start(layer, features[0], labels, layer.rank)
    inner_bias = layer.inner.bias is not None
    net.set_submodule(
        name,
        lowrank.LowRankLinear.from_factors(ordered.outer.weight, ordered.inner.weight, ordered.outer.bias, inner_bias),
    )


def straight_through(
    rank: Rank, projection: Projection = "subspace", truncation: str = "plain", skip_last: bool = True
) -> Make:
    """The weights kept as parameters, the forward pass through their rank-k projections.

    With `truncation` plain the weights are the baseline's own, whose projection is their plain SVD truncation; with
    whitened they start as their activation-aware truncation, which is its own projection.
    """

    def make(net: nn.Module, data: "ImageData") -> Start:
        baseline = plain_layers(net)
        skip = [last_linear(baseline)] if skip_last else ()
        net = baseline
        if truncation == "whitened" and rank != "full":
            factors, _ = lowrank.compress(baseline, rank=rank, skip=skip, calibration=calibration(data, truncation))
            net = lowrank.multiply_out(factors)
        return Start(lowrank.straight_through(net, rank, skip=skip, projection=projection), baseline)

    return make


def last_linear(net: nn.Module) -> str:
    """The name of the output layer, which the assignments leave alone ('too small already')."""
    return [name for name, layer in net.named_modules() if isinstance(layer, nn.Linear)][-1]


def calibration(data: "ImageData", truncation: str) -> list[Tensor] | None:
    return list(data.calibration()[0].split(2000)) if truncation == "whitened" else None
