"""Levels and cuts against what a loop over the samples gives."""

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from dlhw.audio.mix import ActiveBlocks, cut, gain, power
from dlhw.audio.stft import HOP


def bark(num_blocks: int = 20, first: int = 5, last: int = 8, num_rest: int = 100) -> Tensor:
    """Noise that is silent but for some of its blocks, and what is left of another one."""
    generator = torch.Generator().manual_seed(num_blocks)
    noise = torch.zeros(num_blocks * HOP + num_rest)
    noise[first * HOP : last * HOP] = torch.randn((last - first) * HOP, generator=generator)
    return noise


def steady(num_blocks: int) -> Tensor:
    return torch.randn(num_blocks * HOP, generator=torch.Generator().manual_seed(num_blocks))


@given(snr=st.floats(-30, 30), scale=st.floats(0.01, 10))
def test_the_gain_gives_the_ratio_asked_for(snr: float, scale: float) -> None:
    speech, noise = torch.randn(4000), scale * torch.randn(4000)
    added = gain(power(speech), power(noise), snr) * noise
    ratio = speech.double().square().sum() / added.double().square().sum()
    assert math.isclose(10 * math.log10(ratio), snr, abs_tol=1e-4)


@given(block=st.integers(0, 60), num_samples=st.integers(1, 30_000))
def test_a_cut_goes_round_whole_blocks(block: int, num_samples: int) -> None:
    noise = bark()
    expected = np.resize(np.roll(noise[: 20 * HOP].numpy(), -block * HOP), num_samples)
    np.testing.assert_array_equal(cut(noise, block, num_samples).numpy(), expected)


def test_silence_is_not_active_and_does_not_count() -> None:
    noise = bark()
    active = ActiveBlocks([noise])
    assert active.num_blocks.tolist() == [20]
    assert active.num_active.tolist() == [3]
    level = active.power(torch.tensor([0]), torch.tensor([0]), torch.tensor([20]))
    torch.testing.assert_close(level[0], power(noise[5 * HOP : 8 * HOP]))


def test_blocks_40_db_below_the_loudest_do_not_count() -> None:
    noise = steady(10)
    noise[: 5 * HOP] *= 10 ** (-44 / 20)
    noise[5 * HOP : 6 * HOP] *= 10 ** (-36 / 20)
    assert ActiveBlocks([noise]).num_active.tolist() == [5]


@given(first=st.integers(0, 19), num_blocks=st.integers(1, 70))
def test_the_level_of_a_cut_is_that_of_its_samples(first: int, num_blocks: int) -> None:
    noises = [steady(7), bark(), steady(31)]
    active = ActiveBlocks(noises)
    for number, noise in enumerate(noises):
        start = first % int(active.num_blocks[number])
        blocks = cut(noise, start, num_blocks * HOP).view(-1, HOP)
        loud = power(blocks) > 0
        found = active.power(*(torch.tensor([value]) for value in (number, start, num_blocks)))[0]
        if loud.any():
            torch.testing.assert_close(found, power(blocks[loud].flatten()))
        else:
            assert found.isnan()


@given(seed=st.integers(0, 1000), length=st.integers(1, 50))
def test_every_cut_that_is_drawn_is_active_somewhere(seed: int, length: int) -> None:
    noises = [bark(), bark(num_blocks=200, first=199, last=200), steady(3)]
    active = ActiveBlocks(noises)
    numbers, lengths = torch.arange(3).repeat(20), torch.full((60,), length)
    first = active.draw(numbers, lengths, torch.Generator().manual_seed(seed))
    assert (first >= 0).all()
    assert (first < active.num_blocks[numbers]).all()
    for number, block in zip(numbers.tolist(), first.tolist(), strict=True):
        assert cut(noises[number], block, length * HOP).abs().max() > 0


def test_cuts_of_a_steady_noise_begin_anywhere() -> None:
    active = ActiveBlocks([steady(8)])
    first = active.draw(torch.zeros(8000).long(), torch.full((8000,), 3), torch.Generator().manual_seed(0))
    assert (first.bincount(minlength=8) - 1000).abs().max() < 150  # 5 standard deviations
