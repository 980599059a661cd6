"""How good a generator's samples are, through training."""

import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor, nn

from dlhw.callbacks.recorder import Informed
from dlhw.callbacks.samples import fixed_noise
from dlhw.judge import Judge
from dlhw.metrics.generation import class_shares, feature_distance
from dlhw.models.gan import Gan
from dlhw.schema.fields import Count

CHUNK = 500  # samples made at once
PRESENT = 0.01  # the share of samples from which on a class counts as made


class SampleQuality(Informed):
    """Judges samples of one fixed noise against the validation part, after the first and every `every` epochs.

    Logs `val/<judge>_frechet`, the Frechet distance of the judge's features to those of as many real images, and
    `val/<judge>_classes`, how many classes the judge reads in one sample of a hundred or more.

    Args:
        judge: the experiment among the run's references whose network judges.
        num_samples: at most; no more than there are validation images.
    """

    def __init__(self, judge: str, every: Count = 5, num_samples: Count = 5000) -> None:
        self.judge_name, self.every, self.num_samples = judge, every, num_samples
        self.judge: Judge | None = None
        self.real: Tensor | None = None  # features of the validation part

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Gan)
        epoch = trainer.current_epoch + 1
        due = epoch == 1 or epoch % self.every == 0 or epoch == trainer.max_epochs
        if trainer.state.fn == TrainerFn.FITTING and not due:
            return
        if self.judge is None or self.real is None:
            self.judge = Judge.of_folder(self.references[self.judge_name], pl_module.device)
            self.real = self.judge.features(self.data.inputs("val")[: self.num_samples])
        features = self.judge.features(made(pl_module, len(self.real)))
        shares = class_shares(self.judge.classes(features), self.judge.num_classes)
        pl_module.log_dict(
            {
                f"val/{self.judge.name}_frechet": feature_distance(self.real, features),
                f"val/{self.judge.name}_classes": (shares >= PRESENT).sum().float(),
            },
            sync_dist=True,
        )


def made(module: Gan, num: int, generator: nn.Module | None = None) -> Tensor:
    """Samples (num, 1, height, width) of the fixed noise, by the module's sampler or another generator."""
    return torch.cat([module.sample(noise, generator) for noise in fixed_noise(module, num).split(CHUNK)])
