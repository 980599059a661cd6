"""Cutting data into parts by units that stay together."""

import math

import torch
from torch import Tensor

from dlhw.data.loader import seeded
from dlhw.errors import UserError


def split_rows(units: Tensor, val_share: float, test_share: float, seed: int, what: str) -> dict[str, Tensor]:
    """The rows of train, val and test, such that all rows of a unit (a person, a picture, a file) are in one part.

    A part has its share of the units, rounded, and at least one; a share of 0 makes no part.

    Args:
        what: the units, in the plural, for an error.

    Raises:
        UserError: no unit is left to train on.
    """
    distinct = units.unique()
    num_val, num_test = (math.ceil(share) * max(1, round(share * len(distinct))) for share in (val_share, test_share))
    if num_val + num_test >= len(distinct):
        raise UserError(
            f"data.val_share={val_share} and data.test_share={test_share}: of {len(distinct)} {what} none is left to "
            "train on"
        )
    order = distinct[torch.randperm(len(distinct), generator=seeded(torch.device("cpu"), seed))]
    chosen = {
        "test": order[:num_test],
        "val": order[num_test : num_test + num_val],
        "train": order[num_test + num_val :],
    }
    rows = {name: torch.isin(units, some).nonzero()[:, 0] for name, some in chosen.items()}
    return {name: rows[name] for name in ("train", "val", "test") if len(rows[name])}
