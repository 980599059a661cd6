"""What a generator makes of the same noise, through training."""

import pytorch_lightning as pl
import torch
from torch import Tensor

from dlhw.callbacks.recorder import Recorder
from dlhw.callbacks.snapshots import Snapshots, load_snapshots
from dlhw.data.loader import seeded
from dlhw.figures import image_sheet
from dlhw.models.gan import Gan

NUM_SHOWN = 100
STREAM = 5  # of the random streams, the one that the fixed noise comes from: the same for every run


class SampleSnapshots(Snapshots):
    """Keeps 100 samples (num, height, width) of one fixed noise, as bytes: after the first epoch and as `Snapshots`."""

    folder = "samples"

    def due(self, epoch: int) -> bool:
        return epoch == 1 or (epoch > 0 and super().due(epoch))

    def take(self, pl_module: pl.LightningModule) -> Tensor:
        assert isinstance(pl_module, Gan)
        return to_bytes(pl_module.sample(fixed_noise(pl_module, NUM_SHOWN)))


class SampleSheets(Recorder):
    """Draws each of `SampleSnapshots` as a sheet, the last one first, and all of them as an animation."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        snapshots = load_snapshots(self.record.folder / SampleSnapshots.folder)
        if not snapshots or not trainer.is_global_zero:
            return
        name = self.record.facts["experiment"]
        title = {epoch: f"{name}: samples, epoch {epoch}" for epoch in snapshots}
        sheets = {
            epoch: image_sheet(samples.numpy() / 255, title=title[epoch], data_name=f"trained on {self.data.title}")
            for epoch, samples in snapshots.items()
        }
        caption = f"{NUM_SHOWN} samples of one fixed noise, the same in every epoch and run, none chosen."
        last = max(sheets)
        self.record.add_figure(sheets[last], "samples", title[last], caption)
        self.record.add_animation(list(sheets.values()), "samples", f"{name}: samples through training", caption)
        for epoch, sheet in sheets.items():
            if epoch != last:
                self.record.add_figure(sheet, f"samples_epoch_{epoch:05d}", title[epoch], caption)


def fixed_noise(module: Gan, num: int) -> Tensor:
    """Noise (num, latent) that depends on its size and the device alone."""
    latent: int = module.net.generator.latent
    return torch.randn(num, latent, device=module.device, generator=seeded(module.device, STREAM))


def to_bytes(images: Tensor) -> Tensor:
    """Images (num, 1, height, width) in 0..1 as bytes (num, height, width), on the CPU."""
    return (images[:, 0].float() * 255).round().byte().cpu()
