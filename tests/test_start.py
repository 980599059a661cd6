"""What runs start from: the assignment's parameter counts through the experiments' own settings."""

from collections.abc import Callable

import pytest
from hydra.utils import instantiate

from dlhw import lowrank
from dlhw.config import compose_config
from dlhw.start import Start


@pytest.fixture
def start() -> Callable[..., Start]:
    """Makes the start of an experiment from an untrained network."""

    def make(*overrides: str) -> Start:
        cfg = compose_config(["data=digits", *overrides])
        data = instantiate(cfg.data, seed=0)
        data.setup()
        return instantiate(cfg.start)(instantiate(cfg.model.net), data)

    return make


def num_parameters(start: Start) -> int:
    return sum(parameter.numel() for parameter in start.net.parameters())


@pytest.mark.parametrize(("compression", "expected"), [(2, 48_490), (4, 24_219), (8, 11_747)])
def test_assignment_bs_parameter_counts(start, compression: int, expected: int) -> None:
    made = start("experiment=lowrank", f"compression={compression}", "inner_bias=true")
    assert num_parameters(made) == expected


@pytest.mark.filterwarnings("ignore::dlhw.lowrank.CompressionWarning")
def test_the_full_rank_is_larger_than_the_matrix(start) -> None:
    assert num_parameters(start("experiment=lowrank", "compression=1", "inner_bias=true")) == 96_820


def test_the_ranks_of_assignment_b(start) -> None:
    for compression, ranks in {2: [50, 25, 5], 4: [25, 12, 2], 8: [12, 6, 1]}.items():
        made = start("experiment=lowrank", f"compression={compression}")
        assert made.table is not None
        assert [layer.rank for layer in made.table.layers] == ranks


@pytest.mark.parametrize("experiment", ["svd_finetune", "svd_ste"])
def test_the_last_layer_of_the_deep_network_is_left_alone(start, experiment: str) -> None:
    made = start(f"experiment={experiment}", "model.net.hidden=[32,32,32,32,32]", "rank=5")
    kinds = [type(layer) for layer in made.net.modules() if hasattr(layer, "in_features")]
    changed = lowrank.StraightThroughLinear if experiment == "svd_ste" else lowrank.LowRankLinear
    assert kinds.count(changed) == 5
    assert sum(kind.__name__ == "Linear" and kind is not changed for kind in kinds[-1:]) == 1
