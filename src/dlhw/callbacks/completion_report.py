"""What a network makes of the bottom halves of images: how wrong, and whether they can be read."""

from dataclasses import dataclass

import pytorch_lightning as pl
import torch
from torch import Tensor

from dlhw.callbacks.find import find
from dlhw.callbacks.recorder import Recorder
from dlhw.callbacks.stop_early import StopEarly
from dlhw.data.loader import seeded
from dlhw.figures import completion_sheets, error_by_patch, image_grid
from dlhw.judge import Judge
from dlhw.metrics.generation import nearest_distances
from dlhw.models.next_patch import NUM_FREE, NUM_KNOWN, NextPatch
from dlhw.nets.patch_rnn import SIDE, from_patches, to_patches
from dlhw.precision import double
from dlhw.top_half import TopHalfReader

STREAM = 7  # of the random streams, the one of drawn patches
HALF = SIDE // 2  # rows of pixels that are known
TITLES = {
    "test": "the network",
    "sampled": "the network, each pixel drawn",
    "nearest": "training image, nearest top half",
    "class_mean": "mean image of the true class",
    "blank": "blank",
    "originals": "the originals",
}


@dataclass(frozen=True)
class Completion:
    """Bottom halves that something put under the known top halves.

    Attributes:
        patches: (num, 8, 49).
        read: the class (num,) that the judge reads in the whole image.
    """

    patches: Tensor
    read: Tensor


class CompletionReport(Recorder):
    """Completes all test images from their top halves, and judges that beside what needs no network.

    Records by each way of completing `<way>/free_mse`, the mean squared error per pixel of the bottom half, and
    `<way>/legibility`, the share of completed images that the judge reads as their true class: `test` for the network
    (fed back as its `feedback` says), `sampled` with every pixel drawn, `nearest`, `class_mean`, `blank`, `originals`;
    and `top_half/legibility`, the share that a classifier which sees the top half alone reads rightly.

    Args:
        judge: the experiment among the run's references whose network reads.
        num_shown: images of each class on the sheets, at most.
        num_samples: completions drawn for one top half.
    """

    def __init__(self, judge: str, num_shown: int = 10, num_samples: int = 7) -> None:
        self.judge_name, self.num_shown, self.num_samples = judge, num_shown, num_samples

    @torch.no_grad()
    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        assert isinstance(pl_module, NextPatch)
        judge = Judge.of_folder(self.references[self.judge_name], pl_module.device)
        patches, labels = to_patches(self.data.inputs("test")), self.data.parts["test"][1]
        found = {
            way: Completion(bottom, judge.read(from_patches(torch.cat([patches[:, :NUM_KNOWN], bottom], 1))))
            for way, bottom in self._bottoms(pl_module, patches).items()
        }
        self._tabulate(judge, found, patches, labels)
        self._draw_sheets(judge, found["test"], patches, labels)
        self._draw_errors(pl_module, found, patches)
        self._draw_samples(pl_module, patches, labels)
        self._tell_what_chose(trainer)

    def _bottoms(self, module: NextPatch, patches: Tensor) -> dict[str, Tensor]:
        """The bottom halves (num, 8, 49) by each way of completing the top halves of `patches` (num, 16, 49)."""
        training, labels = self.data.inputs("train"), self.data.parts["train"][1]
        top = patches[:, :NUM_KNOWN]
        _, places = nearest_distances(top, to_patches(training)[:, :NUM_KNOWN])
        own = self.data.parts["test"][1]
        means = torch.stack([training[labels == label].mean(0) for label in range(len(self.data.class_names))])
        return {
            "test": module.complete(top, self._stream(module, 0)),
            "sampled": module.net.complete(top, NUM_FREE, self._stream(module, 1)),
            "nearest": to_patches(training[places])[:, NUM_KNOWN:],
            "class_mean": to_patches(means)[own, NUM_KNOWN:],
            "blank": torch.zeros_like(patches[:, NUM_KNOWN:]),
            "originals": patches[:, NUM_KNOWN:],
        }

    def _stream(self, module: NextPatch, number: int) -> torch.Generator:
        return seeded(module.device, self.data.seed, STREAM, number)

    def _tabulate(self, judge: Judge, found: dict[str, Completion], patches: Tensor, labels: Tensor) -> None:
        rows: list[list[str | float]] = []
        for way, completion in found.items():
            error = squared_errors(completion.patches, patches[:, NUM_KNOWN:]).mean().item()
            legibility = double(completion.read == labels).mean().item()
            self.record.metrics |= {f"{way}/free_mse": error, f"{way}/legibility": legibility}
            rows.append([TITLES[way], error, legibility])
        self.record.metrics["top_half/legibility"] = self._read_from_the_top(judge)
        self.record.add_table(
            f"The bottom halves of {len(labels):,} test images",
            ["bottom half by", "mean squared error per pixel", "read as the true class"],
            rows,
            note=f"Read by {judge.title}. The mean image is that of the class which the image is known to have; no "
            "other way is told it. A classifier that sees the top half alone (this one's convolutions under a last "
            "layer fitted to images with a blank bottom) is right for "
            f"{100 * self.record.metrics['top_half/legibility']:.2f} %.",
            percent=["read as the true class"],
        )

    def _read_from_the_top(self, judge: Judge) -> float:
        reader = TopHalfReader(judge.net, self.data.inputs("train"), self.data.parts["train"][1])
        return double(reader.read(self.data.inputs("test")) == self.data.parts["test"][1]).mean().item()

    def _draw_sheets(self, judge: Judge, own: Completion, patches: Tensor, labels: Tensor) -> None:
        rows = self._shown(labels, self.num_shown)
        names = self.data.class_names
        whole = from_patches(torch.cat([patches[:, :NUM_KNOWN], own.patches], 1)).squeeze(1)
        originals = from_patches(patches).squeeze(1)
        readings = [
            ["" if read == label else names[read] for read in own.read[places].tolist()]
            for label, places in rows.items()
        ]
        title = f"{self.record.facts['experiment']}: images completed from their top halves"
        places = torch.stack(list(rows.values()))
        figure = completion_sheets(
            whole[places].cpu().numpy(), originals[places].cpu().numpy(), readings,
            [names[label] for label in rows], num_known=HALF, title=title, data_name=f"{self.data.title}, test part",
        )  # fmt: skip
        caption = (
            f"The first {places.shape[1]} test images of each class: on the left the top half, on blue, as it is and "
            f"the bottom half as the network continues it patch by patch; on the right the originals. Outlined: what "
            f"{judge.title} reads as another class, named in the corner."
        )
        self.record.add_figure(figure, "completions", title, caption)

    def _shown(self, labels: Tensor, most: int) -> dict[int, Tensor]:
        """The places of the first test images of each class that has any, equally many of each."""
        places = {label: (labels == label).nonzero()[:, 0] for label in range(len(self.data.class_names))}
        places = {label: found for label, found in places.items() if len(found)}
        num = min(most, *map(len, places.values()))
        return {label: found[:num] for label, found in places.items()}

    def _draw_errors(self, module: NextPatch, found: dict[str, Completion], patches: Tensor) -> None:
        forced = module.net(patches[:, :-1])[0].sigmoid()[:, NUM_KNOWN - 1 :]
        lines = {"fed with the true patches": forced, "fed with its own predictions": found["test"].patches}
        lines |= {TITLES[way]: found[way].patches for way in ("nearest", "class_mean", "blank")}
        errors = {
            label: squared_errors(made, patches[:, NUM_KNOWN:]).mean((0, 2)).tolist() for label, made in lines.items()
        }
        title = f"{self.record.facts['experiment']}: error of the bottom half, patch by patch"
        figure = error_by_patch(errors, NUM_KNOWN + 1, title=title, data_name=f"{self.data.title}, test part")
        caption = (
            "Mean squared error per pixel of each patch of the bottom half, four to a row: of the network fed with its "
            "own predictions and with the true patches, and of ways of completing that need none."
        )
        self.record.add_figure(figure, "error_by_patch", title, caption)

    def _draw_samples(self, module: NextPatch, patches: Tensor, labels: Tensor) -> None:
        rows = self._shown(labels, 1)
        shown = patches[torch.cat(list(rows.values()))]
        top = shown[:, :NUM_KNOWN]
        columns = {"original": shown[:, NUM_KNOWN:], "mean": module.net.complete(top)}
        for number in range(self.num_samples):
            drawn = module.net.complete(top, NUM_FREE, self._stream(module, 3 + number))
            columns[f"drawn {number + 1}"] = drawn
        images = torch.stack([from_patches(torch.cat([top, made], 1)).squeeze(1) for made in columns.values()], 1)
        title = f"{self.record.facts['experiment']}: several completions of one top half"
        names = [self.data.class_names[label] for label in rows]
        figure = image_grid(
            images.cpu().numpy(), names, column_labels=list(columns), title=title,
            data_name=f"{self.data.title}, test part",
        )  # fmt: skip
        caption = (
            "A test image of each class; its top half continued with predicted probabilities (mean), and with pixels "
            "drawn from them, each patch being fed back as it was drawn."
        )
        self.record.add_figure(figure, "samples", title, caption)

    def _tell_what_chose(self, trainer: pl.Trainer) -> None:
        stop = find(trainer, StopEarly)
        if stop is not None and stop.monitor.startswith("test/"):
            self.record.notes.append(
                f"The test set chose the epoch that it then judged (early_stop_on=test: {stop.monitor} stopped the "
                "training and picked the checkpoint), as the assignment has it; its images were not unseen until then."
            )


def squared_errors(made: Tensor, truth: Tensor) -> Tensor:
    return double(made - truth).square()
