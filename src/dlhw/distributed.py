"""Several processes that share each batch, and train as one process does that has it whole."""

from dataclasses import dataclass
from typing import Any

import torch
from pytorch_lightning.plugins import LayerSync
from torch import Tensor, distributed, nn
from torch.autograd import Function

from dlhw.errors import UserError


@dataclass(frozen=True)
class Share:
    """The rows of a global batch of `num` that one process of several has: `tensor_split`'s."""

    num: int
    rank: int = 0
    world_size: int = 1

    @property
    def rows(self) -> slice:
        each, left = divmod(self.num, self.world_size)  # the first processes have one of those left over
        start = self.rank * each + min(self.rank, left)
        return slice(start, start + each + (self.rank < left))

    def of_pair(self, order: Tensor) -> tuple[slice | Tensor, Tensor]:
        """Where in an order (2 * num,) of two global batches after one another this process's rows stand, and which.

        Returns:
            Their places in the order, and the rows (own,) that stand there, counted as the process has them: those of
            the first batch, then those of the second.
        """
        if self.world_size == 1:
            return slice(None), order
        own = self.rows
        row = order % self.num
        places = (row >= own.start) & (row < own.stop)
        is_second = order[places] >= self.num
        return places, row[places] - own.start + is_second * (own.stop - own.start)


def check_shares(num_rows: int, batch_size: int, world_size: int) -> None:
    """Every process must get a row of every batch.

    Raises:
        UserError: the last batch, or each, has fewer rows than there are processes.
    """
    fewest = num_rows % batch_size or batch_size
    if fewest < world_size:
        raise UserError(
            f"data.batch_size={batch_size}: a batch of the {num_rows:,} rows to train on would hold {fewest}, too few "
            f"for {world_size} processes; choose another size, or fewer trainer.devices"
        )


class SumOverProcesses(Function):
    """The sum of a tensor over all processes; gradients are summed likewise, as all outputs depend on all inputs."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return SumOverProcesses.apply(grad)


class SyncedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """BatchNorm by the mean and variance of a global batch; torch's `SyncBatchNorm` does that on GPUs alone.

    The variance is the mean squared distance from the global mean, in a second sum: no digits are lost where the mean
    is large.
    """

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training:
            return super().forward(inputs)
        dims = [0, *range(2, inputs.dim())]
        wide = (1, -1, *[1] * (inputs.dim() - 2))
        values = inputs.to(torch.promote_types(inputs.dtype, torch.float32))
        own = values.new_tensor([values.numel() / values.size(1)])
        sums = SumOverProcesses.apply(torch.cat([values.sum(dims), own]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        centred = values - mean.view(wide)
        variance = SumOverProcesses.apply(centred.square().sum(dims)) / count
        if self.track_running_stats:
            self._keep_record(mean.detach(), variance.detach() * count / (count - 1))
        outputs = centred * (variance + self.eps).rsqrt().view(wide)
        if self.affine:
            outputs = outputs * self.weight.view(wide) + self.bias.view(wide)
        return outputs.to(inputs.dtype)

    def _keep_record(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        rate = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, rate)
        self.running_var.lerp_(variance, rate)


class SyncedBatchNorm1d(SyncedBatchNorm, nn.BatchNorm1d):
    """Of features (batch, num_features)."""


class SyncedBatchNorm2d(SyncedBatchNorm, nn.BatchNorm2d):
    """Of maps (batch, num_features, height, width)."""


SYNCED: dict[type[nn.Module], type[nn.Module]] = {
    nn.BatchNorm1d: SyncedBatchNorm1d,
    nn.BatchNorm2d: SyncedBatchNorm2d,
}
ALONE = {synced: alone for alone, synced in SYNCED.items()}


class BatchNormSync(LayerSync):
    """Makes every BatchNorm layer normalise by the global batch while a trainer fits, and by its own inputs after.

    A layer changes its class, as it does where torch parametrizes one: its parameters, buffers and place stay.
    """

    def apply(self, model: nn.Module) -> nn.Module:
        return self._change(model, SYNCED)

    def revert(self, model: nn.Module) -> nn.Module:
        return self._change(model, ALONE)

    def _change(self, model: nn.Module, classes: dict[type[nn.Module], type[nn.Module]]) -> nn.Module:
        for layer in model.modules():
            layer.__class__ = classes.get(type(layer), type(layer))
        return model
