"""References: finished runs of other experiments, each with its own network, trained once and shared."""

import json
import logging
from pathlib import Path

import pytest
from omegaconf import DictConfig

from dlhw.baseline import fingerprint, obtain_references, run_config
from dlhw.callbacks.recorder import Recorder
from dlhw.config import compose_config
from dlhw.errors import UserError
from dlhw.schema import validate
from tests.helpers import DIGITS, Finished, same_bits

AUGMENTED = ("mnist_mlp_augmented", ["trainer.max_epochs=1"])
ASKING = [
    "experiment=mnist_mlp",
    *DIGITS,
    "trainer.max_epochs=1",
    "+callbacks.probe._target_=tests.test_references.Probe",
]
TRAINS = "training the reference mnist_mlp_augmented"


class Probe(Recorder):
    """Records what a Recorder is given."""

    def on_test_end(self, trainer: object, pl_module: object) -> None:
        self.record.facts["references"] = {name: str(folder) for name, folder in self.references.items()}


def references(*wanted: tuple[str, list[str]]) -> str:
    listed = [f"{{experiment:{experiment},overrides:{json.dumps(overrides)}}}" for experiment, overrides in wanted]
    return f"+references=[{','.join(listed)}]"


def folders(finished: Finished) -> dict[str, Path]:
    return {name: Path(folder) for name, folder in finished.results["references"].items()}


def test_a_reference_is_trained_once_with_its_own_network(run_experiment, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    first = run_experiment(*ASKING, references(AUGMENTED), "seed=3", "model.net.hidden=[20]")
    (name, folder), *rest = folders(first).items()
    assert (name, rest) == ("mnist_mlp_augmented", [])
    assert caplog.text.count(TRAINS) == 1
    reference = Finished(folder)
    assert reference.results["seed"] == 3
    assert reference.results["dataset"]["sha256"] == first.results["dataset"]["sha256"]
    assert reference.config.model.net.hidden == [100, 50]
    assert reference.config.data.batch_size == 500, "the batch size is the reference's own"
    assert len(reference.rows) == 1

    caplog.clear()
    second = run_experiment(*ASKING, references(AUGMENTED), "seed=3", "optimizer.lr=0.1")
    assert folders(second) == folders(first)
    assert TRAINS not in caplog.text


def test_references_change_nothing_of_the_run_itself(run_experiment) -> None:
    alone, beside = (run_experiment(*ASKING, *wanted) for wanted in ([], [references(AUGMENTED)]))
    assert same_bits(alone.weights(), beside.weights())
    assert alone.results["metrics"] == beside.results["metrics"]


def test_two_references_of_one_experiment_are_told_apart(run_experiment) -> None:
    wanted = [("mnist_mlp_augmented", [*AUGMENTED[1], f"optimizer.lr={lr}"]) for lr in (0.01, 0.02)]
    found = folders(run_experiment(*ASKING, references(*wanted)))
    assert list(found) == [f"mnist_mlp_augmented trainer.max_epochs=1 optimizer.lr={lr}" for lr in (0.01, 0.02)]
    rates = [Finished(folder).config.optimizer.lr for folder in found.values()]
    assert rates == [0.01, 0.02]


def asking(*wanted: tuple[str, list[str]]) -> DictConfig:
    return compose_config(["experiment=mnist_mlp", *DIGITS, references(*wanted)])


def test_an_unknown_reference_is_named_before_anything_runs() -> None:
    with pytest.raises(UserError, match=r"references.0.experiment=mnist_mpl: is not known; did you mean mnist_mlp"):
        validate(asking(("mnist_mpl", [])))


def test_a_reference_named_twice_is_refused() -> None:
    with pytest.raises(UserError, match="names the same thing twice"):
        validate(asking(AUGMENTED, AUGMENTED))


def test_a_reference_that_cannot_run_is_named(run_experiment) -> None:
    with pytest.raises(UserError, match=r"the reference mnist_mlp_augmented: trainer.max_epochs=-1: must be"):
        run_experiment(*ASKING, references(("mnist_mlp_augmented", ["trainer.max_epochs=-1"])))


def test_all_references_are_valid_before_one_is_trained() -> None:
    def train(spec: DictConfig, folder: Path) -> dict[str, object]:
        pytest.fail(f"{spec.name} is trained")

    asking_two = compose_config(
        [*ASKING, references(AUGMENTED, ("small_cnn", ["trainer.max_epochs=-1"])), "paths.baselines=nowhere"]
    )
    with pytest.raises(UserError, match=r"the reference small_cnn: trainer.max_epochs=-1: must be"):
        obtain_references(asking_two, train)
    assert not Path("nowhere").exists()


def spec(experiment: str, *overrides: str) -> DictConfig:
    cfg = compose_config(["experiment=mnist_mlp", "data=digits"])
    return run_config(cfg, experiment, overrides, same_net=False)


@pytest.mark.parametrize(
    ("experiment", "override"),
    [
        ("svd_finetune", "rank=5"),
        ("svd_finetune", "truncation=plain"),
        ("svd_finetune", 'baseline.overrides=["trainer.max_epochs=1"]'),
        ("svd_ste", "callbacks.residual_decay.share=0.9"),
        ("svd_ste", "callbacks.residual_decay=null"),
        ("lr_drop", 'references=[{experiment:shallow_mlp,overrides:["trainer.max_epochs=1"]}]'),
    ],
)
def test_what_a_reference_starts_from_determines_its_name(experiment: str, override: str) -> None:
    assert fingerprint(spec(experiment, override)) != fingerprint(spec(experiment))
