"""What a comparison reads from a run: drops of the rate, the layers' widths, the parameter formula."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlhw.callbacks.comparison import formula, network
from dlhw.callbacks.study import Study, read_history
from dlhw.errors import UserError
from dlhw.metrics.parameters import count_parameters
from dlhw.nets.mlp import MLP


def study(rates: list[float], rate: float = 0.1) -> Study:
    return Study({}, {"lr": list(rates)}, 0.0, 0.0, rate, {})


@pytest.mark.parametrize(
    ("rates", "drops"),
    [
        ([0.1, 0.1, 0.1, 0.1], []),
        ([0.1, 0.1, 0.01, 0.01], [3]),
        ([0.01, 0.01, 0.01], [1]),
        ([0.1, 0.1, 0.01], [3]),
        ([0.1, 0.01, 0.01, 0.001, 0.001], [2, 4]),
        ([0.075, 0.05, 0.025, 0.0], []),
        ([0.1, 0.1, 0.2, 0.2], []),
    ],
)
def test_drops_of_the_rate(rates: list[float], drops: list[int]) -> None:
    assert study(rates).drops() == drops


@given(hidden=st.lists(st.integers(1, 40), min_size=1, max_size=4), batch_norm=st.booleans())
def test_the_formula_is_the_count(hidden: list[int], batch_norm: bool) -> None:
    counted = count_parameters(MLP(12, hidden, 3, batch_norm=batch_norm))
    assert network(counted) == "-".join(map(str, [12, *hidden, 3]))
    terms, total = formula(counted).replace(",", "").split(" = ")
    assert eval(terms.replace("·", "*")) == int(total) == counted["total"]


def test_metrics_csv_is_read_back(tmp_path: Path) -> None:
    file = tmp_path / "metrics.csv"
    assert read_history(file) == {}
    file.write_text("epoch,val/acc\n1,0.5\n2,\n")
    assert read_history(file) == {"epoch": [1, 2], "val/acc": [0.5, None]}


@pytest.mark.parametrize("damage", [b"epoch,val/acc\n1,0.5\n2,0.x\n", b"epoch,val/acc\n1,0.5,7,8\n", b"epoch\n\xff\n"])
def test_a_damaged_metrics_csv_is_named(tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "metrics.csv"
    file.write_bytes(damage)
    with pytest.raises(UserError, match=f"{file} is damaged; delete that folder and run again"):
        read_history(file)
