"""How good a generator's samples are once it is trained: on one scale with what they lie between."""

from dataclasses import dataclass

import pytorch_lightning as pl
from torch import Tensor

from dlhw.anchors import anchors
from dlhw.callbacks.metrics_csv import epochs_of
from dlhw.callbacks.recorder import Recorder
from dlhw.callbacks.sample_quality import PRESENT, made
from dlhw.data.loader import seeded
from dlhw.figures import pairs_sheet, quality_by_epoch, share_bars
from dlhw.judge import Judge
from dlhw.metrics.generation import checkerboard, class_shares, feature_distance, nearest_distances, precision_recall
from dlhw.models.gan import Gan
from dlhw.precision import double

STREAM = 6  # of the random streams, the one that the anchors are drawn from
NUM_SEARCHED = 2000  # samples, and test images, whose nearest training image is looked for
NUM_PAIRS = 16  # of them are drawn: those that lie nearest
FLOOR = "real images, training part"


@dataclass(frozen=True)
class Quality:
    """A set of images as the judge sees it beside the test part."""

    frechet: float
    precision: float
    recall: float
    shares: Tensor  # (num_classes,)


class QualityReport(Recorder):
    """Judges samples against the test part, beside real images and simple samplers, and looks for memorised images.

    Records `test/<judge>_frechet`, `_precision`, `_recall`, `_classes` (how many are read in a sample of a hundred or
    more) and `_rarest` (the smallest share of a class); `test/nearest`, the median distance of a sample to its nearest
    training image over that of a test image; `test/memorised`, the share of samples that lie nearer to one than any
    test image does; and `test/checkerboard`, the strength of that pattern over its strength in test images.

    Args:
        judge: the experiment among the run's references whose network judges.
        num_samples: at most; no more than there are test images, since the distance depends on it.
        num_neighboured: of them for precision and recall, whose time grows with its square.
    """

    def __init__(self, judge: str, num_samples: int = 10_000, num_neighboured: int = 5000) -> None:
        self.judge_name, self.num_samples, self.num_neighboured = judge, num_samples, num_neighboured

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        assert isinstance(pl_module, Gan)
        judge = Judge.of_folder(self.references[self.judge_name], pl_module.device)
        real = self.data.inputs("test")[: self.num_samples]
        samples = made(pl_module, len(real))
        real_features = judge.features(real)
        own = f"{self.record.facts['experiment']}, epoch {len(epochs_of(trainer).rows)}"
        sets = {own: samples} | self._sets_beside(own, pl_module, len(real))
        found = {name: self._quality(judge, real_features, images) for name, images in sets.items()}
        self._tabulate(judge, found, own, len(real))
        self._draw_course(trainer, judge, found)
        real_shares = class_shares(judge.classes(real_features), judge.num_classes)
        self._draw_classes(judge, {"test images": real_shares, "samples": found[own].shares}, own)
        self._look_for_copies(samples, real)
        self.record.metrics["test/checkerboard"] = checkerboard(samples) / checkerboard(real)

    def _sets_beside(self, own: str, module: Gan, num: int) -> dict[str, Tensor]:
        """The images that samples are compared with, by name: the anchors, and what the generator makes by itself."""
        images, labels = self.data.inputs("train"), self.data.parts["train"][1]
        sets = anchors(images, labels, num, seeded(images.device, STREAM))
        if module.average is not None:
            sets[f"{own}, not averaged"] = made(module, num, module.net.generator)
        return sets

    def _quality(self, judge: Judge, real: Tensor, images: Tensor) -> Quality:
        features = judge.features(images)
        few = self.num_neighboured
        precision, recall = precision_recall(real[:few], features[:few])
        shares = class_shares(judge.classes(features), judge.num_classes)
        return Quality(feature_distance(real, features), precision, recall, shares)

    def _tabulate(self, judge: Judge, found: dict[str, Quality], name: str, num: int) -> None:
        own = found[name]
        self.record.metrics |= {
            f"test/{judge.name}_frechet": own.frechet,
            f"test/{judge.name}_precision": own.precision,
            f"test/{judge.name}_recall": own.recall,
            f"test/{judge.name}_classes": float((own.shares >= PRESENT).sum()),
            f"test/{judge.name}_rarest": own.shares.min().item(),
            f"floor/{judge.name}_frechet": found[FLOOR].frechet,
        }
        self.record.add_table(
            f"Quality of {num:,} images against the test part",
            [f"Fréchet distance ({judge.name})", "images", "precision", "recall", "rarest class"],
            [
                [quality.frechet, name, quality.precision, quality.recall, quality.shares.min().item()]
                for name, quality in sorted(found.items(), key=lambda item: item[1].frechet)
            ],
            note=f"Judged by {judge.title}. Precision: the share of images that look like test images; recall: the "
            f"share of test images that look like these; by {min(num, self.num_neighboured):,} of each and their 3 "
            "nearest neighbours. A distance depends on the judge and on the number of images: compare it in this "
            "table.",
            percent=["precision", "recall", "rarest class"],
        )

    def _draw_course(self, trainer: pl.Trainer, judge: Judge, found: dict[str, Quality]) -> None:
        metric = f"val/{judge.name}_frechet"
        points = [(int(row["epoch"]), row[metric]) for row in epochs_of(trainer).rows if metric in row]
        if not points:
            return
        name = self.record.facts["experiment"]
        title = f"{name}: distance of samples from real images"
        others = {key: quality.frechet for key, quality in found.items() if not key.startswith(name)}
        figure = quality_by_epoch(
            {name: points}, anchors=others, ylabel=f"Fréchet distance ({judge.name} features)", title=title,
            data_name=self.data.title,
        )  # fmt: skip
        caption = (
            f"Fréchet distance of samples from the validation part, by the features of {judge.title}; lower is better. "
            "Horizontal lines: the same distance of other images from the test part."
        )
        self.record.add_figure(figure, "quality", title, caption)

    def _draw_classes(self, judge: Judge, shares: dict[str, Tensor], own: str) -> None:
        title = "Classes that the judge reads"
        figure = share_bars(
            {name: values.tolist() for name, values in shares.items()}, self.data.class_names, title=title,
            data_name=f"{own}, trained on {self.data.title}",
        )  # fmt: skip
        self.record.add_figure(figure, "classes", title, f"The share of images read as each class by {judge.title}.")

    def _look_for_copies(self, samples: Tensor, real: Tensor) -> None:
        training = self.data.inputs("train")
        samples, real = samples[:NUM_SEARCHED], real[:NUM_SEARCHED]
        nearest, places = nearest_distances(samples, training)
        usual, _ = nearest_distances(real, training)
        self.record.metrics["test/nearest"] = (nearest.median() / usual.median()).item()
        self.record.metrics["test/memorised"] = double(nearest < usual.min()).mean().item()
        closest = nearest.argsort()[:NUM_PAIRS]
        title = "Samples nearest to a training image, and that image"
        figure = pairs_sheet(
            samples[closest, 0].cpu().numpy(), training[places[closest], 0].cpu().numpy(),
            [f"{distance:.2f}" for distance in nearest[closest].tolist()], title=title, data_name=self.data.title,
        )  # fmt: skip
        caption = (
            f"Of {len(samples):,} samples the {len(closest)} at the smallest Euclidean distance (the number) from a "
            f"training image, which is below each. Test images lie between {usual.min().item():.2f} and "
            f"{usual.max().item():.2f}, in the median {usual.median().item():.2f}; samples in the median "
            f"{nearest.median().item():.2f}."
        )
        self.record.add_figure(figure, "nearest", title, caption)
