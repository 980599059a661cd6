"""Denoisers from end to end: what a run measures, writes and lets one hear."""

import csv
import math
import zipfile
from collections import defaultdict
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
import soundfile
import torch
from hydra.utils import instantiate

from dlhw.audio.stft import istft, stft
from dlhw.callbacks.denoising_report import short
from dlhw.checkpoints import trained_net
from dlhw.masking import BESIDE, BINARY, RATIO, UNPROCESSED
from tests.conftest import run_in
from tests.data.test_speech import course  # noqa: F401
from tests.helpers import Finished, small

NAMES = {UNPROCESSED: "mixture", BINARY: "ideal_binary", RATIO: "ideal_ratio", "ibm_denoiser": "test"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return run_in(tmp_path_factory.mktemp("denoisers"), *small("ibm_denoiser"))


@pytest.fixture(scope="module")
def rows(finished: Finished) -> list[dict[str, str]]:
    with (finished.folder / "denoised.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_way_denoises_every_mixture_and_at_other_snrs_a_few_of_them(rows: list[dict[str, str]]) -> None:
    found = defaultdict(list)
    for row in rows:
        found[row["way"], row["input_snr"]].append(row["mixture"])
    ways = {"ibm_denoiser", "ibm_denoiser, hard mask", "fc_denoiser", *BESIDE}
    assert found.keys() == {(way, level) for way in ways for level in ("0.0", "5.0")}
    for level in ("0.0", "5.0"):
        (mixtures,) = {tuple(found[way, level]) for way in ways}
        assert len(set(mixtures)) == len(mixtures)
    everything, few = found["fc_denoiser", "0.0"], found["fc_denoiser", "5.0"]
    assert few == [everything[0], everything[len(everything) // 2]]
    assert len(everything) > 2


def test_snrs_are_compared_on_the_same_mixtures(finished: Finished, rows: list[dict[str, str]]) -> None:
    (table,) = [table for table in finished.results["tables"] if table["title"] == "By input SNR"]
    few = {row["mixture"] for row in rows if row["input_snr"] == "5.0"}
    for way, *values in table["rows"]:
        for value, level in zip(values, ("0.0", "5.0"), strict=False):
            scores = [float(row["snr"]) for row in rows
                      if row["way"] == way and row["input_snr"] == level and row["mixture"] in few]  # fmt: skip
            assert value == pytest.approx(fmean(scores), abs=0.006)


def test_the_record_is_the_mean_of_the_mixtures_scores(finished: Finished, rows: list[dict[str, str]]) -> None:
    metrics = finished.results["metrics"]
    for way, name in NAMES.items():
        for kind in ("snr", "si_sdr", "stoi"):
            values = [float(row[kind]) for row in rows if row["way"] == way and row["input_snr"] == "0.0"]
            known = [value for value in values if not math.isnan(value)]
            assert known
            assert metrics[f"{name}/{kind}"] == pytest.approx(fmean(known), abs=1e-4), (way, kind)


def test_no_estimate_is_better_than_what_knows_the_parts(finished: Finished) -> None:
    metrics = finished.results["metrics"]
    for name in ("test", "hard", "fc_denoiser", "subtraction", "mixture"):
        assert metrics[f"{name}/snr"] < metrics["ideal_binary/snr"]
    assert metrics["ideal_binary/stoi"] > metrics["mixture/stoi"]


def test_the_tables_name_what_training_never_heard(finished: Finished) -> None:
    (table,) = [table for table in finished.results["tables"] if table["title"].startswith("By type of noise")]
    heard = set(finished.results["dataset"]["noise_types"]["train"])
    assert {row[0] for row in table["rows"] if row[1] == "yes"} <= heard
    assert not {row[0] for row in table["rows"] if row[1] == "no"} & heard
    assert {"By input SNR"} <= {table["title"] for table in finished.results["tables"]}


def test_examples_are_drawn_and_heard(finished: Finished) -> None:
    sounds = finished.results["sounds"]
    assert sounds
    page = (finished.folder / "report.html").read_text()
    assert page.count("<audio controls") == sum(len(sound["versions"]) for sound in sounds)
    assert "is missing" not in page
    for sound in sounds:
        heard = [soundfile.read(finished.folder / version["file"])[0] for version in sound["versions"]]
        assert len({len(samples) for samples in heard}) == 1
        assert max(np.abs(samples).max() for samples in heard) == pytest.approx(0.9, abs=1e-3)
    assert {f"figures/example_{number}.png" for number in range(1, len(sounds) + 1)} <= {
        figure["file"] for figure in finished.results["figures"]
    }


def test_the_sound_that_is_heard_is_what_the_tested_network_lets_through(finished: Finished) -> None:
    """Made again from the checkpoint and the mixture, but for the level and 16 bits."""
    data = instantiate(finished.config.data, seed=finished.config.seed)
    data.setup()
    sound = finished.results["sounds"][0]
    (mixture,) = [each for each in data.mixtures("test") if sound["title"].startswith(f"{short(each.name)}:")]
    spectra = stft(mixture.speech + mixture.noise)
    with torch.no_grad():
        mask = trained_net(finished.folder)(spectra.abs()[None])[0][0].sigmoid()
    expected = istft(mask * spectra, len(mixture.speech)).numpy()
    heard = soundfile.read(finished.folder / sound["versions"][1]["file"])[0]
    scale = (heard @ expected) / (expected @ expected)
    np.testing.assert_allclose(heard, scale * expected, atol=1e-3)


def test_names_are_shown_without_folders() -> None:
    assert short("clean/19/19-198-0001+noise/rain/1-2-A") == "19-198-0001 + 1-2-A"
    assert short("test 1-1+rumble 2") == "test 1-1 + rumble 2"


def test_the_inputs_are_standardised_before_the_first_step(finished: Finished) -> None:
    weights = finished.weights("best")
    assert weights["net.features.std"].ne(1).all()
    assert weights["net.features.mean"].abs().max() > 0.1


def test_the_assignments_folder_and_its_unlabelled_mixtures(run_experiment, course: Path) -> None:  # noqa: F811
    finished = run_experiment(
        *[override for override in small("ibm_denoiser") if not override.startswith("data.")],
        "data=ibm_course", f"data.path={course}", "references=[]", "callbacks.denoising_report.snrs=[]",
    )  # fmt: skip
    unlabelled = sorted((course / "te").glob("tex*.wav"))
    recovered = sorted((finished.folder / "recovered").iterdir())
    assert len(recovered) == len(unlabelled) > 0
    for one, other in zip(recovered, unlabelled, strict=True):
        assert soundfile.info(one).frames == soundfile.info(other).frames
        assert soundfile.info(one).samplerate == 16_000
    with zipfile.ZipFile(finished.folder / "recovered.zip") as archive:
        assert sorted(archive.namelist()) == [path.name for path in recovered]
        assert archive.testzip() is None
    assert any("unlabelled mixtures were denoised" in note for note in finished.results["notes"])
