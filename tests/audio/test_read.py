"""Sound files of all sorts become 16 kHz mono; what cannot be used is named, in one line."""

import logging
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dlhw.audio.read import is_clipped, read, read_all, sound_files
from dlhw.errors import UserError


def tone(rate: int = 16_000, seconds: float = 0.5, frequency: float = 440) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate)


def written(file: Path, samples: np.ndarray, rate: int = 16_000, **options: str) -> Path:
    soundfile.write(file, samples, rate, **options)
    return file


def refusal(file: Path) -> str:
    with pytest.raises(UserError) as refused:
        read(file)
    message = str(refused.value)
    assert message.startswith(str(file))
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_a_file_is_read_as_it_was_written(name: str, tmp_path: Path) -> None:
    samples = read(written(tmp_path / name, tone()))
    np.testing.assert_allclose(samples.numpy(), tone(), atol=2**-15)
    assert samples.dtype.is_floating_point
    assert samples.element_size() == 4


def test_channels_are_averaged(tmp_path: Path) -> None:
    both = np.stack([tone(), 0.5 * tone(frequency=880)], 1)
    samples = read(written(tmp_path / "a.wav", both, subtype="FLOAT"))
    np.testing.assert_allclose(samples.numpy(), both.mean(1), atol=1e-6)


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000])
def test_other_rates_become_16_khz(rate: int, tmp_path: Path) -> None:
    samples = read(written(tmp_path / "a.wav", tone(rate), rate, subtype="FLOAT")).numpy()
    assert abs(len(samples) - 8000) <= 1
    middle = slice(500, 7500)  # the filter has less to go by at the ends
    np.testing.assert_allclose(samples[middle], tone()[middle], atol=0.01)


@pytest.mark.parametrize("rate", [22_051, 767_999])
def test_rates_without_a_common_divisor_too(rate: int, tmp_path: Path) -> None:
    samples = read(written(tmp_path / "a.wav", tone(rate), rate, subtype="FLOAT")).numpy()
    assert abs(len(samples) - 8000) <= 1
    middle = slice(500, 7500)
    np.testing.assert_allclose(samples[middle], tone()[middle], atol=0.01)


@pytest.mark.parametrize("rate", [10, 1_000_000])
def test_an_absurd_rate_is_named(rate: int, tmp_path: Path) -> None:
    said = refusal(written(tmp_path / "a.wav", tone(), rate))
    assert said.endswith(f"is sampled at {rate:,} Hz; must be from 1,000 to 768,000 Hz")


def test_a_header_that_claims_hours_takes_no_memory(tmp_path: Path) -> None:
    assert "it is no sound file, or damaged" in refusal(claiming_hours(written(tmp_path / "a.flac", tone())))


def claiming_hours(flac: Path) -> Path:
    """With 2^36 - 1 samples in its header, 256 GiB once decoded."""
    content = bytearray(flac.read_bytes())
    content[8 + 13] |= 0x0F  # the stream info begins at byte 8; the number has its bits 108 to 143
    content[8 + 14 : 8 + 18] = b"\xff" * 4
    flac.write_bytes(content)
    assert soundfile.info(flac).frames == 2**36 - 1
    return flac


def test_a_file_that_decodes_to_too_much_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlhw.audio.read.MOST", 15_999)
    monkeypatch.setattr("dlhw.audio.read.MOST_AT_ONCE", 1000)
    both = np.stack([tone(), tone()], 1)
    assert "holds more than 15,999 samples; cut it into shorter files" in refusal(written(tmp_path / "a.wav", both))
    assert len(read(written(tmp_path / "b.wav", both[:7999]))) == 7999


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_samples_of_any_format_are_read(subtype: str, tmp_path: Path) -> None:
    samples = read(written(tmp_path / "a.wav", tone(), subtype=subtype))
    np.testing.assert_allclose(samples.numpy(), tone(), atol=0.02)


def test_files_are_read_in_order(tmp_path: Path) -> None:
    files = [written(tmp_path / f"{number}.wav", tone(seconds=0.1 + 0.01 * number)) for number in range(20)]
    assert [len(samples) for samples in read_all(files)] == [1600 + 160 * number for number in range(20)]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "there is no such file" in refusal(tmp_path / "a.wav")


def test_a_file_that_is_no_sound_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("<html>not found</html>")
    assert "no sound file, or damaged" in refusal(tmp_path / "a.wav")


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (np.zeros(0), "is empty"),
        (np.zeros(8000), "is silent"),
        (np.full(8000, 0.25), "is silent"),
        (np.where(np.arange(8000) == 77, np.nan, tone()), "holds NaN, infinite or absurdly large samples"),
        (np.where(np.arange(8000) == 77, np.inf, tone()), "holds NaN, infinite or absurdly large samples"),
        (np.where(np.arange(8000) == 77, -1e20, tone()), "holds NaN, infinite or absurdly large samples"),
        (tone()[:512], "is too short: 512 samples at 16 kHz; must be at least 513"),
    ],
)
def test_what_cannot_be_used_is_named(samples: np.ndarray, said: str, tmp_path: Path) -> None:
    assert said in refusal(written(tmp_path / "a.wav", samples, subtype="FLOAT"))


def test_a_clipped_file_is_used_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = written(tmp_path / "a.wav", np.clip(3 * tone(), -1, 1))
    with caplog.at_level(logging.WARNING):
        assert len(read(file)) == 8000
    (record,) = caplog.records
    assert f"{file} is clipped" in record.getMessage()


def test_only_flat_tops_at_full_scale_are_clipping() -> None:
    loud = (tone() / np.abs(tone()).max())[:, None]
    assert not is_clipped(loud), "a peak at full scale, not flat"
    assert is_clipped(np.clip(1.2 * loud, -1, 1))
    assert is_clipped(np.clip(1.2 * loud, -1, 0.99)), "one side alone"
    assert not is_clipped(np.clip(loud, -0.5, 0.5)), "flat, far below full scale"
    assert is_clipped(np.concatenate([0.1 * loud, np.clip(2 * loud, -1, 1)], 1)), "one channel alone"


def test_sounds_are_found_in_sub_folders_but_not_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.wav", "a/c.FLAC", ".hidden/d.wav", "._b.wav", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [file.relative_to(tmp_path).as_posix() for file in sound_files(tmp_path)] == ["a/c.FLAC", "b.wav"]
