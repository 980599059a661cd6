"""A trained classifier as a judge: its features are those of the network that was tested."""

import pytest
import torch

from dlhw.judge import CHUNK, Judge
from dlhw.nets.cnn import CNN
from tests.helpers import small


def test_features_do_not_depend_on_the_chunks() -> None:
    torch.manual_seed(0)
    judge = Judge(CNN(10, num_features=7), "small_cnn", "a small network")
    images = torch.rand(CHUNK + 3, 1, 28, 28)
    features = judge.features(images)
    assert features.shape == (CHUNK + 3, 7)
    assert features.min() >= 0
    torch.testing.assert_close(features[-3:], judge.net.features(images[-3:]), rtol=1e-4, atol=1e-5)
    assert torch.equal(judge.classes(features[:5]), judge.net.head(features[:5]).argmax(1))
    assert not features.requires_grad


def test_the_judge_is_the_network_that_was_tested(run_experiment) -> None:
    finished = run_experiment(*small("small_cnn", num_epochs=2))
    judge = Judge.of_folder(finished.folder, torch.device("cpu"))
    accuracy = finished.results["metrics"]["test/acc"]
    assert judge.name == "small_cnn"
    assert judge.title == (
        f"small_cnn on digits (8x8, enlarged), seed 0, {100 * accuracy:.2f} % test accuracy, 128 features"
    )
    assert judge.num_classes == 10
    from tests.helpers import image_data

    data = image_data(standardised=False)
    images, labels = data.parts["test"]
    hits = (judge.classes(judge.features(images)) == labels).double().mean().item()
    assert hits == pytest.approx(accuracy, abs=1e-6)
    assert not any(parameter.requires_grad for parameter in judge.net.parameters())
