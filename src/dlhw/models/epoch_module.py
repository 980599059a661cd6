"""What every module here shares: how its optimizer is made, and one logged value an epoch."""

from collections.abc import Callable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from dlhw.lean import LeanModule
from dlhw.models.epoch_sums import EpochSums


class EpochModule(LeanModule):
    """Logs what the steps put into `sums`, one value an epoch. A subclass says what is trained, and what a step is.

    Args:
        optimizer: makes an optimizer from parameters.
        scheduler: makes a learning-rate schedule from (optimizer, num_steps); None for a constant rate.
        val_splits: the names of the validation loaders, in their order.
    """

    def __init__(
        self,
        optimizer: Callable[..., Optimizer],
        scheduler: Callable[..., LRScheduler] | None = None,
        val_splits: tuple[str, ...] = ("val",),
    ) -> None:
        super().__init__()
        self.make_optimizer, self.make_scheduler = optimizer, scheduler
        self.val_splits = val_splits
        self.sums = EpochSums()

    def on_train_epoch_end(self) -> None:
        self._log("train")

    def on_validation_epoch_end(self) -> None:
        for split in self.val_splits:
            self._log(split)

    def on_test_epoch_end(self) -> None:
        self._log("test")

    def _log(self, split: str) -> None:
        self.log_dict(self.sums.pop(split), sync_dist=True)
