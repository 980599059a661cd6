"""He's equations, measured where the truth is known; and the experiment on embedded data."""

import math
import warnings
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp
from torch import Tensor, nn
from torch.nn import functional as F

from dlhw import initialisation as init
from dlhw import schema
from dlhw.config import compose_config
from dlhw.errors import UserError
from dlhw.initialisation import Moments, mean_and_error, measure
from dlhw.nets.mlp import MLP
from dlhw.schema import validate
from tests.helpers import small

# A seeded test is passed or failed for good; five standard errors leave it one chance in a million to be wrong
ERRORS = 5.0


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gaussian(num_inputs: int, num_images: int = 32) -> tuple[Tensor, Tensor]:
    generator = seeded(100)
    labels = torch.randint(10, (num_images,), generator=generator)
    return torch.randn(num_images, num_inputs, generator=generator, dtype=torch.float64), labels


def moments_of(scheme: init.Scheme, widths: list[int], draws: int = 60, seed: int = 0) -> Moments:
    net = MLP(widths[0], widths[1:], 10).double()
    return measure(net, scheme, draws, *gaussian(widths[0]), seeded(seed))


def assert_mean(values: Tensor, expected: float | Tensor) -> None:
    """The mean over draws lies within some standard errors, which must be small enough for that to say something."""
    mean, error = mean_and_error(values)
    expected = torch.as_tensor(expected, dtype=mean.dtype).expand_as(mean)
    assert (error < 0.1 * torch.where(expected == 0, 0.5, expected)).all(), (mean, error)
    assert ((mean - expected).abs() < ERRORS * error).all(), (mean, error, expected)


@pytest.fixture(scope="module")
def he() -> Moments:
    return moments_of("he", [50, *[64] * 8], draws=200)


class TestWeights:
    @pytest.mark.parametrize(
        ("scheme", "variance"),
        [("he", 2 / 300), ("he_fan_out", 2 / 200), ("xavier", 2 / 500), ("torch", 1 / 900), (0.3, 0.09)],
    )
    def test_they_have_the_variance_of_their_scheme(self, scheme: init.Scheme, variance: float) -> None:
        net = nn.Sequential(nn.Linear(300, 200), nn.ReLU(), nn.Linear(200, 300))
        init.initialise(net, scheme, seeded())
        weight = net[0].weight.detach()
        assert init.weight_variance(scheme, 300, 200) == pytest.approx(variance)
        assert weight.var().item() == pytest.approx(variance, rel=ERRORS * math.sqrt(2 / weight.numel()))
        assert abs(weight.mean().item()) < ERRORS * math.sqrt(variance / weight.numel())
        assert not net[0].bias.any()

    def test_the_default_of_torch_is_what_torch_does(self) -> None:
        torch.manual_seed(0)
        weight = nn.Linear(300, 200).weight
        assert weight.var().item() == pytest.approx(init.weight_variance("torch", 300, 200), rel=0.02)

    def test_he_and_xavier_agree_with_torch(self) -> None:
        weight = torch.empty(200, 300)
        for scheme, fill in {
            "he": lambda: nn.init.kaiming_normal_(weight, nonlinearity="relu"),
            "he_fan_out": lambda: nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu"),
            "xavier": lambda: nn.init.xavier_normal_(weight),
        }.items():
            torch.manual_seed(0)
            assert fill().var().item() == pytest.approx(init.weight_variance(scheme, 300, 200), rel=0.03)

    def test_the_same_seed_draws_the_same_weights_and_another_others(self) -> None:
        nets = [nn.Linear(5, 4) for _ in range(3)]
        for net, seed in zip(nets, (1, 1, 2), strict=True):
            init.initialise(net, "he", seeded(seed))
        assert torch.equal(nets[0].weight, nets[1].weight)
        assert not torch.equal(nets[0].weight, nets[2].weight)

    @pytest.mark.parametrize("scheme", ["hee", "", 0.0, -1.0, math.nan, math.inf])
    def test_what_is_no_scheme_is_refused(self, scheme: init.Scheme) -> None:
        with pytest.raises(ValueError, match=r"known|positive"):
            init.weight_variance(scheme, 3, 3)


class TestForward:
    def test_the_mean_of_z_is_0(self, he: Moments) -> None:
        assert_mean((he.z / he.z2.sqrt())[:, :-1], 0.0)

    def test_var_z_is_n_var_w_times_the_second_moment_of_x(self, he: Moments) -> None:
        assert_mean(he.sum_ratio, 1.0)

    def test_var_z_is_twice_the_second_moment_of_the_next_x(self, he: Moments) -> None:
        assert_mean(he.relu_ratio, 1.0)

    def test_it_is_the_second_moment_of_x_and_not_its_variance(self, he: Moments) -> None:
        """For a Gaussian z the variance of ReLU(z) is (1 - 1 / pi) times its second moment."""
        share = (he.x2 - he.x**2)[:, 1:] / he.x2[:, 1:]
        assert share.mean().item() == pytest.approx(1 - 1 / math.pi, abs=0.03)

    def test_z_is_symmetric(self, he: Moments) -> None:
        assert_mean(he.positive[:, :-1], 0.5)
        assert_mean(he.skewness[:, :-1], 0.0)
        worst = max(init.asymmetry(sample) for sample in he.sample)
        assert worst < 4.5  # P < 1e-5 a layer under symmetry

    def test_he_keeps_the_variance_and_xavier_halves_it(self, he: Moments) -> None:
        assert_mean(he.growth.mean(1), 1.0)
        xavier = moments_of("xavier", [64] * 9)
        assert_mean(xavier.growth.mean(1), 0.5)
        ends = xavier.z2[:, 7] / xavier.z2[:, 0]
        assert ends.median().log2().item() == pytest.approx(-7, abs=1)

    @pytest.mark.parametrize("std", [0.02, 0.4])
    def test_a_constant_grows_or_decays_by_n_std_squared_over_2(self, std: float) -> None:
        moments = moments_of(std, [30, *[64] * 8])
        assert_mean(moments.growth.mean(1), 64 * std**2 / 2)
        assert moments.expected_growth.tolist() == pytest.approx([64 * std**2 / 2] * 7)

    @settings(max_examples=10, deadline=None)
    @given(widths=st.lists(st.integers(20, 60), min_size=3, max_size=5), seed=st.integers(0, 1000))
    def test_fan_in_keeps_the_variance_whatever_the_widths(self, widths: list[int], seed: int) -> None:
        moments = moments_of("he", widths, draws=40, seed=seed)
        mean, error = mean_and_error(moments.growth)
        assert ((mean - 1).abs() < 6 * error + 0.02).all(), (mean, error)
        assert moments.expected_growth.tolist() == pytest.approx([1.0] * (len(widths) - 2))

    def test_a_skewed_distribution_of_the_weights_is_noticed(self) -> None:
        """The measure must be able to say no: weights of mean 0 and the right variance, but not symmetric."""
        generator = seeded()
        samples, shares = [], []
        for _ in range(40):
            net = MLP(8, [64, 64], 10).double()
            init.initialise(net, "he", generator)
            with torch.no_grad():
                first = init.linear_layers(net)[0].weight
                first.exponential_(generator=generator).sub_(1).mul_(math.sqrt(2 / 8))
            means, sample = init.one_draw(net, torch.ones(32, 8, dtype=torch.float64), gaussian(8)[1])
            samples.append(sample[0])
            shares.append(2 * means["x2"][1] / means["z2"][0])
        assert init.asymmetry(torch.stack(samples)) > 4.5
        mean, error = mean_and_error(torch.stack(shares))
        assert (mean - 1).item() > ERRORS * error.item()


class TestBackward:
    def test_the_gradients_are_those_of_autograd(self) -> None:
        net = MLP(6, [5, 4], 3).double()
        init.initialise(net, "he", seeded())
        inputs, labels = gaussian(6, 7)
        labels = labels % 3
        means, _ = init.one_draw(net, inputs, labels)
        weights = init.linear_layers(net)
        x = inputs.clone().requires_grad_()
        z1 = F.linear(x, weights[0].weight)
        x2 = z1.relu()
        z1.retain_grad()
        x2.retain_grad()
        F.cross_entropy(net.layers[2:](x2), labels, reduction="sum").backward()
        assert means["dx2"][0].item() == pytest.approx(x.grad.square().mean().item())
        assert means["dx2"][1].item() == pytest.approx(x2.grad.square().mean().item())
        assert means["dz2"][0].item() == pytest.approx(z1.grad.square().mean().item())

    def test_both_equations_hold_where_the_gradient_does_not_depend_on_the_weights(self) -> None:
        """With tiny weights the logits are 0, and the loss's gradient is the same whatever the weights."""
        moments = moments_of(0.02, [50, *[64] * 8], draws=100)
        assert_mean(moments.back_sum_ratio, 1.0)
        assert_mean(moments.back_relu_ratio, 1.0)
        assert_mean(moments.back_growth.mean(1), 64 * 0.02**2 / 2)

    def test_where_it_does_depend_on_them_narrow_networks_depart(self) -> None:
        """The assumption of independence is wrong by a share of the order of 1 / width."""
        excess = {}
        for width in (32, 128):
            ratio = moments_of("he", [50, *[width] * 4], draws=400).back_relu_ratio.mean(1)
            mean, error = (number.item() for number in mean_and_error(ratio))
            excess[width] = mean - 1
            assert ERRORS * error < excess[width] < 2 / width
        assert excess[32] > 2 * excess[128]

    def test_fan_in_keeps_the_signals_and_fan_out_the_gradients(self) -> None:
        """In a network that narrows by half from layer to layer, the other direction halves or doubles."""
        widths = [128, 128, 64, 32, 16]
        fan_in, fan_out = moments_of("he", widths, draws=300), moments_of("he_fan_out", widths, draws=300)
        assert fan_in.expected_growth.tolist() == pytest.approx([1.0] * 3)
        assert fan_in.expected_back_growth.tolist() == pytest.approx([0.5] * 3)
        assert fan_out.expected_growth.tolist() == pytest.approx([2.0] * 3)
        assert fan_out.expected_back_growth.tolist() == pytest.approx([1.0] * 3)
        for moments in (fan_in, fan_out):
            assert_mean(moments.growth, moments.expected_growth)
            # narrow layers: up to 3 / width off, see above
            relative = moments.back_growth.mean(0) / moments.expected_back_growth
            assert relative.tolist() == pytest.approx([1.0] * 3, abs=0.2)


class TestAsymmetry:
    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.floats(-5, 5, allow_subnormal=False).filter(lambda v: abs(v) > 1e-3), min_size=1, unique_by=abs))
    def test_it_is_the_two_sample_distance_to_the_mirror_image(self, values: list[float]) -> None:
        sample = torch.tensor(values, dtype=torch.float64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of its p-value, for a few values
            distance = ks_2samp(sample.numpy(), -sample.numpy(), method="asymp").statistic
        assert init.asymmetry(sample) == pytest.approx(distance * math.sqrt(len(values)))

    def test_one_in_twenty_symmetric_samples_exceeds_the_critical_value(self) -> None:
        generator = seeded()
        samples = torch.randn(2000, 500, generator=generator)
        share = sum(init.asymmetry(sample) > init.CRITICAL_ASYMMETRY for sample in samples) / len(samples)
        assert share == pytest.approx(0.05, abs=0.02)

    def test_a_shift_is_noticed(self) -> None:
        assert init.asymmetry(torch.randn(2000, generator=seeded()) + 0.2) > init.CRITICAL_ASYMMETRY

    def test_what_is_no_number_is_not_judged(self) -> None:
        assert math.isnan(init.asymmetry(torch.tensor([1.0, math.nan])))

    def test_no_two_values_of_a_sample_share_a_unit(self) -> None:
        z = torch.arange(12.0).view(3, 4)  # (images, units)
        assert init.one_image_a_unit(z).tolist() == [0, 5, 10, 3]


def test_the_mean_cosine_is_that_of_all_pairs() -> None:
    rows = torch.randn(6, 5, generator=seeded(), dtype=torch.float64)
    pairs = [F.cosine_similarity(rows[i], rows[j], dim=0) for i in range(6) for j in range(6) if i != j]
    assert init.mean_cosine(rows).item() == pytest.approx(torch.stack(pairs).mean().item())


def test_a_standard_error_takes_two_draws() -> None:
    with pytest.raises(ValueError, match="draws must be at least 2; got 0"):
        moments_of("he", [3, 3], draws=0)


def test_the_first_losses_fall_and_stop_where_they_are_no_numbers() -> None:
    inputs, labels = gaussian(20, 64)
    net = MLP(20, [32, 32], 10).double()
    init.initialise(net, "he", seeded())
    losses = init.first_losses(net, [(inputs, labels)] * 30, lr=0.1, momentum=0.9)
    assert len(losses) == 30
    assert losses[-1] < 0.5 * losses[0]
    diverging = MLP(20, [32] * 20, 10)
    init.initialise(diverging, 2.0, seeded())
    losses = init.first_losses(diverging, [(inputs.float(), labels)] * 30, lr=0.1, momentum=0.9)
    assert 0 < len(losses) < 30
    assert all(math.isfinite(loss) for loss in losses)


class TestExperiment:
    def test_the_measured_figures_are_those_of_theory(self, run_experiment) -> None:
        finished = run_experiment(*small("he_init"), "draws=30")
        metrics = finished.results["metrics"]
        expected = {"he": 1.0, "he_fan_out": 1.0, "xavier": 0.5, "torch": 1 / 6, "std_0.02": 0.0096, "std_0.2": 0.96}
        for name, growth in expected.items():
            assert metrics[f"{name}/growth_expected"] == pytest.approx(growth)
            assert metrics[f"{name}/growth"] == pytest.approx(growth, rel=0.12)
            assert metrics[f"{name}/back_growth"] == pytest.approx(growth, rel=0.15)
            for ratio in ("sum_ratio", "relu_ratio", "back_sum_ratio", "back_relu_ratio"):
                assert metrics[f"{name}/{ratio}"] == pytest.approx(1, abs=0.1)
        tables = {table["title"]: table for table in finished.results["tables"]}
        assert [row[1] for row in tables["What a layer does to the variance"]["rows"]] == [2, 5] * 6
        assert [row[0] for row in tables["Layer by layer: he"]["rows"]] == [1, 2, 3, 5]
        assert tables["Training loss after 5 steps"]["columns"] == [
            "initialisation",
            "2 hidden layers",
            "5 hidden layers",
        ]
        names = {"variance_by_layer", "equation_ratios", "draws", "symmetry", "first_steps"}
        assert {figure["file"] for figure in finished.results["figures"]} == {f"figures/{name}.png" for name in names}

    def test_the_same_seed_gives_the_same_figures_and_another_others(self, run_experiment) -> None:
        cheap = [*small("he_init"), "depths=[2]", "steps=3", "schemes=[he]"]
        runs = [run_experiment(*cheap, f"seed={seed}").results for seed in (3, 3, 4)]
        assert runs[0]["tables"] == runs[1]["tables"]
        assert runs[0]["tables"] != runs[2]["tables"]

    def test_no_steps_no_training(self, run_experiment) -> None:
        results = run_experiment(*small("he_init"), "steps=0", "depths=[2]", "schemes=[xavier]").results
        assert not [table for table in results["tables"] if table["title"].startswith("Training")]

    def test_variances_beyond_all_numbers_do_not_stop_it(self, run_experiment) -> None:
        results = run_experiment(*small("he_init"), "schemes=[1e-6,100,he]", "depths=[70]").results
        assert results["metrics"]["he/growth"] == pytest.approx(1, rel=0.2)
        assert results["metrics"]["std_100/growth"] is None

    @pytest.mark.parametrize(
        ("override", "said"),
        [
            ("schemes=[hee]", ("schemes.0=hee:", "did you mean he")),
            ("schemes=[he,xaver]", ("schemes.1=xaver:", "did you mean xavier?")),
            ("schemes=[0]", ("schemes.0=0:", "from 1e-6 to 100")),
            ("schemes=[-0.1]", ("schemes.0=-0.1:", "from 1e-6 to 100")),
            ("schemes=[nan]", ("schemes.0=nan:", "from 1e-6 to 100")),
            ("schemes=[true]", ("schemes.0=true:", "known scheme")),
            ("schemes=[he,he]", ("schemes=", "twice")),
            ("schemes=[]", ("schemes=[]:", "at least 1")),
            ("schemes=he", ("schemes=he:", "list")),
            ("depths=[0]", ("depths.0=0:", "greater than or equal to 2")),
            ("depths=[3,2.5]", ("depths.1=2.5:", "whole number")),
            ("depths=[]", ("depths=[]:", "at least 1")),
            ("draws=0", ("draws=0:", "greater than or equal to 2")),
            ("draws=1", ("draws=1:", "greater than or equal to 2")),
            ("steps=-1", ("steps=-1:", "greater than or equal to 0")),
        ],
    )
    def test_bad_values_are_refused_in_a_line(self, override: str, said: tuple[str, ...]) -> None:
        with pytest.raises(UserError) as refused:
            validate(compose_config(["experiment=he_init", "data=digits", override]))
        line = str(refused.value)
        assert "\n" not in line
        assert all(part in line for part in said), line


def test_the_config_knows_the_schemes() -> None:
    assert set(schema.SCHEMES) == set(init.VARIANCES)
    assert get_args(init.Scheme) == (str, float)
