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


@dataclass(frozen=True)
class Verdicts:
    """For each training image: the cross entropy (nats) of its given label, and the predicted class; (num,)."""

    loss: Tensor
    predicted: Tensor


@torch.no_grad()
def verdicts(net: nn.Module, data: ImageData) -> Verdicts:
    """What the network, in evaluation mode, thinks of each training image's given label."""
    was_training = net.training
    net.eval()
    loss, predicted = [], []
    for images, labels in data.plain_training_loader():
        logits = net(images).float()
        loss.append(F.cross_entropy(logits, labels, reduction="none"))
        predicted.append(logits.argmax(1))
    net.train(was_training)
    return Verdicts(torch.cat(loss), torch.cat(predicted))


class Memorisation(Callback):
    """After each epoch looks at the whole training part, without augmentation.

    Logs `right/acc`, the accuracy on rightly labelled images; `wrong/memorised`, the share of the wrong labels that the
    network predicts; and `wrong/seen_through`, the share of wrongly labelled images whose true class it predicts.
    Where the truth is not known, nothing is logged. `mean_loss` is each image's loss averaged over the epochs.
    """

    def __init__(self) -> None:
        self.total_loss: Tensor | None = None  # (num_images,)
        self.num_epochs = 0

    @property
    def mean_loss(self) -> Tensor:
        assert self.total_loss is not None
        return self.total_loss / self.num_epochs

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        data: ImageData = trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(pl_module, Classifier)
        judged = verdicts(pl_module.net, data)
        before = torch.zeros_like(judged.loss) if self.total_loss is None else self.total_loss.to(judged.loss)
        self.total_loss = before + judged.loss
        self.num_epochs += 1
        if data.true_labels is not None:
            pl_module.log_dict(shares(judged.predicted, data.parts["train"][1], data.true_labels))

    def state_dict(self) -> dict[str, Any]:
        return {"total_loss": self.total_loss, "num_epochs": self.num_epochs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.total_loss, self.num_epochs = state_dict["total_loss"], state_dict["num_epochs"]


def shares(predicted: Tensor, given: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """The shares that `Memorisation` logs, from predicted, given and true labels (num,).

    Where no label is wrong, only the first.
    """
    truth = truth.to(given.device)
    wrong = given != truth
    result = {"right/acc": (predicted == given)[~wrong].double().mean()}
    if wrong.any():
        result["wrong/memorised"] = (predicted == given)[wrong].double().mean()
        result["wrong/seen_through"] = (predicted == truth)[wrong].double().mean()
    return result
