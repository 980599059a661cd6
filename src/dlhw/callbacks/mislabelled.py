"""Label noise in a run's report: what the network learned from wrong labels, and which labels look wrong."""

import numpy as np
import pytorch_lightning as pl
import torch
from sklearn.metrics import average_precision_score
from torch import Tensor

from dlhw.callbacks.find import find
from dlhw.callbacks.memorisation import Memorisation, of_given, verdicts
from dlhw.callbacks.metrics_csv import epochs_of
from dlhw.callbacks.recorder import Recorder
from dlhw.data.images import ImageData
from dlhw.figures import image_cards, loss_histograms, memorisation_curves, precision_recall
from dlhw.files import write_csv
from dlhw.metrics.ranking import precision_and_recall
from dlhw.models.classifier import Classifier

LAST = 10  # epochs whose mean test accuracy the literature reports


class MislabelledReport(Recorder):
    """Curves, histograms, a paragraph that reads them, and a ranking of the images by how wrong their label looks.

    An image is ranked by the loss of its given label, averaged over all epochs: a label that is memorised in the end
    was still contradicted for long. What the network held it for is the class whose loss, averaged likewise, is lowest.

    Args:
        num_shown: how many of the most suspect images are drawn.
    """

    data: ImageData

    def __init__(self, num_shown: int = 40) -> None:
        self.num_shown = num_shown

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        history = epochs_of(trainer).history()
        if not history:
            return
        given = self.data.parts["train"][1].cpu()
        truth = self.data.true_labels
        wrong = None if truth is None else (given != truth)
        judged = verdicts(pl_module.net, self.data)
        if "test/acc" in history:
            self._course(history)
        self._histograms(of_given(judged.losses, given).cpu(), wrong)
        watcher = find(trainer, Memorisation)
        assert watcher is not None
        losses = watcher.mean_losses.cpu()  # (num_images, num_classes)
        scores, answers = of_given(losses, given), losses.argmin(1)
        order = torch.argsort(scores, descending=True)
        self._write_ranking(order, scores, answers, given, wrong)
        self._cards(order[: self.num_shown], answers, given, wrong)
        if wrong is not None and wrong.any():
            self._quality(order, scores, wrong)
            if "test/acc" in history:
                self.record.notes.append(paragraph(history, float(wrong.double().mean())))

    def _course(self, history: dict[str, list[float | None]]) -> None:
        accuracy = np.array(history["test/acc"], dtype=float)
        metrics = self.record.metrics
        metrics["peak/test_acc"], metrics["peak/epoch"] = float(accuracy.max()), int(accuracy.argmax()) + 1
        metrics["last/test_acc"] = float(accuracy[-LAST:].mean())
        for name in ("right/acc", "wrong/memorised", "wrong/seen_through"):
            if name in history:
                metrics[name] = float(history[name][-1] or 0.0)
        title = f"{self.record.facts['experiment']}: what is learned from right and from wrong labels"
        figure = memorisation_curves(history, title=title, data_name=self.data.title)
        caption = (
            "Left: test accuracy after each epoch, with its peak. Right: on the training part without "
            "augmentation, the accuracy on rightly labelled images, the share of wrong labels that the network "
            "repeats, and the share of wrongly labelled images whose true class it predicts."
        )
        self.record.add_figure(figure, "memorisation", title, caption)

    def _histograms(self, losses: Tensor, wrong: Tensor | None) -> None:
        parts = (
            {"all labels": losses} if wrong is None else {"right labels": losses[~wrong], "wrong labels": losses[wrong]}
        )
        title = f"{self.record.facts['experiment']}: the loss of each training label at the end"
        named = {name: values.numpy() for name, values in parts.items() if len(values)}
        figure = loss_histograms(named, title=title, data_name=self.data.title)
        caption = "Cross entropy of the given label under the tested network; wrong labels apart where they are known."
        self.record.add_figure(figure, "losses", title, caption)

    def _cards(self, rows: Tensor, answers: Tensor, given: Tensor, wrong: Tensor | None) -> None:
        names = self.data.class_names
        title = f"{self.record.facts['experiment']}: the most suspect training labels"
        figure = image_cards(
            self.data.pixels("train", rows).cpu().numpy(),
            [f"{names[given[row]]} → {names[answers[row]]}" for row in rows],
            marked=None if wrong is None else wrong[rows].tolist(),
            title=title,
            data_name=self.data.title,
        )
        caption = (
            "Given label → what the network answered while it judged: the class of the lowest mean loss over the "
            "epochs. From the highest mean loss of the given label on."
        )
        if wrong is not None:
            caption += " The labels of those in orange were flipped, those of the others are the data's own."
        self.record.add_figure(figure, "suspects", title, caption)

    def _write_ranking(
        self, order: Tensor, scores: Tensor, answers: Tensor, given: Tensor, wrong: Tensor | None
    ) -> None:
        columns = {"place": self.data.train_places, "given": given, "answered": answers, "score": scores}
        if wrong is not None:
            columns["wrong"] = wrong.int()
        ranked = [column[order].tolist() for column in columns.values()]
        rows = [[number, *row] for number, row in enumerate(zip(*ranked, strict=True), start=1)]
        write_csv(self.record.folder / "suspects.csv", ["rank", *columns], rows)
        self.record.notes.append(
            "suspects.csv ranks all training images by how wrong their label looks (place: in the data's own order)."
        )

    def _quality(self, order: Tensor, scores: Tensor, wrong: Tensor) -> None:
        """Precision and recall of the ranking against the truth."""
        precision, recall = (values.numpy() for values in precision_and_recall(wrong[order]))
        num, num_wrong = len(wrong), int(wrong.sum())
        rows = []
        for share in (0.25, 0.5, 1.0, 1.5):
            number = min(num, max(1, round(share * num_wrong)))
            rows.append([number, precision[number - 1], recall[number - 1]])
        self.record.add_table(
            "Who is mislabelled", ["most suspect images", "precision", "recall"], rows, percent=["precision", "recall"],
            note=f"Of {num:,} labels {num_wrong:,} are wrong; ranked by mean loss over the epochs.",
        )  # fmt: skip
        metrics = self.record.metrics
        metrics["ranking/precision"] = float(precision[num_wrong - 1])
        metrics["ranking/average_precision"] = float(average_precision_score(wrong.numpy(), scores.numpy()))
        title = f"{self.record.facts['experiment']}: finding the wrong labels"
        figure = precision_recall(recall, precision, chance=num_wrong / num, title=title, data_name=self.data.title)
        caption = "Precision against recall as one goes down the ranking; the dashed line is picking at random."
        self.record.add_figure(figure, "precision_recall", title, caption)


def paragraph(history: dict[str, list[float | None]], rate: float) -> str:
    """The test accuracy at its peak and at the end, and what was made of right and wrong labels then, in words."""
    accuracy, right, memorised, seen = (
        np.array(history[name], dtype=float)
        for name in ("test/acc", "right/acc", "wrong/memorised", "wrong/seen_through")
    )
    peak = int(accuracy.argmax())
    text = (
        f"{100 * rate:.1f} % of the training labels are wrong. Test accuracy peaks at {100 * accuracy[peak]:.2f} % "
        f"after epoch {peak + 1}: by then the network predicts {100 * right[peak]:.1f} % of the right labels, "
        f"repeats {100 * memorised[peak]:.1f} % of the wrong ones, and gives {100 * seen[peak]:.1f} % of the "
        "wrongly labelled images their true class. "
    )
    fall = accuracy[peak] - accuracy[-1]
    if fall < 0.01:
        return text + (
            f"After the last epoch it is {100 * accuracy[-1]:.2f} %, with {100 * memorised[-1]:.1f} % of the wrong "
            "labels memorised."
        )
    return text + (
        f"After the last epoch {100 * memorised[-1]:.1f} % of the wrong labels are memorised, and test accuracy has "
        f"fallen by {100 * fall:.2f} points to {100 * accuracy[-1]:.2f} %."
    )
