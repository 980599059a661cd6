"""Judging a classifier, against scikit-learn."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from torch import nn

from dlhw.metrics.classification import evaluate


@given(num=st.integers(1, 80), batch_size=st.integers(1, 80), seed=st.integers(0, 1000))
@settings(max_examples=40)
def test_loss_accuracy_and_confusion_are_scikit_learns(num, batch_size, seed) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(num, 5, generator=generator)
    labels = torch.randint(5, (num,), generator=generator)
    batches = list(zip(logits.split(batch_size), labels.split(batch_size), strict=True))
    judged = evaluate(nn.Identity(), batches)
    predicted, classes = logits.argmax(1), list(range(5))
    np.testing.assert_array_equal(judged.confusion, metrics.confusion_matrix(labels, predicted, labels=classes))
    assert judged.accuracy == pytest.approx(metrics.accuracy_score(labels, predicted))
    probabilities = logits.double().softmax(1)
    assert judged.loss == pytest.approx(metrics.log_loss(labels, probabilities, labels=classes), rel=1e-4)


@pytest.mark.parametrize("training", [True, False])
def test_the_networks_mode_is_restored_and_dropout_is_off(training: bool) -> None:
    net = nn.Dropout(0.9).train(training)
    inputs = torch.randn(20, 3)
    labels = inputs.argmax(1)
    assert evaluate(net, [(inputs, labels)]).accuracy == 1
    assert net.training is training


def test_nothing_is_left_for_autograd() -> None:
    net = nn.Linear(3, 2)
    judged = evaluate(net, [(torch.randn(4, 3), torch.tensor([0, 1, 0, 1]))])
    assert not judged.confusion.requires_grad
    assert net.weight.grad is None
