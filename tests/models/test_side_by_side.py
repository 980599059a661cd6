"""Networks trained side by side, against each trained alone."""

import copy
from functools import partial

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from dlhw.data.loader import BatchLoader
from dlhw.models.classifier import Classifier
from dlhw.models.schedule import cosine
from dlhw.models.side_by_side import SideBySideClassifier
from dlhw.nets.initialise import initialised_anew
from dlhw.nets.mlp import MLP

NUM_CLASSES = 4
SGD = partial(torch.optim.SGD, lr=0.1, momentum=0.9, weight_decay=0.01)


def examples(num: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num, 6, generator=generator), torch.randint(NUM_CLASSES, (num,), generator=generator)


def fit(module: Classifier) -> dict[str, float]:
    """Train for three epochs of four batches, the last one smaller, test, and return what was logged."""
    trainer = pl.Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0, max_epochs=3,
    )  # fmt: skip
    loaders = BatchLoader(examples(50, 1), 16, shuffle=True), BatchLoader(examples(30, 2), 16)
    trainer.fit(module, *loaders)
    logged = dict(trainer.callback_metrics)
    trainer.test(module, loaders[1], verbose=False)
    return {name: value.item() for name, value in {**logged, **trainer.callback_metrics}.items()}


@pytest.mark.parametrize("inits", [1, 2, 3])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_side_by_side_is_each_alone(inits: int, label_smoothing: float) -> None:
    torch.manual_seed(0)
    settings = {"optimizer": SGD, "scheduler": partial(cosine, warmup=0.2), "label_smoothing": label_smoothing}
    together = SideBySideClassifier(MLP(6, [8, 5], NUM_CLASSES), inits=inits, **settings)
    alone = [Classifier(copy.deepcopy(net), **settings) for net in together.nets]
    logged = fit(together)
    logged_alone = [fit(module) for module in alone]

    for net, module in zip(together.nets, alone, strict=True):
        for one, other in zip(net.parameters(), module.net.parameters(), strict=True):
            if inits in (1, 2):
                assert torch.equal(one, other), "halving and doubling are exact in binary"
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    for name in ("train/loss", "train/acc", "val/loss", "val/acc", "test/loss", "test/acc"):
        mean = sum(values[name] for values in logged_alone) / inits
        assert logged[name] == pytest.approx(mean, rel=1e-5), name
    assert together.confusion is not None
    confusions = [module.confusion for module in alone if module.confusion is not None]
    assert torch.equal(together.confusion, torch.stack(confusions).sum(0))


def test_the_first_network_is_the_given_one_and_the_others_differ() -> None:
    torch.manual_seed(0)
    net = MLP(6, [8], NUM_CLASSES, activation="prelu")
    before = {name: value.clone() for name, value in net.state_dict().items()}
    first, second, third = SideBySideClassifier(net, inits=3, optimizer=SGD).nets
    assert first is net
    assert all(torch.equal(net.state_dict()[name], value) for name, value in before.items())
    for name in ("layers.0.weight", "layers.0.bias", "layers.2.weight"):
        values = [other.state_dict()[name] for other in (first, second, third)]
        assert not torch.equal(values[0], values[1])
        assert not torch.equal(values[1], values[2])


def test_a_copy_is_drawn_as_a_new_network_is() -> None:
    net = MLP(6, [8], NUM_CLASSES)
    torch.manual_seed(3)
    anew = initialised_anew(net)
    torch.manual_seed(3)
    fresh = MLP(6, [8], NUM_CLASSES)
    assert all(torch.equal(one, other) for one, other in zip(anew.parameters(), fresh.parameters(), strict=True))


def test_the_networks_answer_one_after_another() -> None:
    module = SideBySideClassifier(nn.Linear(6, NUM_CLASSES), inits=2, optimizer=SGD)
    inputs = examples(5, 0)[0]
    logits = module(inputs)
    assert logits.shape == (10, NUM_CLASSES)
    for number, net in enumerate(module.nets):
        assert torch.equal(logits[5 * number : 5 * (number + 1)], net(inputs))
