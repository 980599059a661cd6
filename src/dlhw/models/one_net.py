"""One network, one optimizer and its learning-rate schedule."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from dlhw.models.epoch_module import EpochModule


def decay_matrices_only(net: nn.Module) -> list[dict[str, Any]]:
    """Parameter groups in which weight decay acts on weight matrices, and not on biases or BatchNorm."""
    matrices = [parameter for parameter in net.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in net.parameters() if parameter.ndim <= 1]
    return [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]


class OneNet(EpochModule):
    """Trains a network by an optimizer and a schedule, and logs what its steps put into `sums`, one value an epoch.

    A subclass says what a step is.

    Args:
        net: what is trained.
        optimizer: makes the optimizer from the parameters.
        scheduler: makes the learning-rate schedule from (optimizer, num_steps); None for a constant rate.
        val_splits: the names of the validation loaders, in their order.
    """

    def __init__(
        self,
        net: nn.Module,
        optimizer: Callable[..., Optimizer],
        scheduler: Callable[..., LRScheduler] | None = None,
        val_splits: tuple[str, ...] = ("val",),
    ) -> None:
        super().__init__(optimizer, scheduler, val_splits)
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)

    def on_train_epoch_end(self) -> None:
        super().on_train_epoch_end()
        scheduler = self.lr_schedulers()
        if isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step(self.trainer.callback_metrics["train/loss"])

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """As Lightning's, but for a plateau's scheduler: Lightning steps that one after the epoch's checkpoints are
        written, so that a resumed run would miss a step; here the end of the training epoch does it.
        """
        if not isinstance(scheduler, ReduceLROnPlateau):
            super().lr_scheduler_step(scheduler, metric)

    def configure_optimizers(self) -> Any:
        optimizer = self.make_optimizer(decay_matrices_only(self))
        if self.make_scheduler is None:
            return optimizer
        scheduler = self.make_scheduler(optimizer, num_steps=int(self.trainer.estimated_stepping_batches))
        if isinstance(scheduler, ReduceLROnPlateau):
            settings = {"scheduler": scheduler, "interval": "epoch", "monitor": "train/loss"}
        else:
            settings = {"scheduler": scheduler, "interval": "step"}
        return {"optimizer": optimizer, "lr_scheduler": settings}
