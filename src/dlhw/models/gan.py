"""Training a generator and a discriminator against each other."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from dlhw.data.loader import seeded
from dlhw.data.memory import MemoryData
from dlhw.distributed import Share
from dlhw.errors import UserError
from dlhw.models.epoch_module import EpochModule
from dlhw.models.one_net import decay_matrices_only
from dlhw.nets.frozen import frozen
from dlhw.nets.gan import Adversaries
from dlhw.precision import at_least_float32

Batch = tuple[Tensor, Tensor]  # images (batch, 1, height, width) in 0..1, labels; the labels are not looked at

EVALUATION_STREAM = 4  # of the random streams, the one of the noise that validation and test fakes come from


class Gan(EpochModule):
    """Generative adversarial training (Goodfellow et al., 2014) with the generator's loss that does not saturate.

    For each batch of B images: B fakes, made without gradients; the 2B images in random order, on which the
    discriminator takes a step towards 1 for real and 0 for fake; B new fakes, on which the generator takes a step
    towards what the discriminator, frozen, calls real. Both losses are binary cross entropies in nats.

    Logged, one value an epoch: `discriminator_loss`; `real_score` and `fake_score`, the mean probabilities of being
    real that the discriminator gives to real images and to fakes; and of training alone `generator_loss` and `spread`,
    how much a batch's fakes differ from one another, 1 being as much as its real images do.

    Args:
        net: both networks.
        optimizer: makes each network's optimizer from its parameters.
        scheduler: makes each one's learning-rate schedule from (optimizer, num_steps); None for a constant rate.
        val_splits: the names of the validation loaders, in their order.
        discriminator_lr: the discriminator's own rate; None: the optimizer's (Heusel et al., 2017).
        real_label, fake_label: what the discriminator is trained towards; 0.9 and 0.1 are soft labels (Salimans et
            al., 2016, "Improved techniques for training GANs", section 3.4).
        instance_noise: standard deviation of Gaussian noise on all that the discriminator sees, in the first epoch;
            it falls linearly and would be 0 after the last (Sonderby et al., 2017, "Amortised MAP inference for image
            super-resolution", section 3.2).
        ema: decay a step of the exponential moving average of the generator that samples are drawn from (Yazici et
            al., 2019, "The unusual effectiveness of averaging in GAN training"); (1 + n) / (10 + n) after n steps where
            that is less, so that the average reaches back over about the last tenth of them. 0: samples come from the
            generator as it is.
        channels_last: keep both networks in the memory format that convolutions may be faster in.
    """

    def __init__(
        self,
        net: Adversaries,
        optimizer: Callable[..., Optimizer],
        scheduler: Callable[..., LRScheduler] | None = None,
        val_splits: tuple[str, ...] = ("val",),
        *,
        discriminator_lr: float | None = None,
        real_label: float = 1.0,
        fake_label: float = 0.0,
        instance_noise: float = 0.0,
        ema: float = 0.0,
        channels_last: bool = False,
    ) -> None:
        super().__init__(optimizer, scheduler, val_splits)
        self.automatic_optimization = False
        self.net = net.to(memory_format=torch.channels_last) if channels_last else net
        self.discriminator_lr = discriminator_lr
        self.real_label, self.fake_label, self.instance_noise = real_label, fake_label, instance_noise
        self.ema = ema
        self.stream: torch.Generator | None = None  # that noise is drawn from where not from torch's own
        self.average = copy.deepcopy(net.generator).requires_grad_(False) if ema else None

    @property
    def sampler(self) -> nn.Module:
        """The generator that samples are drawn from."""
        return self.net.generator if self.average is None else self.average

    @torch.no_grad()
    def sample(self, noise: Tensor, generator: nn.Module | None = None) -> Tensor:
        """Images (num, 1, height, width) in 0..1 of noise (num, latent), in evaluation mode.

        By the sampler where no other generator is given.
        """
        generator = generator or self.sampler
        was_training = generator.training
        images = generator.eval()(noise)
        generator.train(was_training)
        return images

    def on_fit_start(self) -> None:
        data: MemoryData = self.trainer.datamodule  # type: ignore[attr-defined]
        num_images = data.num_training_rows
        if num_images % data.batch_size == 1 or data.batch_size == 1:
            raise UserError(
                f"data.batch_size={data.batch_size}: a batch of the {num_images:,} training images would hold a "
                "single one, which BatchNorm cannot normalise; choose another size, 2 or more"
            )

    def on_train_epoch_start(self) -> None:
        """Several processes draw the same noise, of which each takes its share; dropout stays each one's own."""
        if self.trainer.world_size > 1:
            seed = self.trainer.strategy.broadcast(torch.initial_seed())
            self.stream = torch.Generator(self.device).manual_seed(seed)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        real = batch[0]
        share = self._share(len(real), batch_idx)
        generator_optimizer, discriminator_optimizer = self.optimizers()  # type: ignore[attr-defined]
        discriminator_loss, told = self._discriminator_loss(real, share)
        self._step(discriminator_optimizer, discriminator_loss)
        with frozen(self.net.discriminator):
            generator_loss = self._generator_loss(real, share)
            self._step(generator_optimizer, generator_loss)
        self._follow()
        for scheduler in self.lr_schedulers() or []:  # type: ignore[union-attr]
            scheduler.step()
        losses = {"discriminator_loss": discriminator_loss, "generator_loss": generator_loss}
        self.sums.add("train", len(real), **losses, **told)
        return discriminator_loss.detach() + generator_loss.detach()

    def _share(self, num_own: int, batch_idx: int) -> Share:
        """Which rows of the global batch are this process's: all draw for the whole of it, and take their part."""
        if self.trainer.world_size == 1:
            return Share(num_own)
        data: MemoryData = self.trainer.datamodule  # type: ignore[attr-defined]
        num = min(data.batch_size, data.num_training_rows - batch_idx * data.batch_size)
        return Share(num, self.trainer.global_rank, self.trainer.world_size)

    def _discriminator_loss(self, real: Tensor, share: Share) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.no_grad():
            fake = self.net.generator(self._noise(real, share))
        order = torch.randperm(2 * share.num, device=real.device, generator=self.stream)
        places, own = share.of_pair(order)
        images, labels = shuffled_pair(real, fake, self.real_label, self.fake_label, own)
        logits = at_least_float32(self.net.discriminator(self._blurred(images, 2 * share.num, places)))  # (2 * batch,)
        told = scores_of(logits.detach(), own < len(real)) | {"spread": spread(fake) / spread(real)}
        return F.binary_cross_entropy_with_logits(logits, labels), told

    def _generator_loss(self, real: Tensor, share: Share) -> Tensor:
        """How little the discriminator takes new fakes, as many as there are real images, for real."""
        fake = self.net.generator(self._noise(real, share))
        logits = at_least_float32(self.net.discriminator(self._blurred(fake, share.num, share.rows)))
        return F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))

    def _noise(self, real: Tensor, share: Share) -> Tensor:
        latent = self.net.generator.latent
        return torch.randn(share.num, latent, device=real.device, generator=self.stream)[share.rows]

    def _blurred(self, images: Tensor, num: int, own: slice | Tensor) -> Tensor:
        """With this epoch's share of the instance noise, drawn for `num` images of which these are the own."""
        if not self.instance_noise:
            return images
        left = 1 - self.current_epoch / max(1, self.trainer.max_epochs or 1)
        size = (num, *images.shape[1:])
        noise = torch.randn(size, dtype=images.dtype, device=images.device, generator=self.stream)
        return images + self.instance_noise * left * noise[own]

    def _step(self, optimizer: Any, loss: Tensor) -> None:
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the average towards the generator, its running statistics too."""
        if self.average is None:
            return
        num_steps = self.global_step // 2  # Lightning counts each optimizer's
        decay = min(self.ema, (1 + num_steps) / (10 + num_steps))
        for kept, new in zip(self.average.state_dict().values(), self.net.generator.state_dict().values(), strict=True):
            if kept.is_floating_point():
                kept.lerp_(new, 1 - decay)
            else:
                kept.copy_(new)

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        self._evaluate(self.val_splits[dataloader_idx], batch[0], batch_idx)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self._evaluate("test", batch[0], batch_idx)

    def _evaluate(self, split: str, real: Tensor, batch_idx: int) -> None:
        """The discriminator, in evaluation mode, on images it was not trained on and on as many samples."""
        stream = seeded(real.device, EVALUATION_STREAM, batch_idx)
        noise = torch.randn(len(real), self.net.generator.latent, device=real.device, generator=stream)
        fake = self.sample(noise)
        logits = at_least_float32(self.net.discriminator(torch.cat([real, fake])))
        is_real = torch.arange(len(logits), device=real.device) < len(real)
        loss = F.binary_cross_entropy_with_logits(logits, is_real.to(logits))
        self.sums.add(split, len(real), discriminator_loss=loss, **scores_of(logits, is_real))

    def configure_optimizers(self) -> Any:
        generator = self.make_optimizer(decay_matrices_only(self.net.generator))
        rate = {} if self.discriminator_lr is None else {"lr": self.discriminator_lr}
        discriminator = self.make_optimizer(decay_matrices_only(self.net.discriminator), **rate)
        optimizers = [generator, discriminator]
        if self.make_scheduler is None:
            return optimizers
        num_steps = int(self.trainer.estimated_stepping_batches)
        return optimizers, [self.make_scheduler(optimizer, num_steps=num_steps) for optimizer in optimizers]


def shuffled_pair(
    real: Tensor, fake: Tensor, real_label: float, fake_label: float, order: Tensor
) -> tuple[Tensor, Tensor]:
    """Both sets in one order (2 * batch,): images (2 * batch, ...) and labels (2 * batch,).

    In the order the real ones are 0 to batch - 1. Whole images change places, their pixels stay.
    """
    labels = torch.cat([real.new_full((len(real),), real_label), real.new_full((len(fake),), fake_label)])
    return torch.cat([real, fake.to(real.dtype)])[order], labels[order]


def scores_of(logits: Tensor, is_real: Tensor) -> dict[str, Tensor]:
    """The mean probabilities of being real, as logits give them, of the real and of the fake images."""
    probabilities, weights = logits.sigmoid(), is_real.to(logits)
    return {
        "real_score": (probabilities * weights).sum() / weights.sum(),
        "fake_score": (probabilities * (1 - weights)).sum() / (1 - weights).sum(),
    }


def spread(images: Tensor) -> Tensor:
    """The variance between images (batch, ...), a mean over their pixels."""
    return at_least_float32(images).var(0).mean()
