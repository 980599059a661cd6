"""What all DataModules share: parts that are judged after each epoch, and batches that are on the device already."""

from typing import Any

import pytorch_lightning as pl
import torch


class PartsData(pl.LightningDataModule):
    """Data in the parts train, val and test, whose loaders give batches on the device.

    A subclass fills `parts` in `setup` and makes the loaders.

    Args:
        title: the data's name in figures and reports.
        test_every_epoch: the test set's figures are recorded after each epoch; they choose nothing.
    """

    sha256: str

    def __init__(self, title: str, test_every_epoch: bool) -> None:
        super().__init__()
        self.title, self.test_every_epoch = title, test_every_epoch
        self.parts: dict[str, Any] = {}

    def loader(self, split: str) -> Any:
        """The batches of one part, the same ones each time."""
        raise NotImplementedError

    @property
    def splits(self) -> tuple[str, ...]:
        """The parts that are judged after each epoch."""
        judged = ("val", "test") if self.test_every_epoch else ("val",)
        return tuple(split for split in judged if split in self.parts)

    @property
    def overfits(self) -> bool:
        """Whether training goes through the same few batches again and again, which are not shuffled then."""
        return self.trainer is not None and self.trainer.overfit_batches > 0  # type: ignore[attr-defined]

    @property
    def world(self) -> dict[str, int]:
        """Which process of how many this is, as loaders are told it."""
        trainer = self.trainer
        return {"rank": trainer.global_rank, "world_size": trainer.world_size} if trainer else {}

    def val_dataloader(self) -> list[Any]:
        return [self.loader(split) for split in self.splits]

    def test_dataloader(self) -> Any:
        return self.loader("test")

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """The batch as it is: what it is cut from has been on the device since `setup`."""
        return batch
