"""Which way of restoring faces with zeroed pixels does best, by how many are zeroed."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from dlhw import checkpoints, eigenfaces
from dlhw.callbacks.recorder import Recorder
from dlhw.data.loader import seeded
from dlhw.eigenfaces import Eigenfaces
from dlhw.figures import image_grid, restoration_curves
from dlhw.metrics.restoration import psnr, ssim
from dlhw.models.autoencoder import Denoising, restored_by
from dlhw.restoration import interpolate, paste, zero_out

Restore = Callable[[Tensor, Tensor], Tensor]  # images (num, 1, height, width) with zeroed pixels, and which are known

STREAM = 3  # of the random streams, the one of the test's corruption: the same places for every run
CORRUPTED, INTERPOLATION = "the corrupted face itself", "linear interpolation"
PROJECTION, LEAST_SQUARES = "eigenface projection", "eigenfaces, known pixels only"
PRIOR = "all eigenfaces, with their prior"
NETWORKS = {
    "face_autoencoder": "plain autoencoder",
    "face_denoising": "autoencoder trained on corrupted faces",
    "face_inpainting": "convolutional network",
}
RESCALED = f"{NETWORKS['face_autoencoder']}, rescaled input"
PASTED = ", known pixels pasted back"
KEEPS_KNOWN = (
    CORRUPTED,
    INTERPOLATION,
    NETWORKS["face_inpainting"],
)  # these give known pixels back as they are: nothing to paste


class RestorationStudy(Recorder):
    """Restores the test faces after a share of their pixels was zeroed, in every way there is, and tells which wins.

    The ways are the run's network and those of its references, eigenfaces, and interpolation; what they make is
    clipped to 0..1.

    Args:
        shares: of zeroed pixels, in [0, 1).
        components: eigenfaces for the projection and the least squares.
        drawn: the shares whose pictures are drawn.
    """

    def __init__(
        self, shares: Sequence[float], components: int, drawn: Sequence[float] = (0.1, 0.3, 0.5, 0.7, 0.9)
    ) -> None:
        self.shares, self.components, self.drawn = list(shares), components, list(drawn)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        truth = self.data.inputs("test")
        ways = self._ways(pl_module, truth.device)
        scores: dict[str, dict[str, list[float]]] = {"psnr": {}, "ssim": {}}
        pictures: dict[str, list[Tensor]] = {}
        for share in self.shares:
            corrupted, known = zero_out(truth, share, seeded(truth.device, STREAM, round(1000 * share)))
            for name, restored in all_restored(ways, corrupted, known).items():
                scores["psnr"].setdefault(name, []).append(psnr(restored, truth).mean().item())
                scores["ssim"].setdefault(name, []).append(ssim(restored[:, 0], truth[:, 0]).mean().item())
                if share in self.drawn:
                    pictures.setdefault(name, []).append(restored[0, 0].cpu())
        self._draw(scores, pictures, truth)
        self._table(scores)
        self.record.notes += answer(self.shares, scores["psnr"])

    def _ways(self, module: nn.Module, device: torch.device) -> dict[str, Restore]:
        assert isinstance(module, Denoising)
        model = eigenfaces.fit(self.data.inputs("train").flatten(1))
        few = model.first(min(self.components, len(model.singular_values)))
        # the variance that the fitted components leave in faces never seen, where there are such to measure it on
        part = "val" if "val" in self.data.parts else "train"
        noise = model.errors(self.data.inputs(part).flatten(1))[-1].item() or few.noise_variance
        ways: dict[str, Restore] = {CORRUPTED: lambda corrupted, known: corrupted}
        for folder in self.references.values():
            ways |= trained_ways(folder, device)
        ways[name_of(self.record.facts["experiment"])] = partial(by_network, module.net, module.mask, module.rescaled)
        ways[PROJECTION] = lambda corrupted, known: few.reconstruct(corrupted.flatten(1)).view_as(corrupted)
        ways[LEAST_SQUARES] = partial(by_eigenfaces, few, 0.0)
        ways[PRIOR] = partial(by_eigenfaces, model, noise)
        ways[INTERPOLATION] = lambda corrupted, known: interpolate(corrupted[:, 0], known[:, 0])[:, None]
        return ways

    def _draw(
        self, scores: dict[str, dict[str, list[float]]], pictures: dict[str, list[Tensor]], truth: Tensor
    ) -> None:
        title = "Faces with pixels zeroed at random, restored"
        name = f"{self.data.title}, {len(truth)} faces of the test part"
        figure = restoration_curves(
            self.shares, scores["psnr"], scores["ssim"], pasted_suffix=PASTED, title=title, data_name=name
        )
        caption = (
            "Means over the test faces of the peak signal-to-noise ratio and of the structural similarity (higher is "
            "better), against the share of pixels that were zeroed. Dashed: with the known pixels pasted back."
        )
        self.record.add_figure(figure, "restoration", title, caption)
        drawn = [share for share in self.shares if share in self.drawn]
        if not drawn:
            return
        rows = {name: made for name, made in pictures.items() if not name.endswith(PASTED)}
        grid = torch.stack([torch.stack([*made, truth[0, 0].cpu()]) for made in rows.values()])
        title = "One face of the test part, restored"
        columns = [*(f"{100 * share:.0f} % zeroed" for share in drawn), "the truth"]
        figure = image_grid(grid.numpy(), list(rows), column_labels=columns, title=title, data_name=self.data.title)
        self.record.add_figure(
            figure, "restored_faces", title, "By way of restoring (rows) and share zeroed (columns)."
        )

    def _table(self, scores: dict[str, dict[str, list[float]]]) -> None:
        columns = [f"{100 * share:.0f} %" for share in self.shares]
        for kind, title in (("psnr", "PSNR in dB"), ("ssim", "SSIM")):
            rows = [[name, *(round(value, 4) for value in values)] for name, values in scores[kind].items()]
            self.record.add_table(f"{title}, by share of zeroed pixels", ["restored by", *columns], rows)
            for name, values in scores[kind].items():
                for share, value in zip(self.shares, values, strict=True):
                    self.record.metrics[f"{kind}_{100 * share:.0f}/{slug(name)}"] = value


def slug(name: str) -> str:
    return name.replace(PASTED, " pasted").replace(",", "").replace(" ", "_")


def all_restored(ways: dict[str, Restore], corrupted: Tensor, known: Tensor) -> dict[str, Tensor]:
    """What each way makes of the faces, without and with the known pixels pasted back."""
    restored = {}
    for name, restore in ways.items():
        restored[name] = restore(corrupted, known).clamp(0, 1)
        if name not in KEEPS_KNOWN:
            restored[name + PASTED] = paste(restored[name], corrupted, known)
    return restored


@torch.no_grad()
def by_network(net: nn.Module, mask: bool, rescaled: bool, corrupted: Tensor, known: Tensor) -> Tensor:
    return restored_by(net, corrupted, known, mask, rescaled)


def trained_ways(folder: Path, device: torch.device) -> dict[str, Restore]:
    """The network of a finished run; one that knows nothing of lost pixels with rescaled input too."""
    config = OmegaConf.load(folder / "config.yaml")
    net = checkpoints.trained_net(folder).to(device)
    mask, rescaled = bool(config.model.get("mask", False)), bool(config.model.get("rescaled", False))
    ways: dict[str, Restore] = {name_of(config.name): partial(by_network, net, mask, rescaled)}
    if not mask and not rescaled:
        ways[f"{name_of(config.name)}, rescaled input"] = partial(by_network, net, mask, True)
    return ways


def name_of(experiment: str) -> str:
    return NETWORKS.get(experiment, experiment)


def by_eigenfaces(model: Eigenfaces, noise: float, corrupted: Tensor, known: Tensor) -> Tensor:
    return eigenfaces.fill(model, corrupted.flatten(1), known.flatten(1), noise).view_as(corrupted)


def answer(shares: Sequence[float], scores: dict[str, list[float]]) -> list[str]:
    """Can an autoencoder restore faces that lost pixels? In words, from the curves."""
    at = min(range(len(shares)), key=lambda number: abs(shares[number] - 0.5))
    percent = f"{100 * shares[at]:.0f} %"
    found = {name: values[at] for name, values in scores.items()}
    told = []
    plain_one, denoiser = (found.get(NETWORKS[name]) for name in ("face_autoencoder", "face_denoising"))
    if plain_one is not None and denoiser is not None:
        told.append(
            f"With {percent} of the pixels zeroed the plain autoencoder gives {plain_one:.1f} dB, the corrupted face "
            f"itself has {found[CORRUPTED]:.1f} dB (input rescaled to the brightness of whole faces: "
            f"{found[RESCALED]:.1f} dB). The one trained on corrupted faces gives {denoiser:.1f} dB, which is "
            f"{denoiser - plain_one:+.1f} dB."
        )
    told.append(
        f"Eigenfaces give {found[PROJECTION]:.1f} dB where zeros count as pixels, and {found[LEAST_SQUARES]:.1f} dB "
        f"where only the known pixels are fitted (all of them, held back by their variances, {found[PRIOR]:.1f} dB). "
        f"Linear interpolation, which has seen no face, gives {found[INTERPOLATION]:.1f} dB."
    )
    passing = [
        name
        for name, values in scores.items()
        if name not in (CORRUPTED, INTERPOLATION) and any(map(float.__gt__, values, scores[INTERPOLATION]))
    ]
    who = " and ".join(passing) or "nothing"
    told.append(f"Of all that learned from faces, {who} passes linear interpolation, at one share or more.")
    winners = [max(scores, key=lambda name: scores[name][number]) for number in range(len(shares))]
    wins = {
        name: [f"{100 * share:.0f} %" for share, won in zip(shares, winners, strict=True) if won == name]
        for name in dict.fromkeys(winners)
    }
    told.append("Best of all: " + "; ".join(f"{name} at {', '.join(where)}" for name, where in wins.items()) + ".")
    return told
