"""How near the span of a linear autoencoder's weights comes to that of the eigenfaces, epoch by epoch."""

import math
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning import Callback
from torch import Tensor, nn
from torch.nn import functional as F

from dlhw import eigenfaces
from dlhw.autoencoder_start import layers
from dlhw.eigenfaces import Eigenfaces
from dlhw.models.one_net import OneNet
from dlhw.nets.autoencoder import Autoencoder


class SpanAngles(Callback):
    """Records after each epoch the principal angles between the weights' span and that of as many eigenfaces.

    `span/fc2_largest` and `span/fc2_median` are in degrees (fc1 likewise); `span/excess` is by how much the training
    error exceeds PCA's, as a share of that: no linear autoencoder goes below 0 (Baldi and Hornik 1989).
    """

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.faces = trainer.datamodule.inputs("train")  # type: ignore[attr-defined]
        self.all_components = eigenfaces.fit(self.faces.flatten(1))
        self.model = self.all_components.first(code_size(autoencoder_of(pl_module), self.all_components))
        self.bound = self.model.errors(self.faces.flatten(1))[-1]

    @torch.no_grad()
    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        net = autoencoder_of(pl_module)
        measured: dict[str, Any] = {"span/excess": F.mse_loss(net(self.faces), self.faces) / self.bound - 1}
        for name, columns in spans(net, self.all_components).items():
            angles = degrees(columns, self.model.basis)
            key = name.replace(" ", "_")
            measured |= {f"span/{key}_largest": angles[-1], f"span/{key}_median": angles.median()}
        pl_module.log_dict(measured)


def code_size(net: Autoencoder, model: Eigenfaces) -> int:
    """The numbers in a code, or as many components as there are."""
    return min(layers(net)[0].out_features, len(model.singular_values))


def autoencoder_of(module: nn.Module) -> Autoencoder:
    assert isinstance(module, OneNet)
    assert isinstance(module.net, Autoencoder)
    return module.net


def spans(net: Autoencoder, model: Eigenfaces) -> dict[str, Tensor]:
    """The weights of both layers as columns (num_pixels, latent) that span a space of faces.

    Gradients of fc1's weights are sums of training faces. What its start has beyond their span, which `model` has a
    basis of, no training touches and no training face meets; `fc1 within faces` is the part that can be learned.
    """
    fc1, fc2 = (layer.weight.detach() for layer in layers(net))
    within = model.basis @ (model.basis.T @ fc1.T)
    return {"fc1": fc1.T, "fc1 within faces": within, "fc2": fc2}


def degrees(a: Tensor, b: Tensor) -> Tensor:
    """The principal angles between the columns' spans, ascending, in degrees."""
    return eigenfaces.principal_angles(a, b) * (180 / math.pi)
