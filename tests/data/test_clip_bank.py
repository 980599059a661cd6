"""What a bank gathers is what the transform gives of each signal."""

import pytest
import torch
from torch import Tensor

from dlhw.audio.mix import cut
from dlhw.audio.stft import HOP, num_frames, stft
from dlhw.data.clip_bank import ClipBank

LENGTHS = (513, 1024, 5000, 2 * HOP + 511, 7 * HOP)
BUDGETS = {"kept": float("inf"), "computed each time": 0.0}


def clips() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(length, generator=generator) for length in LENGTHS]


def gathered(bank: ClipBank, clip: int, first: int, count: int, longest: int) -> Tensor:
    return bank.gather(*(torch.tensor([value]) for value in (clip, first, count)), longest)[0]


@pytest.mark.parametrize("budget", BUDGETS.values(), ids=BUDGETS)
def test_all_frames_of_a_signal_are_its_transform(budget: float) -> None:
    bank = ClipBank(clips(), budget=budget)
    for number, clip in enumerate(clips()):
        count = int(bank.num_frames[number])
        assert count == num_frames(len(clip))
        torch.testing.assert_close(gathered(bank, number, 0, count, count), stft(clip), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("budget", BUDGETS.values(), ids=BUDGETS)
def test_what_is_beyond_the_frames_asked_for_is_zero(budget: float) -> None:
    made = gathered(ClipBank(clips(), budget=budget), 2, 3, 4, 9)
    torch.testing.assert_close(made[:4], stft(clips()[2])[3:7], atol=1e-4, rtol=1e-4)
    assert (made[4:] == 0).all()


@pytest.mark.parametrize("budget", BUDGETS.values(), ids=BUDGETS)
@pytest.mark.parametrize("block", [0, 1, 4])
def test_a_cut_of_a_periodic_signals_frames_is_the_transform_of_a_cut(block: int, budget: float) -> None:
    """But for the first and the last frame, where the cut is mirrored and the frames go on."""
    bank = ClipBank(clips(), periodic=True, budget=budget)
    for number, clip in enumerate(clips()):
        made = gathered(bank, number, block, 21, 21)
        expected = stft(cut(clip, block, 20 * HOP))
        torch.testing.assert_close(made[1:-1], expected[1:-1], atol=1e-4, rtol=1e-4)


def test_signals_of_many_are_gathered_at_once() -> None:
    bank = ClipBank(clips())
    made = bank.gather(torch.tensor([4, 0, 2]), torch.tensor([1, 0, 5]), torch.tensor([3, 2, 1]), 3)
    for row, (number, first, count) in enumerate([(4, 1, 3), (0, 0, 2), (2, 5, 1)]):
        torch.testing.assert_close(made[row], gathered(bank, number, first, count, 3))


def test_spectra_are_kept_where_they_fit_and_signals_where_not() -> None:
    size = sum(num_frames(length) for length in LENGTHS) * 513 * 8
    assert ClipBank(clips(), budget=size).num_bytes == size
    assert ClipBank(clips(), budget=size - 1).num_bytes == 0
