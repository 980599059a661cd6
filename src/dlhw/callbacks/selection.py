"""Which epoch to deploy: the choices by training loss, validation loss and validation accuracy, on the test set."""

import copy
from dataclasses import dataclass
from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint

from dlhw import checkpoints
from dlhw.callbacks.find import callbacks_of
from dlhw.callbacks.flat import why_training_ended
from dlhw.callbacks.recorder import Recorder
from dlhw.metrics.classification import Evaluation, evaluate
from dlhw.models.classifier import Classifier


@dataclass(frozen=True)
class Choice:
    """A checkpoint that a rule chose, and how it does on the test set."""

    rule: str  # "lowest train/loss"
    name: str  # "by_train_loss"
    epoch: int
    score: float  # of what the rule looks at
    test: Evaluation


class ModelSelection(Recorder):
    """Evaluates the checkpoint that each ModelCheckpoint chose; the test set itself chooses none.

    Records `by_train_loss/test_acc`, `by_train_loss/test_loss` and so on, and as `by_train_loss/wins` the rule's share
    in having the highest test accuracy: over many seeds the mean tells how often it wins (a tie is shared).
    """

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        keepers = [callback for callback in callbacks_of(trainer) if isinstance(callback, ModelCheckpoint)]
        chose = [keeper for keeper in keepers if keeper.monitor and keeper.best_model_score is not None]
        choices = [self._choice(keeper, pl_module) for keeper in chose]
        if not choices:
            return
        best = max(choice.test.accuracy for choice in choices)
        winners = [choice for choice in choices if choice.test.accuracy == best]
        for choice in choices:
            self.record.metrics |= {
                f"{choice.name}/test_acc": choice.test.accuracy,
                f"{choice.name}/test_loss": choice.test.loss,
                f"{choice.name}/epoch": choice.epoch,
                f"{choice.name}/wins": (choice in winners) / len(winners),
            }
        self.record.add_table(
            "Which epoch to deploy",
            ["chosen by", "epoch", "its value", "test accuracy", "test loss"],
            [[choice.rule, choice.epoch, choice.score, choice.test.accuracy, choice.test.loss] for choice in choices],
            note="Each rule's checkpoint on the test set, which chooses none of them. One run decides nothing: a sweep "
            "over seeds (-m seed=0,1,2) tells mean, spread and how often each rule wins.",
            percent=["test accuracy"],
        )
        self.record.notes.append(why_training_ended(trainer))
        self.record.notes.append(verdict(choices, winners))

    def _choice(self, keeper: ModelCheckpoint, module: Classifier) -> Choice:
        path = Path(keeper.best_model_path)
        net = checkpoints.load_net(path, copy.deepcopy(module.net))
        assert keeper.monitor is not None
        assert keeper.best_model_score is not None
        return Choice(
            rule=f"{'lowest' if keeper.mode == 'min' else 'highest'} {keeper.monitor}",
            name=f"by_{keeper.monitor.replace('/', '_')}",
            epoch=checkpoints.load(path)["epoch"] + 1,
            score=keeper.best_model_score.item(),
            test=evaluate(net, self.data.loader("test")),
        )


def verdict(choices: list[Choice], winners: list[Choice]) -> str:
    """The comparison in words."""
    told = "; ".join(
        f"the {choice.rule} (epoch {choice.epoch}) has accuracy {100 * choice.test.accuracy:.2f} % "
        f"and loss {choice.test.loss:.4f}"
        for choice in choices
    )
    lowest = min(choices, key=lambda choice: choice.test.loss)
    return (
        f"On the test set {told}. Here the {' and the '.join(choice.rule for choice in winners)} "
        f"{'gives' if len(winners) == 1 else 'share'} the best test accuracy, the {lowest.rule} the lowest test loss."
    )
