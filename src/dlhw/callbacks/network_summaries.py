"""A generator and its discriminator layer by layer, as tables."""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from dlhw.callbacks.recorder import Recorder
from dlhw.metrics.parameters import describe_layer, num_parameters, own_parameters
from dlhw.models.gan import Gan


class NetworkSummaries(Recorder):
    """Tabulates both networks: each layer's kind, the shape of what it gives for one image, and its parameters."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Gan)
        noise = torch.zeros(1, pl_module.net.generator.latent, device=pl_module.device)
        image = pl_module.sample(noise)
        for name, net, inputs in (
            ("Generator", pl_module.net.generator, noise),
            ("Discriminator", pl_module.net.discriminator, image),
        ):
            self.record.add_table(
                f"{name}, {num_parameters(net):,} parameters",
                ["layer", "output for one image", "parameters"],
                layer_rows(net, inputs),
            )


@torch.no_grad()
def layer_rows(net: nn.Module, inputs: Tensor) -> list[list[Any]]:
    """Description, output shape without the batch, and number of parameters of each layer, in the order they act."""
    rows: list[list[Any]] = []

    def note(layer: nn.Module, args: Any, output: Tensor) -> None:
        shape = " x ".join(str(size) for size in output.shape[1:])
        rows.append([describe_layer(layer), shape, sum(parameter.numel() for parameter in own_parameters(layer))])

    layers = list(net.layers)  # type: ignore[arg-type]  # the networks of dlhw.nets.gan are sequences
    hooks = [layer.register_forward_hook(note) for layer in layers]
    was_training = net.training
    net.eval()(inputs)
    net.train(was_training)
    for hook in hooks:
        hook.remove()
    return rows
