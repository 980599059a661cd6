"""Training on few of the images."""

from typing import Any

from dlhw.data.images import ImageData
from dlhw.errors import UserError


class SubsetData(ImageData):
    """ImageData whose training part is only its first `subset` images; validation and test parts are whole.

    The training part is in random order, so these are a random sample; they are standardised as the whole would be.

    Args:
        subset: how many images to train on; None for all.
        settings: those of `ImageData`.
    """

    def __init__(self, subset: int | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.subset = subset

    def setup(self, stage: str | None = None) -> None:
        super().setup(stage)
        images, labels = self.parts["train"]
        if self.subset is None or len(labels) == self.subset:
            return
        if self.subset > len(labels):
            raise UserError(
                f"subset={self.subset}: {self.title} has {len(labels)} training images; must be 1 to {len(labels)}, "
                "or null for all"
            )
        self.parts["train"] = (images[: self.subset], labels[: self.subset])
