"""Files without their noise: any rate, any length, or one line that says why not."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

import dlhw
from dlhw.audio.stft import istft, stft
from dlhw.config import compose_config
from dlhw.denoise import USAGE, main
from dlhw.nets.mask_rnn import MaskRNN
from dlhw.recordings import CHUNK, CONTEXT, blocks_of, masks_of
from tests.audio.test_read import claiming_hours
from tests.helpers import ROOT, error_line
from tests.test_checkpoints import largest_file

RATE = 16_000


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """What denoising needs of a run's folder, with an untrained network of one kind or another."""
    return make_run(tmp_path / "run")


def make_run(folder: Path, *overrides: str) -> Path:
    cfg = compose_config(["experiment=ibm_denoiser", "units=8", "references=[]", *overrides])
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(cfg, resolve=True))
    torch.manual_seed(0)
    net = instantiate(cfg.model.net)
    state = {f"net.{name}": value for name, value in net.state_dict().items()}
    torch.save({"state_dict": state}, folder / "checkpoints" / "best.ckpt")
    return folder


def net_of(run: Path) -> MaskRNN:
    net = instantiate(OmegaConf.load(run / "config.yaml").model.net)
    state = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    net.load_state_dict({name.removeprefix("net."): value for name, value in state.items()})
    return net.eval()


def noise(num_samples: int, channels: int = 1) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).standard_normal((num_samples, channels)).astype("float32")


def write(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype="FLOAT" if path.suffix == ".wav" else None)
    return path


def denoised(run: Path, source: Path, target: Path, *args: str) -> np.ndarray:
    main([f"run={run}", f"input={source}", f"output={target}", *args])
    return soundfile.read(target, dtype="float32", always_2d=True)[0]


def refused(*args: str) -> str:
    with pytest.raises(SystemExit) as stop:
        main(args)
    return error_line(str(stop.value.code))


# ---------------------------------------------------------------------------------------------- what is written


@pytest.mark.parametrize("mask", ["soft", "hard"])
def test_a_file_is_what_the_mask_of_all_of_it_leaves(run: Path, tmp_path: Path, mask: str) -> None:
    """However it is read: in blocks of 30 seconds, with the state carried on."""
    samples = noise(70 * RATE + 321)
    made = denoised(run, write(tmp_path / "noisy.wav", samples), tmp_path / "clean.wav", f"mask={mask}")
    spectra = stft(torch.from_numpy(samples[:, 0]))
    with torch.no_grad():
        soft = net_of(run)(spectra.abs()[None])[0][0].sigmoid()
    expected = istft((soft if mask == "soft" else (soft >= 0.5).float()) * spectra, len(samples))
    agree = np.abs(made[:, 0] - expected.numpy()) < 1e-5
    # a mask that lies at the threshold may fall either way by the last bit of a sum
    assert agree.all() if mask == "soft" else agree.mean() > 0.999


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_rate_length_and_channels_stay(run: Path, tmp_path: Path, rate: int, channels: int) -> None:
    samples = noise(2 * rate + 137, channels)
    target = tmp_path / "clean.wav"
    made = denoised(run, write(tmp_path / "noisy.wav", samples, rate), target)
    assert made.shape == samples.shape
    assert soundfile.info(target).samplerate == rate
    assert np.abs(made).max() > 0.001


@pytest.mark.parametrize("rate", [22_051, 767_999])
def test_a_rate_without_a_common_divisor(run: Path, tmp_path: Path, rate: int) -> None:
    samples = noise(rate // 4)
    made = denoised(run, write(tmp_path / "noisy.wav", samples, rate), tmp_path / "clean.wav")
    assert made.shape == samples.shape
    assert soundfile.info(tmp_path / "clean.wav").samplerate == rate


@pytest.mark.parametrize(("rate", "channels"), [(768_000, 1), (48_000, 1024), (2**31 - 1, 1)])
def test_blocks_stay_small_whatever_the_header_says(tmp_path: Path, rate: int, channels: int) -> None:
    write(tmp_path / "a.wav", noise(100, channels), rate)
    asked = []
    with soundfile.SoundFile(tmp_path / "a.wav") as file:
        read = file.read
        file.read = lambda num, **options: [asked.append(num), read(num, **options)][1]  # type: ignore[method-assign]
        assert sum(map(len, blocks_of(file))) == 100
    assert all(num * channels <= 2**22 for num in asked)


def test_a_header_that_claims_hours_of_sound(run: Path, tmp_path: Path) -> None:
    source = claiming_hours(write(tmp_path / "noisy.flac", noise(RATE)))
    line = refused(f"run={run}", f"input={source}", f"output={tmp_path / 'clean.wav'}")
    assert "noisy.flac: not readable as sound" in line
    assert not (tmp_path / "clean.wav").exists()


@pytest.mark.parametrize("name", ["noisy.mp3", "noisy.ogg"])
def test_what_was_compressed_becomes_plain_samples(run: Path, tmp_path: Path, name: str) -> None:
    source = write(tmp_path / name, noise(2 * RATE))
    for target in ("clean.wav", "clean.flac"):
        made = denoised(run, source, tmp_path / target)
        assert soundfile.info(tmp_path / target).subtype == "PCM_16"
        assert len(made) == soundfile.info(source).frames


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "FLOAT", "ULAW", "IMA_ADPCM"])
def test_plain_samples_stay_as_they_are(run: Path, tmp_path: Path, subtype: str) -> None:
    soundfile.write(tmp_path / "noisy.wav", noise(RATE), RATE, subtype=subtype)
    denoised(run, tmp_path / "noisy.wav", tmp_path / "clean.wav")
    plain = subtype not in ("ULAW", "IMA_ADPCM")
    assert soundfile.info(tmp_path / "clean.wav").subtype == (subtype if plain else "PCM_16")


def test_channels_get_one_mask(run: Path, tmp_path: Path) -> None:
    """A channel that is half of the other stays half of it, and each lets through what its mean with the other does."""
    left = noise(RATE)
    made = denoised(run, write(tmp_path / "a.wav", np.concatenate([left, left / 2], axis=1)), tmp_path / "b.wav")
    np.testing.assert_allclose(made[:, 1], made[:, 0] / 2, atol=1e-6)


def test_flac_in_flac_out(run: Path, tmp_path: Path) -> None:
    made = denoised(run, write(tmp_path / "noisy.flac", noise(RATE)), tmp_path / "clean.flac")
    assert len(made) == RATE
    assert soundfile.info(tmp_path / "clean.flac").format == "FLAC"


def test_a_folder_becomes_a_folder(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("b.flac", "a.wav"):
        write(tmp_path / "noisy" / name, noise(RATE))
    (tmp_path / "noisy" / "notes.txt").write_text("no sound")
    main([f"run={run}", f"input={tmp_path / 'noisy'}"])
    assert sorted(path.name for path in (tmp_path / "noisy_denoised").iterdir()) == ["a.wav", "b.flac"]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all("1.0 s" in line and "times faster than real time" in line for line in lines)


def test_what_can_be_denoised_is_where_something_cannot(run: Path, tmp_path: Path) -> None:
    write(tmp_path / "noisy" / "good.wav", noise(RATE))
    write(tmp_path / "noisy" / "short.wav", noise(100))
    (tmp_path / "noisy" / "wrong.wav").write_text("no sound")
    line = refused(f"run={run}", f"input={tmp_path / 'noisy'}")
    assert "short.wav: fewer than 513 samples" in line
    assert "wrong.wav: not readable as sound" in line
    assert [path.name for path in (tmp_path / "noisy_denoised").iterdir()] == ["good.wav"]


def test_a_network_that_reads_backwards_too(tmp_path: Path) -> None:
    """In pieces with context, whose masks are nearly those of all at once; of a short file they are the same."""
    run = make_run(tmp_path / "both", "model.net.bidirectional=true")
    net = net_of(run).requires_grad_(False)
    frames = stft(torch.from_numpy(noise((CHUNK * 3) * 512)[:, 0]))[None]
    whole = net(frames[0].abs()[None])[0][0].sigmoid()
    for block in (200, CHUNK + CONTEXT, 10 * CHUNK):
        parts = list(masks_of(net, frames.split(block, dim=1)))
        assert torch.equal(torch.cat([part for part, _ in parts], 1), frames)
        torch.testing.assert_close(torch.cat([mask for _, mask in parts]), whole, atol=1e-3, rtol=0)


# ---------------------------------------------------------------------------------------------- what is refused


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module that imports torch cannot be imported."""
    monkeypatch.delattr(dlhw, "recordings")
    monkeypatch.setitem(sys.modules, "dlhw.recordings", None)


@pytest.mark.usefixtures("no_torch")
def test_wrong_arguments_get_one_line(run: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "noisy.wav", noise(RATE))
    (tmp_path / "empty").mkdir()
    (tmp_path / "there.wav").touch()
    wrong = {
        "input= is missing; give a WAV or FLAC file": (),
        "input=nowhere.wav does not exist": ("input=nowhere.wav",),
        f"input={tmp_path / 'empty'}: no WAV or FLAC file": (f"input={tmp_path / 'empty'}",),
        "output=clean.mp3: WAV and FLAC are written": (f"input={source}", "output=clean.mp3"),
        f"output={tmp_path / 'there.wav'} is there already": (f"input={source}", f"output={tmp_path / 'there.wav'}"),
        "mask=loud: is not known": (f"input={source}", "mask=loud"),
        "unknown key 'inputs', did you mean input?": ("inputs=a",),
    }
    for expected, args in wrong.items():
        line = refused(f"run={run}", *args)
        assert expected.split(", ")[0] in line, line
    assert "run= is missing; give the folder of a run of ibm_denoiser" in refused(f"input={source}")


@pytest.mark.usefixtures("no_torch")
def test_the_input_itself_is_never_overwritten(run: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "noisy.wav", noise(RATE))
    before = source.read_bytes()
    assert "is there already" in refused(f"run={run}", f"input={source}", f"output={source}")
    assert source.read_bytes() == before


@pytest.mark.usefixtures("no_torch")
def test_a_run_of_something_else(run: Path, tmp_path: Path) -> None:
    (run / "config.yaml").write_text(OmegaConf.to_yaml(compose_config(["experiment=mnist_mlp"]), resolve=True))
    line = refused(f"run={run}", f"input={write(tmp_path / 'noisy.wav', noise(RATE))}")
    assert "a run of mnist_mlp, which is not an estimator of masks" in line
    assert "python train.py experiment=ibm_denoiser" in line


@pytest.mark.usefixtures("no_torch")
def test_what_is_not_a_network_of_dlhws_is_never_called(run: Path, tmp_path: Path) -> None:
    cfg = OmegaConf.load(run / "config.yaml")
    cfg.model.net = {"_target_": "os.remove", "path": str(run / "config.yaml")}
    (run / "config.yaml").write_text(OmegaConf.to_yaml(cfg))
    line = refused(f"run={run}", f"input={write(tmp_path / 'noisy.wav', noise(RATE))}")
    assert "model.net._target_=os.remove: refused" in line
    assert (run / "config.yaml").exists()


@pytest.mark.usefixtures("no_torch")
def test_what_is_written_is_said_at_once(run: Path, tmp_path: Path) -> None:
    line = refused(f"run={run}", f"input={write(tmp_path / 'noisy.mp3', noise(RATE))}")
    assert line.endswith("noisy_denoised.mp3: WAV and FLAC are written; give an output= that ends in .wav or .flac")


@pytest.mark.parametrize(("num_samples", "channels", "rate", "target", "said"), [
    (0, 1, RATE, "b.wav", "fewer than 513 samples"),
    (1, 2, RATE, "b.wav", "fewer than 513 samples"),
    (RATE, 1, 999, "b.wav", "sampled at 999 Hz; must be from 1,000 to 768,000 Hz"),
    (RATE, 1, 2**31 - 1, "b.wav", "sampled at 2,147,483,647 Hz; must be from 1,000 to 768,000 Hz"),
    (RATE, 9, RATE, "b.flac", "FLAC cannot hold it, 16,000 Hz x 9 ("),
    (RATE, 1, 768_000, "b.flac", "FLAC cannot hold it, 768,000 Hz x 1 ("),
])  # fmt: skip
def test_a_sound_that_cannot_be_denoised(
    run: Path, tmp_path: Path, num_samples: int, channels: int, rate: int, target: str, said: str
) -> None:
    source = write(tmp_path / "a.wav", noise(num_samples, channels), rate)
    line = refused(f"run={run}", f"input={source}", f"output={tmp_path / target}")
    assert f"a.wav: {said}" in line
    assert "disk" not in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", "run"]


def test_an_output_where_no_file_can_be(run: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", noise(RATE))
    line = refused(f"run={run}", f"input={source}", f"output={source / 'b.wav'}")
    assert f"{source / 'b.wav'} cannot be written (File exists)" in line
    assert "disk" not in line


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e20])
def test_samples_that_are_no_numbers(run: Path, tmp_path: Path, value: float) -> None:
    samples = noise(RATE)
    samples[500] = value
    line = refused(f"run={run}", f"input={write(tmp_path / 'a.wav', samples)}", f"output={tmp_path / 'b.wav'}")
    assert "a.wav: it holds samples that are no numbers (NaN or infinite), or absurdly large" in line
    assert sorted(path.name for path in tmp_path.glob("*.wav")) == ["a.wav"]


def test_a_full_disk_leaves_nothing_behind(run: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", noise(40 * RATE))
    with largest_file(100_000):
        line = refused(f"run={run}", f"input={source}", f"output={tmp_path / 'b.wav'}")
    assert "b.wav cannot be written (not all of it was taken: is the disk full?)" in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", "run"]


@pytest.mark.parametrize("args", [(), ("--help",)])
def test_help(args: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    main(args)
    assert capsys.readouterr().out == f"{USAGE}\n"


def test_the_script_answers_without_torch() -> None:
    code = (
        "import runpy, sys; sys.modules['torch'] = None; sys.argv = ['denoise.py', *sys.argv[1:]]; "
        "runpy.run_path('denoise.py', run_name='__main__')"
    )
    asked = subprocess.run(
        [sys.executable, "-c", code, "run=nowhere", "input=a"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert asked.returncode == 1
    assert "run=nowhere: no config.yaml there" in error_line(asked.stderr)
