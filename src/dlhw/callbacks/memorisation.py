"""What becomes of wrong labels during training."""

from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning import Callback
from torch import Tensor, nn
from torch.nn import functional as F

from dlhw.data.images import ImageData
from dlhw.models.classifier import Classifier
from dlhw.precision import at_least_float32, double


@dataclass(frozen=True)
class Verdicts:
    """What a network thinks of each training image: the cross entropy (nats) of each class as its label,
    (num, num_classes), and the predicted class, (num,).
    """

    losses: Tensor
    predicted: Tensor


def of_given(losses: Tensor, labels: Tensor) -> Tensor:
    """The losses (num,) of the given labels (num,), among those of all classes (num, num_classes)."""
    return losses.gather(1, labels.to(losses.device)[:, None])[:, 0]


@torch.no_grad()
def verdicts(net: nn.Module, data: ImageData) -> Verdicts:
    """What the network, in evaluation mode, thinks of each training image."""
    was_training = net.training
    net.eval()
    logits = torch.cat([at_least_float32(net(images)) for images, _ in data.plain_training_loader()])
    net.train(was_training)
    return Verdicts(-F.log_softmax(logits, 1), logits.argmax(1))


class Memorisation(Callback):
    """After each epoch looks at the whole training part, without augmentation.

    Logs `right/acc`, the accuracy on rightly labelled images; `wrong/memorised`, the share of the wrong labels that the
    network predicts; and `wrong/seen_through`, the share of wrongly labelled images whose true class it predicts.
    Where the truth is not known, nothing is logged. `mean_losses` (num_images, num_classes) are the losses of all
    classes as each image's label, averaged over the epochs.
    """

    def __init__(self) -> None:
        self.total_losses: Tensor | None = None  # (num_images, num_classes)
        self.num_epochs = 0

    @property
    def mean_losses(self) -> Tensor:
        assert self.total_losses is not None
        return self.total_losses / self.num_epochs

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        data: ImageData = trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(pl_module, Classifier)
        judged = verdicts(pl_module.net, data)
        before = torch.zeros_like(judged.losses) if self.total_losses is None else self.total_losses.to(judged.losses)
        self.total_losses = before + judged.losses
        self.num_epochs += 1
        if data.true_labels is not None:
            pl_module.log_dict(shares(judged.predicted, data.parts["train"][1], data.true_labels))

    def state_dict(self) -> dict[str, Any]:
        return {"total_losses": self.total_losses, "num_epochs": self.num_epochs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.total_losses, self.num_epochs = state_dict["total_losses"], state_dict["num_epochs"]


def shares(predicted: Tensor, given: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """The shares that `Memorisation` logs, from predicted, given and true labels (num,).

    Where no label is wrong, only the first.
    """
    truth = truth.to(given.device)
    wrong = given != truth
    result = {"right/acc": double((predicted == given)[~wrong]).mean()}
    if wrong.any():
        result["wrong/memorised"] = double((predicted == given)[wrong]).mean()
        result["wrong/seen_through"] = double((predicted == truth)[wrong]).mean()
    return result
