"""What numbers are computed in."""

import pytest
import torch

from dlhw.precision import at_least_float32


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_only_half_precision_becomes_another(given: torch.dtype, expected: torch.dtype) -> None:
    assert at_least_float32(torch.ones(3, dtype=given)).dtype == expected
