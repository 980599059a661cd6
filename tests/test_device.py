"""Every shipped experiment on a device that is not the CPU, one with float64 and one without."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from dlhw import eigenfaces
from dlhw.config import experiments
from dlhw.metrics.restoration import psnr, ssim
from dlhw.restoration import zero_out
from tests.conftest import run_in
from tests.device import device
from tests.helpers import Finished, small

QUICK = {("svd_truncate", True), ("svd_ste", False), ("noisy_labels", True)}
AS_ON_CPU = ["svd_truncate", "mnist_mlp"]


def marked(experiment: str, has_float64: bool) -> object:
    marks = [] if (experiment, has_float64) in QUICK else [pytest.mark.slow]
    return pytest.param(experiment, has_float64, marks=marks, id=f"{experiment}-{'with' if has_float64 else 'without'}")


@pytest.fixture(scope="module")
def shared_outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs that others begin with are trained once."""
    return tmp_path_factory.mktemp("device")


@pytest.fixture
def run_there(shared_outputs: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Finished]:
    """Runs an experiment, small, on that device; its figures are made as ever, but not rendered: most of the time."""
    monkeypatch.setattr("dlhw.figures.save.rendered", lambda figure, dpi: Image.new("RGB", (8, 8)))
    monkeypatch.setattr("dlhw.run.run_report", lambda folder: folder)

    def run(experiment: str, has_float64: bool) -> Finished:
        with device(monkeypatch, has_float64):
            return run_in(shared_outputs / str(has_float64), *small(experiment))

    return run


@pytest.mark.parametrize(
    ("experiment", "has_float64"), [marked(name, has) for name in experiments() for has in (True, False)]
)
def test_an_experiment_runs(experiment: str, has_float64: bool, run_there: Callable[..., Finished]) -> None:
    results = run_there(experiment, has_float64).results
    assert math.isfinite(results["metrics"][results["optimized_metric"]])


@pytest.mark.parametrize("experiment", AS_ON_CPU)
def test_what_it_finds_is_what_the_cpu_finds(
    experiment: str, run_there: Callable[..., Finished], run_experiment: Callable[..., Finished]
) -> None:
    expected, found = run_experiment(*small(experiment)), run_there(experiment, False)
    names = [name for name in expected.results["metrics"] if not name.startswith("energy/")]
    assert names
    for name in names:  # its optimizers round differently, as they are not fused
        assert found.results["metrics"][name] == pytest.approx(expected.results["metrics"][name], rel=0.01, abs=0.02)


@pytest.mark.parametrize("has_float64", [True, False])
def test_faces_are_restored_and_scored(has_float64: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.rand(20, 16, 16, generator=torch.Generator().manual_seed(0))
    with device(monkeypatch, has_float64) as there:
        faces = images.to(there)
        corrupted, known = zero_out(faces, 0.5, torch.Generator(there).manual_seed(0))
        model = eigenfaces.fit(faces.flatten(1)).first(10)
        for noise_variance in (0.0, 0.01):
            filled = eigenfaces.fill(model, corrupted.flatten(1), known.flatten(1), noise_variance).view_as(faces)
            for scores in (psnr(filled, faces), ssim(filled, faces)):
                assert scores.device == there
                assert scores.isfinite().all()


def test_two_devices_do_not_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    with device(monkeypatch) as there:
        made = torch.arange(3.0, device=there)
        assert made.device == there
        assert (made + torch.tensor(1.0)).tolist() == [1, 2, 3], "a number may be the CPU's"
        with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
            made + torch.zeros(3)
        with pytest.raises(RuntimeError, match="Expected a generator of"):
            torch.randn(3, device=there, generator=torch.Generator())
        with pytest.raises(RuntimeError, match="numpy"):
            made.numpy()


def test_a_device_without_float64_refuses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with device(monkeypatch, has_float64=False) as there:
        made = torch.zeros(3, device=there)
        wide = torch.zeros(3, dtype=torch.float64)
        attempts: list[Callable[[], object]] = [
            made.double,
            lambda: made.to(torch.float64),
            lambda: made.sum(dtype=torch.float64),
            lambda: wide.to(there),
            lambda: torch.zeros(3, dtype=torch.float64, device=there),
        ]
        for attempt in attempts:
            with pytest.raises(TypeError, match="float64"):
                attempt()
        assert made.cpu().double().dtype == torch.float64
