"""Samples of a trained GAN: the same for the same seed, in files anyone can read, or one line that says why not."""

import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from PIL import Image
from torch import nn

import dlhw
from dlhw import sampling
from dlhw.config import CONF, compose_config
from dlhw.generate import KIND, USAGE, main
from dlhw.run_folder import config_of, name_of_data
from dlhw.sampling import images_of, seeded_noise, slerp
from tests.helpers import ROOT, error_line
from tests.test_checkpoints import largest_file

LATENT = 6
SMALL = [
    "experiment=gan_dense", "data=digits", "data.passes=1", "data.batch_size=128", f"latent={LATENT}",
    "model.net.generator.hidden=[16]", "model.net.discriminator.hidden=[16]", "trainer.max_epochs=1", "references=[]",
]  # fmt: skip


@cache
def config() -> DictConfig:
    return compose_config(SMALL)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """What generating needs of a run's folder, with untrained generators; `average` is another than `net.generator`."""
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(config(), resolve=True))
    torch.manual_seed(0)
    net, average = instantiate(config().model.net), instantiate(config().model.net.generator)
    save_weights(folder, {"net.": net, "average.": average})
    return folder


def save_weights(run: Path, nets: dict[str, nn.Module]) -> None:
    state = {prefix + name: value for prefix, net in nets.items() for name, value in net.state_dict().items()}
    torch.save({"state_dict": state}, run / "checkpoints" / "last.ckpt")


def change(run: Path, key: str, value: object) -> None:
    """Another value in the run's config."""
    cfg = OmegaConf.load(run / "config.yaml")
    OmegaConf.update(cfg, key, value, merge=False, force_add=True)
    (run / "config.yaml").write_text(OmegaConf.to_yaml(cfg))


def generated(run: Path, *args: str, seed: int = 0) -> dict[str, np.ndarray]:
    main([f"run={run}", f"seed={seed}", *args])
    with np.load(run / "generated" / f"seed{seed}.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def refused(*args: str) -> str:
    """The line that these arguments get."""
    with pytest.raises(SystemExit) as stop:
        main(args)
    return error_line(str(stop.value.code))


# ---------------------------------------------------------------------------------------------- interpolation


def test_slerp_begins_and_ends_at_its_vectors() -> None:
    a, b = torch.randn(2, 100, generator=torch.Generator().manual_seed(0))
    way = slerp(a, b, torch.tensor([0.0, 1.0]))
    assert torch.equal(way, torch.stack([a, b]))
    assert way.dtype == a.dtype


def test_slerp_halfway_between_orthogonal_vectors_is_as_long_as_they_are() -> None:
    way = slerp(torch.tensor([3.0, 0, 0]), torch.tensor([0, 3.0, 0]), torch.tensor([0.5]))
    torch.testing.assert_close(way, torch.tensor([[3, 3, 0]]) / 2**0.5)


def test_slerp_turns_by_equal_angles() -> None:
    angles = torch.linspace(0, 2.0, 5, dtype=torch.float64)
    circle = torch.stack([angles.cos(), angles.sin()], dim=1)
    torch.testing.assert_close(slerp(circle[0], circle[-1], torch.linspace(0, 1, 5, dtype=torch.float64)), circle)


@pytest.mark.parametrize(
    ("a", "b", "middle"),
    [
        ([2.0, 0], [2.0, 0], [2.0, 0]),
        ([2.0, 0], [4.0, 0], [3.0, 0]),
        ([1.0, 1], [1.0, 1 + 1e-6], [1.0, 1]),
        ([1.0, 2], [-1.0, -2], [0.0, 0]),
        ([0.0, 0], [4.0, 0], [2.0, 0]),
        ([0.0, 0], [0.0, 0], [0.0, 0]),
    ],
)
def test_slerp_of_vectors_on_one_line_is_linear(a: list[float], b: list[float], middle: list[float]) -> None:
    way = slerp(torch.tensor(a), torch.tensor(b), torch.tensor([0.0, 0.5, 1.0]))
    torch.testing.assert_close(way, torch.tensor([a, middle, b]))


def test_slerp_of_gaussian_noise_keeps_the_norm_that_a_line_loses() -> None:
    a, b = torch.randn(2, 100, generator=torch.Generator().manual_seed(0))
    assert slerp(a, b, torch.linspace(0, 1, 9)).norm(dim=1).sub(10).abs().max() < 2
    assert torch.lerp(a, b, 0.5).norm() < 8


# ---------------------------------------------------------------------------------------------- the samples


@pytest.mark.parametrize("latent", [1, 6, 100])
def test_more_noise_begins_with_the_same(latent: int) -> None:
    most = seeded_noise(1200, latent, seed=3)
    for num in (1, 3, 64, 500, 501):
        noise = seeded_noise(num, latent, seed=3)
        assert len(noise) >= num
        assert torch.equal(noise, most[: len(noise)])


def test_the_noise_is_standard_normal_and_never_repeats() -> None:
    noise = seeded_noise(10_000, 10, seed=0)
    assert noise.mean().abs() < 0.02
    assert abs(noise.std() - 1) < 0.02
    assert len(noise.unique(dim=0)) == len(noise)


def test_the_arrays_are_the_noise_and_what_the_generator_makes_of_it(run: Path) -> None:
    average: nn.Module = instantiate(config().model.net.generator)
    save_weights(run, {"net.": instantiate(config().model.net), "average.": average})
    arrays = generated(run, "num_samples=7")
    assert arrays.keys() == {"images", "noise"}
    assert (arrays["noise"].shape, arrays["noise"].dtype) == ((7, LATENT), np.float32)
    assert (arrays["images"].shape, arrays["images"].dtype) == ((7, 28, 28), np.uint8)
    assert made_by(average, arrays)


def made_by(generator: nn.Module, arrays: dict[str, np.ndarray]) -> bool:
    with torch.no_grad():
        images = generator.eval()(torch.from_numpy(arrays["noise"]))[:, 0]
    return bool(np.abs(arrays["images"] - 255 * images.numpy()).max() < 0.51)


def test_without_an_average_the_last_generator_is_used(run: Path) -> None:
    net = instantiate(config().model.net)
    save_weights(run, {"net.": net})
    assert made_by(net.generator, generated(run))


def test_fewer_samples_are_the_first_of_more(run: Path) -> None:
    section = OmegaConf.to_container(config().model.net.generator, resolve=True)
    generator = sampling.load_generator(section, run / "checkpoints" / "last.ckpt")
    many = images_of(generator, seeded_noise(1001, LATENT, seed=0))
    for num in (1, 64, 500, 501):
        few = images_of(generator, seeded_noise(num, LATENT, seed=0))
        assert torch.equal(few[:num], many[:num])
    written = generated(run, "num_samples=3")
    assert np.array_equal(written["images"], many[:3])


def test_the_same_seed_gives_the_same_files(run: Path) -> None:
    folders = [run.parent / "one", run.parent / "other"]
    for folder in folders:
        main([f"run={run}", "seed=5", f"output={folder}"])
    names = ["seed5.npz", "seed5.png", "seed5_interpolation.png"]
    assert all(sorted(file.name for file in folder.iterdir()) == names for folder in folders)
    assert all((folders[0] / name).read_bytes() == (folders[1] / name).read_bytes() for name in names)


def test_another_seed_gives_other_samples(run: Path) -> None:
    assert not np.array_equal(generated(run, seed=0)["images"], generated(run, seed=1)["images"])


def spy(monkeypatch: pytest.MonkeyPatch, name: str) -> dict[str, Any]:
    """Will hold what this function of `sampling` is called with."""
    calls: dict[str, Any] = {}
    draw = getattr(sampling, name)

    def noted(*args: Any, **settings: Any) -> Any:
        calls.update(settings, args=args)
        return draw(*args, **settings)

    monkeypatch.setattr(sampling, name, noted)
    return calls


def test_the_sheets_show_the_samples_and_say_what_they_are_of(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_sheet, of_grid = spy(monkeypatch, "image_sheet"), spy(monkeypatch, "image_grid")
    images = generated(run, "num_samples=101", "steps=5", seed=3)["images"]
    (sheet,), (grid, rows) = of_sheet["args"], of_grid["args"]
    assert np.array_equal(sheet, images[:100] / 255)
    assert of_sheet["title"] == "gan_dense (seed 0): first 100 of 101 samples, noise seed 3"
    assert of_sheet["data_name"] == of_grid["data_name"] == "trained on digits"
    assert grid.shape == (2, 5, 28, 28)
    assert rows == ["spherical", "linear"]
    assert of_grid["column_labels"] == ["0 %", "25 %", "50 %", "75 %", "100 %"]
    assert np.abs(grid[:, [0, -1]] - images[None, :2] / 255).max() <= 1 / 255, "both ways begin and end at samples"
    assert not np.array_equal(grid[0, 2], grid[1, 2])


def test_a_finished_run_says_what_its_data_is_called(run: Path) -> None:
    assert name_of_data(run, config_of(run, *KIND)) == "digits"
    (run / "results.json").write_text('{"dataset": {"name": "digits (8x8, enlarged)"}}')
    assert name_of_data(run, config_of(run, *KIND)) == "digits (8x8, enlarged)"


def test_a_real_run(run_experiment: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    extras = OmegaConf.load(CONF / "callbacks" / "gan.yaml").keys() - {"defaults"}
    finished = run_experiment(*SMALL, *(f"callbacks.{name}=null" for name in sorted(extras)))
    capsys.readouterr()
    main([f"run={finished.folder}"])
    files = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert [file.name for file in files] == ["seed0.npz", "seed0.png", "seed0_interpolation.png"]
    assert all(file.parent == finished.folder / "generated" for file in files)
    assert np.load(files[0], allow_pickle=False)["images"].std() > 0
    for file in files[1:]:
        with Image.open(file) as image:
            assert min(image.size) > 300
    assert name_of_data(finished.folder, config_of(finished.folder, *KIND)) == "digits (8x8, enlarged)"


# ---------------------------------------------------------------------------------------------- what is refused

WHOLE = "must be a whole number from"
# arguments behind run=... -> what the error line must say
WRONG: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "no samples": (("num_samples=0",), (f"num_samples=0: {WHOLE} 1 to 100,000",)),
    "too many samples": (("num_samples=100001",), (f"num_samples=100001: {WHOLE} 1 to 100,000",)),
    "samples in words": (("num_samples=many",), (f"num_samples=many: {WHOLE} 1 to 100,000",)),
    "samples with a fraction": (("num_samples=1.5",), (f"num_samples=1.5: {WHOLE}",)),
    "negative seed": (("seed=-1",), (f"seed=-1: {WHOLE} 0 to 4,294,967,295",)),
    "huge seed": ((f"seed={2**32}",), (f"seed={2**32}: {WHOLE}",)),
    "one step": (("steps=1",), (f"steps=1: {WHOLE} 2 to 20",)),
    "too many steps": (("steps=21",), (f"steps=21: {WHOLE} 2 to 20",)),
    "mistyped key": (("num_sample=3",), ("unknown key 'num_sample'", "did you mean num_samples?")),
    "strange key": (("qqqq=3",), ("unknown key 'qqqq'", "known: num_samples, output, run, seed, steps")),
    "no key": (("64",), ("'64' is not key=value", "write run=...", "--help")),
    "key given twice": (("seed=1", "seed=2"), ("seed= is given twice", "leave out seed=1 or seed=2")),
    "no value": (("output=",), ("output= has no value", "output=null")),
}


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module that imports torch cannot be imported."""
    monkeypatch.delattr(dlhw, "sampling")
    monkeypatch.setitem(sys.modules, "dlhw.sampling", None)


@pytest.mark.usefixtures("no_torch")
@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments_get_one_line(case: str, run: Path) -> None:
    args, expected = WRONG[case]
    line = refused(f"run={run}", *args)
    assert all(part in line for part in expected), line
    assert not (run / "generated").exists()


@pytest.mark.usefixtures("no_torch")
@pytest.mark.parametrize("args", [("seed=1",), ("run=null",)])
def test_no_run(args: tuple[str, ...]) -> None:
    assert "run= is missing; give the folder of a run of a GAN" in refused(*args)


@pytest.mark.usefixtures("no_torch")
def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nothing"):
        line = refused(f"run={folder}")
        assert f"run={folder}: no config.yaml there; it must be the folder of a run" in line
    assert not any(tmp_path.iterdir())


@pytest.mark.usefixtures("no_torch")
@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe\xfa", b"a: ${b", b"a: 1\na: 2"])
def test_a_damaged_config(run: Path, content: bytes) -> None:
    (run / "config.yaml").write_bytes(content)
    line = refused(f"run={run}")
    assert f"{run / 'config.yaml'} cannot be read" in line
    assert "; run the experiment again" in line


@pytest.mark.usefixtures("no_torch")
def test_a_run_of_no_gan(run: Path) -> None:
    (run / "config.yaml").write_text(OmegaConf.to_yaml(compose_config(["experiment=mnist_mlp"]), resolve=True))
    line = refused(f"run={run}")
    assert f"run={run}: a run of mnist_mlp, which is not a GAN" in line
    assert "python train.py experiment=gan_conv" in line


@pytest.mark.usefixtures("no_torch")
@pytest.mark.parametrize("content", ["", "just words", "[1, 2]", "model: 3", "model: {net: 3}"])
def test_a_config_of_something_else(run: Path, content: str) -> None:
    (run / "config.yaml").write_text(content)
    assert "which is not a GAN" in refused(f"run={run}")


@pytest.mark.usefixtures("no_torch")
def test_a_run_that_has_no_checkpoint_yet(run: Path) -> None:
    (run / "checkpoints" / "last.ckpt").unlink()
    line = refused(f"run={run}")
    assert "no checkpoints/last.ckpt there" in line
    assert f"python train.py resume={run}" in line


@pytest.mark.usefixtures("no_torch")
@pytest.mark.parametrize("place", ["_target_", "hidden", "hidden.0", "more.deep"])
@pytest.mark.parametrize("target", ["os.remove", "dlhw.files.os.remove", "dlhw.nets.gan.x.y", "dlhw", "dlhw_nets.a.b"])
def test_what_is_not_a_network_of_dlhws_is_never_called(run: Path, place: str, target: str) -> None:
    victim = run / "victim"
    victim.touch()
    call = target if place == "_target_" else {"_target_": target, "path": str(victim)}
    change(run, f"model.net.generator.{place}", call)
    line = refused(f"run={run}")
    at = "" if place == "_target_" else f".{place}"
    assert f"{run / 'config.yaml'}: model.net.generator{at}._target_={target}: refused" in line
    assert victim.exists()


@pytest.mark.usefixtures("no_torch")
def test_what_would_resolve_to_something_else_is_refused(run: Path) -> None:
    change(run, "model.net.generator.hidden", "${oc.create:{_target_:os.getcwd}}")
    assert "in model.net.generator is refused; must be a plain value" in refused(f"run={run}")


@pytest.mark.usefixtures("no_torch")
@pytest.mark.parametrize("section", [None, 3, {"latent": 6}])
def test_a_generator_that_is_missing(run: Path, section: object) -> None:
    change(run, "model.net.generator", section)
    assert "model.net.generator is missing" in refused(f"run={run}")


def test_a_corrupt_checkpoint(run: Path) -> None:
    file = run / "checkpoints" / "last.ckpt"
    file.write_bytes(file.read_bytes()[:1000])
    assert f"the checkpoint {file} is corrupt or not one of dlhw's" in refused(f"run={run}")
    assert not (run / "generated").exists()


def test_a_checkpoint_of_another_architecture(run: Path) -> None:
    change(run, "model.net.generator.hidden", [17])
    assert "is of another architecture: layers.0.weight has shape (16, 6) there and (17, 6) here" in refused(
        f"run={run}"
    )


def test_a_generator_that_diverged(run: Path) -> None:
    content = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    content["state_dict"]["average.layers.0.weight"][0, 0] = float("nan")
    torch.save(content, run / "checkpoints" / "last.ckpt")
    assert "has weights that are not finite" in refused(f"run={run}")


@pytest.mark.parametrize("output", ["file", "file/folder"])
def test_an_output_that_is_no_folder(run: Path, output: str) -> None:
    (run / "file").touch()
    line = refused(f"run={run}", f"output={run / output}")
    assert f"cannot write to {run / output}: " in line
    assert "choose another folder with output=..." in line


def test_where_the_disk_is_full_nothing_is_half_written(run: Path) -> None:
    with largest_file(8192):
        line = refused(f"run={run}", "num_samples=500")
    assert f"cannot write to {run / 'generated'}: File too large" in line
    assert not list((run / "generated").iterdir())


def test_the_whole_traceback_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(dlhw.errors.UserError, match="run= is missing"):
        main(["seed=1"])


@pytest.mark.parametrize("args", [(), ("--help",), ("run=outputs", "-h")])
def test_help(args: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    main(args)
    assert capsys.readouterr().out == f"{USAGE}\n"


def test_the_script_answers_without_torch() -> None:
    code = (
        "import runpy, sys; sys.modules['torch'] = None; sys.argv = ['generate.py', *sys.argv[1:]]; "
        "runpy.run_path('generate.py', run_name='__main__')"
    )
    wrong, asked = (
        subprocess.run([sys.executable, "-c", code, arg], cwd=ROOT, capture_output=True, text=True, timeout=60)
        for arg in ("run=nowhere", "--help")
    )
    assert wrong.returncode == 1
    assert "run=nowhere: no config.yaml there" in error_line(wrong.stderr)
    assert wrong.stdout == ""
    assert asked.returncode == 0
    assert asked.stdout == f"{USAGE}\n"
