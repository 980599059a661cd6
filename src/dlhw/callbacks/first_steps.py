"""Whether deep networks train at all from different initialisations: the loss of the first steps."""

from collections.abc import Iterator, Sequence
from itertools import islice

import pytorch_lightning as pl
import torch
from torch import Tensor

from dlhw.callbacks.recorder import Recorder
from dlhw.figures import loss_by_step
from dlhw.initialisation import Scheme, first_losses, initialise, scheme_name
from dlhw.nets.mlp import MLP

WINDOW = 10  # steps that a training loss is averaged over


class FirstSteps(Recorder):
    """Trains a ReLU network of each depth from each initialisation for some steps of SGD, all on the same batches.

    Args:
        schemes: names, or standard deviations that are the same in every layer (see `dlhw.initialisation`).
        depths: numbers of hidden layers.
        steps: batches of the training part; 0 for no training.
        width: of every hidden layer.
    """

    def __init__(
        self,
        schemes: Sequence[Scheme],
        depths: Sequence[int],
        steps: int,
        seed: int,
        width: int,
        lr: float,
        momentum: float,
    ) -> None:
        self.schemes = {scheme_name(scheme): scheme for scheme in schemes}
        self.depths = sorted(depths)
        self.steps, self.width, self.lr, self.momentum = steps, width, lr, momentum
        self.generator = torch.Generator().manual_seed(seed)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not self.steps:
            return
        with torch.inference_mode(False), torch.enable_grad():  # Lightning tests without gradients
            losses = {
                f"{depth} hidden layers": {name: self._train(depth, scheme) for name, scheme in self.schemes.items()}
                for depth in self.depths
            }
        how = f"SGD with rate {self.lr:g} and momentum {self.momentum:g}, batches of {self.data.batch_size}, one draw"
        self.record.add_table(
            f"Training loss after {self.steps} steps",
            ["initialisation", *losses],
            [[name, *(self._outcome(panel[name]) for panel in losses.values())] for name in self.schemes],
            note=f"Mean cross entropy (nats) of the last {WINDOW} steps; guessing gives 2.303 with ten classes. {how}.",
        )
        title = f"Training loss of the first {self.steps} steps"
        figure = loss_by_step(losses, num_steps=self.steps, window=WINDOW, title=title, data_name=self.data.title)
        caption = f"Mean of {WINDOW} steps; a cross where the loss was no finite number any more. {how}."
        self.record.add_figure(figure, "first_steps", title, caption)

    def _train(self, depth: int, scheme: Scheme) -> list[float]:
        images = self.data.parts["train"][0]
        net = MLP(images[0].numel(), [self.width] * depth, len(self.data.class_names))
        initialise(net, scheme, self.generator)
        return first_losses(net.to(images.device), islice(self._batches(), self.steps), self.lr, self.momentum)

    def _batches(self) -> Iterator[tuple[Tensor, ...]]:
        """The training batches, epoch after epoch."""
        loader = self.data.train_dataloader()
        epoch = 0
        while True:
            loader.set_epoch(epoch)
            yield from loader
            epoch += 1

    def _outcome(self, losses: list[float]) -> float | str:
        if len(losses) < self.steps:
            return f"not finite after {len(losses)} steps"
        return sum(losses[-WINDOW:]) / len(losses[-WINDOW:])
