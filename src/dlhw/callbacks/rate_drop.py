"""What dividing the learning rate did, in words and figures."""

import pytorch_lightning as pl

from dlhw.callbacks.flat import why_training_ended
from dlhw.callbacks.recorder import Recorder
from dlhw.callbacks.study import Study, studies

WINDOW = 10  # epochs before and after the drop that are compared


class RateDropReport(Recorder):
    """Tabulates the epochs around the drop of the learning rate beside those of the fixed-rate reference."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        dropped, *fixed = studies(self, trainer).items()
        name, run = dropped
        if not run.num_epochs:
            return
        self.record.notes.append(why_training_ended(trainer))
        drops = run.drops()
        if not drops:
            self.record.notes.append(
                f"The learning rate did not fall in any of the {run.num_epochs} epochs "
                "(scheduler.patience, scheduler.min_delta and drop_epoch say when it would)."
            )
            return
        at = drops[0]
        self.record.metrics["drop/epoch"] = at
        runs = {name: run, **dict(fixed)}
        self.record.add_table(
            f"Around the drop after epoch {at}",
            [
                "run", "loss fell before", "loss fell after", "training loss at the drop", f"{WINDOW} epochs later",
                "validation accuracy at the drop", "validation accuracy later",
            ],
            [
                [
                    label, fall(study, at - WINDOW, at), fall(study, at, at + WINDOW), value(study, "train/loss", at),
                    value(study, "train/loss", at + WINDOW), value(study, "val/acc", at),
                    value(study, "val/acc", at + WINDOW),
                ]
                for label, study in runs.items()
            ],
            note=f"Falls of the training loss (nats) over the {WINDOW} epochs before and after the drop, or as many as "
            "there are.",
            percent=["validation accuracy at the drop", "validation accuracy later"],
        )  # fmt: skip
        self.record.notes.append(told(run, at, dict(fixed)))


def value(study: Study, metric: str, epoch: int) -> float | None:
    """The metric after the epoch nearest to `epoch`."""
    values = study.history.get(metric, [])
    return values[min(max(epoch, 1), len(values)) - 1] if values else None


def fall(study: Study, first: int, last: int) -> float | None:
    """By how much the training loss fell between two epochs."""
    before, after = value(study, "train/loss", first), value(study, "train/loss", last)
    return None if before is None or after is None else before - after


def told(run: Study, at: int, fixed: dict[str, Study]) -> str:
    """What was measured around the drop, in words."""
    last = min(at + WINDOW, run.num_epochs)
    sentence = (
        f"The rate was divided after epoch {at}. The training loss fell by {fallen(run, at - WINDOW, at)} before, and "
        f"by {fallen(run, at, at + WINDOW)} after it"
    )
    for name, study in fixed.items():
        sentence += f"; in {name} by {fallen(study, at, at + WINDOW)}"
    loss = [value(run, "val/loss", epoch) for epoch in (at, last)]
    accuracy = [value(run, "val/acc", epoch) for epoch in (at, last)]
    if None not in loss + accuracy:
        sentence += (
            f". From epoch {at} to {last} the validation loss went from {loss[0]:.4f} to {loss[1]:.4f}, "
            f"the validation accuracy from {100 * accuracy[0]:.2f} to {100 * accuracy[1]:.2f} %"  # type: ignore[operator]
        )
    return sentence + "."


def fallen(study: Study, first: int, last: int) -> str:
    """By how much the training loss fell between two epochs, or those nearest to them that there are, in words."""
    by = fall(study, first, last)
    if by is None:
        return "an unknown amount"
    return f"{by:.4f} nats (epochs {max(first, 1)} to {min(last, study.num_epochs)})"
