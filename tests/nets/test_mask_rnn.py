from itertools import product

import pytest
import torch
from torch import Tensor

from dlhw.nets.mask_rnn import MaskMLP, MaskNet, MaskRNN, own_frames
from dlhw.nets.spectral_features import QUIETEST, SpectralFeatures

BINS = 20


def magnitudes(*shape: int) -> Tensor:
    return torch.rand(*shape, BINS, generator=torch.Generator().manual_seed(0))


def nets() -> list[MaskNet]:
    torch.manual_seed(0)
    kinds = product(("lstm", "gru"), (False, True), (None, 12), (None, 3.0))
    made = [
        MaskRNN(BINS, cell, 2, 16, encoder, memory, dropout=0.2, bidirectional=both)
        for cell, both, encoder, memory in kinds
    ]
    return [net.eval() for net in [*made, MaskMLP(BINS, [16, 16], 0.2)]]


@pytest.mark.parametrize("net", nets())
def test_a_logit_for_each_bin(net: MaskNet) -> None:
    logits, _ = net(magnitudes(3, 7))
    assert logits.shape == (3, 7, BINS)


@pytest.mark.parametrize("net", nets())
def test_padding_changes_nothing(net: MaskNet) -> None:
    """A mixture in a batch of longer ones gives what it gives alone."""
    batch, num_frames = magnitudes(3, 9), torch.tensor([9, 4, 6])
    padded = batch * own_frames(num_frames, 9)[..., None]
    logits, _ = net(padded, num_frames)
    for row, frames in enumerate(num_frames.tolist()):
        alone, _ = net(batch[row : row + 1, :frames], num_frames[row : row + 1])
        torch.testing.assert_close(logits[row, :frames], alone[0], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("net", [net for net in nets() if net.causal])
def test_a_causal_network_goes_on_where_it_stopped_and_looks_at_no_later_frame(net: MaskNet) -> None:
    sound = magnitudes(2, 9)
    whole, _ = net(sound)
    first, state = net(sound[:, :4])
    rest, _ = net(sound[:, 4:], state=state)
    torch.testing.assert_close(torch.cat([first, rest], 1), whole, atol=1e-6, rtol=1e-5)


def test_a_bidirectional_network_does_look_ahead() -> None:
    net = next(net for net in nets() if not net.causal)
    sound = magnitudes(1, 9)
    assert not torch.allclose(net(sound)[0][:, :4], net(sound[:, :4])[0], atol=1e-4)


def test_a_noise_louder_by_the_same_factor_all_the_time_leaves_the_deviation_from_its_mean_as_it_is() -> None:
    net = MaskRNN(BINS, memory=20.0)
    sound = 1 + magnitudes(1, 30)
    (inputs, _), (louder, _) = net._inputs(sound, None), net._inputs(100 * sound, None)
    assert not torch.allclose(inputs[..., :BINS], louder[..., :BINS], atol=1)
    torch.testing.assert_close(inputs[..., BINS:], louder[..., BINS:], atol=2e-3, rtol=0)


def test_features_are_standardised_logarithms() -> None:
    features = SpectralFeatures(BINS)
    sound = magnitudes(500)
    torch.testing.assert_close(features(sound), (sound + QUIETEST).log())
    features.fit(sound)
    made = features(sound)
    torch.testing.assert_close(made.mean(0), torch.zeros(BINS), atol=1e-4, rtol=0)
    torch.testing.assert_close(made.std(0), torch.ones(BINS), atol=1e-4, rtol=0)


def test_features_without_logarithm_and_of_a_bin_that_never_sounds() -> None:
    features = SpectralFeatures(BINS, log=False)
    sound = magnitudes(50)
    sound[:, 3] = 0
    features.fit(sound)
    assert features(sound).isfinite().all()
    assert "features.mean" in MaskRNN(BINS).state_dict()
