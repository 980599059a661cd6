"""The eigenfaces, and what links them with the networks that learn a code of the same size."""

from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf
from torch import Tensor
from torch.nn import functional as F

from dlhw import checkpoints, eigenfaces
from dlhw.callbacks.metrics_csv import epochs_of
from dlhw.callbacks.pca_comparison import reconstruct
from dlhw.callbacks.recorder import Recorder
from dlhw.callbacks.span import autoencoder_of, code_size, degrees, spans
from dlhw.data.memory import MemoryData
from dlhw.figures import convergence, image_sheet, principal_angles
from dlhw.nets.autoencoder import Autoencoder
from dlhw.precision import double

NUM_SHOWN = 64  # eigenfaces in the sheet, at most


class EigenfaceStudy(Recorder):
    """Draws the mean face and the eigenfaces, and measures how far the networks' weights span the same space.

    The networks are the run's own, a linear autoencoder, and those of the references; each has its code's size.
    """

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        faces = self.data.inputs("train")
        model = eigenfaces.fit(faces.flatten(1))
        latent = code_size(autoencoder_of(pl_module), model)
        self._two_ways(faces.flatten(1), model, latent)
        self._sheet(faces, model, latent)
        networks = {"linear autoencoder": autoencoder_of(pl_module)}
        for folder in self.references.values():
            networks[f"ReLU network, {recipe(folder)}"] = trained(folder, self.data)
        self._angles(model, networks, latent)
        self._errors(model, networks, latent)
        self._convergence(trainer)

    def _two_ways(self, faces: Tensor, model: eigenfaces.Eigenfaces, latent: int) -> None:
        """The direct SVD and the snapshot trick on the same faces: the largest difference of any pixel."""
        one, other = (ways(double(faces), latent) for ways in (eigenfaces.direct, eigenfaces.snapshot))
        apart = (one.basis - other.basis).abs().max().item()
        self.record.metrics["svd/difference"] = apart
        self.record.notes.append(
            f"The direct SVD of the {faces.shape[1]:,} x {len(faces)} matrix of centred faces and the snapshot trick "
            f"(the eigenvectors of its {len(faces)} x {len(faces)} matrix of inner products) give {latent} "
            f"eigenfaces each, of which no pixel differs by more than {apart:.1e}."
        )

    def _sheet(self, faces: Tensor, model: eigenfaces.Eigenfaces, latent: int) -> None:
        shape = faces.shape[-2:]
        num = min(latent, NUM_SHOWN)
        explained = model.explained
        title = f"The mean face and the first {num} eigenfaces" if num > 1 else "The mean face and the first eigenface"
        images = torch.cat([model.mean[None], model.basis.T[:num]]).view(-1, *shape).cpu().numpy()
        labels = [
            "mean",
            *(f"{number}: {100 * share:.1f} %" for number, share in enumerate(explained[:num].tolist(), 1)),
        ]
        figure = image_sheet(images, title=title, data_name=self.data.title, labels=labels, each_own_range=True)
        caption = (
            f"Of {len(faces)} training faces. Below each its share of the faces' variance; together "
            f"{100 * explained[:num].sum().item():.1f} %. Each has a grey scale of its own; signs are arbitrary."
        )
        self.record.add_figure(figure, "eigenfaces", title, caption)
        self.record.metrics["pca/explained"] = explained[:latent].sum().item()

    def _angles(self, model: eigenfaces.Eigenfaces, networks: dict[str, Autoencoder], latent: int) -> None:
        basis = model.first(latent).basis
        measured: dict[str, Tensor] = {}
        for name, net in networks.items():
            for layer, columns in spans(net, model).items():
                measured[f"{name}, {layer}"] = degrees(columns.to(basis), basis)
        chance = torch.randn(basis.shape, generator=torch.Generator().manual_seed(0))
        measured["a random span"] = degrees(chance.to(basis), basis)
        title = f"Angles between the weights' span and {basis.shape[1]} eigenfaces'"
        drawn = {name: angles.cpu().numpy() for name, angles in measured.items() if not name.endswith(", fc1")}
        figure = principal_angles(drawn, title=title, data_name=self.data.title)
        caption = (
            "0 degrees is a direction that both spans share, 90 one that the eigenfaces do not have at all. fc1 is "
            "what the codes look for, fc2 what they put into the image. What fc1's start has outside of the training "
            "faces' span no training touches; `within faces` leaves it out."
        )
        self.record.add_figure(figure, "principal_angles", title, caption)
        self.record.add_table(
            title,
            ["span of", "dimensions", "smallest", "median", "largest", "overlap"],
            [
                [name, len(angles), *(float(v) for v in (angles[0], angles.median(), angles[-1])), overlap(angles)]
                for name, angles in measured.items()
                if len(angles)
            ],
            note="Angles in degrees. Overlap is the mean squared cosine: the share of one span that lies in the other.",
            percent=["overlap"],
        )
        for name, angles in measured.items():
            self.record.metrics[f"overlap/{name.replace(',', '').replace(' ', '_')}"] = overlap(angles)

    def _errors(self, model: eigenfaces.Eigenfaces, networks: dict[str, Autoencoder], latent: int) -> None:
        rows = []
        for name, net in networks.items():
            rows.append(
                [name, *(self._error(reconstruct(net, self.data.inputs(part)), part) for part in ("train", "test"))]
            )
        made = {part: model.first(latent).reconstruct(self.data.inputs(part).flatten(1)) for part in ("train", "test")}
        rows.append([f"{latent} eigenfaces", *(self._error(made[part], part) for part in ("train", "test"))])
        self.record.add_table(
            "Mean squared error per pixel on the same faces",
            ["reconstruction by", "training faces", "unseen faces"],
            rows,
            note="All have a code of the same size; the test part is the same for all.",
        )

    def _error(self, made: Tensor, part: str) -> float:
        images = self.data.inputs(part)
        return F.mse_loss(made.view_as(images), images).item()

    def _convergence(self, trainer: pl.Trainer) -> None:
        history = epochs_of(trainer).history()
        if not history.get("span/excess"):
            return
        title = "The linear autoencoder on its way to the eigenfaces"
        angles = {
            f"{layer}, {which}": np.array(history[f"span/{layer.replace(' ', '_')}_{which}"], dtype=float)
            for layer in ("fc1 within faces", "fc2")
            for which in ("largest", "median")
        }
        excess = np.array(history["span/excess"], dtype=float)
        epochs = list(range(1, len(excess) + 1))
        figure = convergence(epochs, angles, excess, title=title, data_name=self.data.title)
        caption = (
            "Left: principal angles between the span of the weights and that of as many eigenfaces. Right: by how much "
            "the training error exceeds that of PCA, below which no linear autoencoder goes."
        )
        self.record.add_figure(figure, "convergence", title, caption)
        self.record.metrics["span/excess"] = float(excess[-1])


def overlap(angles: Tensor) -> float:
    """The mean squared cosine of angles in degrees; 0 where there is no angle."""
    return angles.deg2rad().cos().square().mean().item() if len(angles) else 0.0


def recipe(folder: Path) -> str:
    """What a finished run of face_autoencoder was started by: `plain`, `centred`, ..."""
    return str(OmegaConf.load(folder / "config.yaml").recipe)


def trained(folder: Path, data: MemoryData) -> Autoencoder:
    net = checkpoints.trained_net(folder).to(data.parts["train"][0].device)
    assert isinstance(net, Autoencoder)
    return net
