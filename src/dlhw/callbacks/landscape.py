"""The loss on the plane that training moved in: drawn, tabulated, and held against the truth."""

import logging
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from dlhw.callbacks.recorder import Recorder
from dlhw.callbacks.trajectory import Samples, load_trajectory
from dlhw.figures import loss_contours, loss_surface, plane_against_truth
from dlhw.files import write_csv
from dlhw.landscape import Plane, grid_axes, grid_points, loss_on_grid, losses, losses_on_plane, main_plane
from dlhw.models.side_by_side import SideBySideClassifier

log = logging.getLogger(__name__)

NUM_ROWS = 11  # of each trajectory in the report's table; trajectory.csv has all
COLUMNS = ["direction 1", "direction 2", "distance from the plane", "true loss", "loss on the plane"]
# The shares of a long random walk in many dimensions, 6 / (pi k)^2: Antognini and Sohl-Dickstein (2018)
RANDOM_WALK = [6 / (np.pi * k) ** 2 for k in (1, 2)]


@dataclass(frozen=True)
class Projected:
    """A trajectory's samples as the plane shows them, and as they are: each (num_samples,), coordinates (.., 2)."""

    coordinates: Tensor
    distances: Tensor
    true: Tensor
    shown: Tensor

    def rows(self) -> list[list[float]]:
        """A row of `COLUMNS` for each sample."""
        return torch.column_stack([self.coordinates, self.distances, self.true, self.shown]).tolist()


class LossLandscape(Recorder):
    """The training loss on the plane of the trajectories' two main directions, through the final weights.

    With several networks the plane goes through the mean of their final weights, so that it favours none. The loss is
    the cross entropy alone, in evaluation mode, over all images that were trained on.

    Args:
        grid_size: points of the grid along each direction.
    """

    def __init__(self, grid_size: int) -> None:
        self.grid_size = grid_size

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, SideBySideClassifier)
        samples = load_trajectory(self.record.folder)
        if samples is None or not trainer.is_global_zero:
            self.record.notes.append("Nothing was trained, so there is no trajectory and no landscape.")
            return
        net = pl_module.nets[0]
        images, labels = self.data.calibration(len(self.data.parts["train"][1]))
        plane = main_plane(samples.points.flatten(0, 1), origin=samples.points[-1].mean(0))
        self._explain(plane)

        paths = {}
        for number in range(pl_module.inits):
            points = samples.points[:, number]  # (num_samples, num_parameters)
            coordinates, distances = plane.project(points)
            true = losses(net, points, images, labels).cpu()
            shown = losses_on_plane(net, plane, coordinates, images, labels).cpu()
            paths[path_name(number, pl_module.inits)] = Projected(coordinates, distances, true, shown)
        self._table(samples, paths)

        started = time.perf_counter()
        x, y = grid_axes(torch.cat([path.coordinates for path in paths.values()]), self.grid_size)
        surface = loss_on_grid(net, plane, x, y, images, labels).cpu()
        self.record.metrics["landscape/grid_seconds"] = time.perf_counter() - started
        columns = ["direction 1", "direction 2", "loss"]
        write_csv(self.record.folder / "landscape.csv", columns, grid_rows(x, y, surface))
        self._figures(plane, x, y, surface, samples, paths, len(labels))

    def _explain(self, plane: Plane) -> None:
        log.info(
            "explained variance of the trajectory: direction 1 %.1f %%, direction 2 %.1f %%, together %.1f %%",
            *(100 * share for share in (*plane.explained, sum(plane.explained))),
        )
        rows = [
            [name, *shares, sum(shares)]
            for name, shares in (("this training", plane.explained), ("a random walk", RANDOM_WALK))
        ]
        columns = ["direction 1", "direction 2", "together"]
        note = (
            "A long random walk in many dimensions has no plane that it moves in, and yet two directions hold three "
            "quarters of its variance (Antognini and Sohl-Dickstein, 2018)."
        )
        self.record.add_table("Explained variance", ["of", *columns], rows, note=note, percent=columns)
        self.record.metrics["landscape/explained_1"], self.record.metrics["landscape/explained_2"] = plane.explained
        self.record.metrics["landscape/explained"] = sum(plane.explained)

    def _table(self, samples: Samples, paths: dict[str, Projected]) -> None:
        columns = ["network", "step", "epoch", *COLUMNS]
        rows = [
            [name, step, round(epoch, 3), *row]
            for name, path in paths.items()
            for step, epoch, row in zip(samples.steps, samples.epochs, path.rows(), strict=True)
        ]
        write_csv(self.record.folder / "trajectory.csv", columns, rows)
        num_samples = len(samples.steps)
        kept = np.linspace(0, num_samples - 1, min(NUM_ROWS, num_samples)).round().astype(int)
        self.record.add_table(
            "The trajectory: true loss and the plane's",
            columns,
            [rows[num_samples * number + at] for number in range(len(paths)) for at in kept],
            note="Losses in nats over the training images; distances in the units of the parameters. "
            "trajectory.csv has every sample, landscape.csv the grid.",
        )
        last, metrics = list(paths.values()), self.record.metrics
        metrics["landscape/final_loss"] = max(path.true[-1].item() for path in last)
        metrics["landscape/final_loss_on_plane"] = max(path.shown[-1].item() for path in last)
        metrics["landscape/largest_distance"] = max(path.distances.max().item() for path in last)

    def _figures(
        self, plane: Plane, x: Tensor, y: Tensor, surface: Tensor, samples: Samples, paths: dict[str, Projected],
        num_images: int,
    ) -> None:  # fmt: skip
        look: dict[str, Any] = {
            "axis_labels": tuple(
                f"direction {k}, {100 * share:.1f} % of the variance" for k, share in enumerate(plane.explained, 1)
            ),
            "title": "Training loss on the plane that SGD moves in",
            "data_name": f"{self.data.title}, {num_images:,} images",
        }
        grid = (x.numpy(), y.numpy(), surface.numpy())
        tracks = {name: torch.column_stack([path.coordinates, path.shown]).numpy() for name, path in paths.items()}
        through = "final weights" if len(paths) == 1 else "mean of the final weights"
        caption = (
            f"Cross entropy on {self.grid_size} x {self.grid_size} points of the plane through the {through}, along "
            "the two principal components of the trajectory. A dot is a sample, projected onto the plane; the circle "
            "is the start, the star the end. "
        )
        self.record.add_figure(loss_surface(*grid, tracks, **look), "landscape_surface", look["title"], caption)
        self.record.add_figure(
            loss_contours(*grid, tracks, **look), "landscape_contours", look["title"] + ", from above",
            caption + "Both directions are on one scale.",
        )  # fmt: skip
        title = "What the plane leaves out of the trajectory"
        truth = {name: (path.true.numpy(), path.shown.numpy(), path.distances.numpy()) for name, path in paths.items()}
        figure = plane_against_truth(samples.epochs, truth, title=title, data_name=look["data_name"])
        self.record.add_figure(
            figure, "landscape_truth", title,
            "Left: the loss of the networks that were really met, and of their projections onto the plane, which is "
            "what the surface shows. Right: how far from the plane they were.",
        )  # fmt: skip


def path_name(number: int, num_paths: int) -> str:
    return "SGD" if num_paths == 1 else f"initialisation {number + 1}"


def grid_rows(x: Tensor, y: Tensor, surface: Tensor) -> list[list[float]]:
    return torch.column_stack([grid_points(x, y), surface.flatten()]).tolist()
