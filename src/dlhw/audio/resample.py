"""Sound at another sampling rate."""

from fractions import Fraction

LOWEST, HIGHEST = 1000, 768_000  # Hz
LARGEST_STEP = 1000  # samples: torchaudio's filter has as many coefficients as the product of both steps


def steps(old_rate: int, new_rate: int) -> tuple[int, int]:
    """How many samples are made how many others, in the same time: the rates' ratio in small numbers.

    That is exact for the usual rates. 22,051 Hz to 16,000 Hz, without a common divisor, would take a filter of 1.4 GB;
    it is done as 973 to 706, 0.4 millionths off; no pair of rates is 0.05 % off. There and back is exact.

    Raises:
        ValueError: a rate outside 1,000..768,000 Hz.
    """
    for rate in (old_rate, new_rate):
        if not LOWEST <= rate <= HIGHEST:
            raise ValueError(f"sampled at {rate:,} Hz; must be from {LOWEST:,} to {HIGHEST:,} Hz")
    low, high = sorted((old_rate, new_rate))
    ratio = Fraction(low, high).limit_denominator(LARGEST_STEP)
    both = ratio.numerator, ratio.denominator
    return both if old_rate < new_rate else both[::-1]
