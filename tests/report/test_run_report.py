import base64
import io
import json
import math
import re
import subprocess
import sys

import pytest
import soundfile
import torch
from fake_folders import results, write_failure, write_run
from page_reader import read_page
from PIL import Image

from dlhw.figures import curves
from dlhw.record import Record
from dlhw.report import run_report
from dlhw.report.__main__ import main

EVIL = '<script>alert("x")</script> & "quoted" {{ 7*7 }} \' é 漢字 </td>'


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run", ["experiment=svd_ste", "rank=20"])


def test_everything_a_reader_asks_for_is_there(run):
    page = read_page(run_report(run))
    for words in (
        "svd_ste on MNIST",
        "keep the accuracy of the dense network?",
        "python train.py experiment=svd_ste rank=20",
        "98.45 %",
        "0.17 points below the baseline",
        "96.70 %",
        "5,012,490",
        "55,000 training, 5,000 validation and 10,000 test examples",
        "ab" * 32,
        "highest val/acc 0.9861 at epoch 3",
        "warm-started",
        "1 min 23 s",
        "1.23 Wh, 0.47 g CO₂eq with the electricity mix of DEU",
        "thermal design power",
        "torch 2.14.1",
        "0123456789abcdef",
        "_target_: dlhw.models.Classifier",
    ):
        assert words in page.text


def test_the_headline_of_a_run_without_accuracy_is_what_its_sweep_would_draw(tmp_path):
    measured = {"test/discriminator_loss": 0.66, "test/small_cnn_precision": 0.71, "test/small_cnn_frechet": 38.2}
    wanted = ["test/small_cnn_frechet", "test/small_cnn_precision", "test/never_measured"]
    record = results(metrics=measured, sweep={"x": None, "y": wanted})
    page = read_page(run_report(write_run(tmp_path / "run", [], record)))
    headline = page.text[: page.text.index("Figures")]
    shown = ["test small CNN Fréchet distance", "38.2", "test small CNN precision", "71.00 %", "parameters"]
    assert sorted(shown, key=headline.index) == shown
    assert "discriminator" not in headline
    assert "never" not in headline


def test_tables_show_per_cent_columns_in_per_cent(run):
    table, layers, _, epochs = read_page(run_report(run)).tables
    assert table == [
        ["D", "test accuracy", "parameters"],
        ["10", "82.30 %", "123,456"],
        ["20", "96.70 %", "234,567"],
        ["full", "98.62 %", "5,012,490"],
    ]
    assert layers[1] == ["layers.0", "Linear 784 -> 1024", "803,840"]
    assert epochs[0] == [
        "epoch",
        "train/loss",
        "val/acc",
        "test/acc",
    ]  # the column that was never measured is gone
    assert epochs[1] == ["0", "1", "88.50 %", "88.50 %"]
    assert epochs[2][3] == "–"


def test_the_figures_are_in_the_page_and_nothing_is_outside_it(run):
    path = run_report(run)
    page = read_page(path)
    (image,) = (image for image in page.all("img") if "src" in image)
    data = base64.b64decode(image["src"].removeprefix("data:image/png;base64,"))
    assert data == (run / "figures" / "curves.png").read_bytes()
    assert "Loss and accuracy by epoch; the chosen epoch is circled." in image["alt"]
    assert not page.all("link")
    assert not [s for s in page.all("script") if "src" in s]
    assert not re.search(r"https?://|@import|url\(", path.read_text())


def test_the_page_is_reachable_for_everyone(run):
    page = read_page(run_report(run))
    assert page.all("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")
    assert all("alt" in image for image in page.all("img"))
    assert [h for h, _ in page.elements if h in ("h1", "h2")].count("h1") == 1
    assert all("tabindex" in attributes for attributes in page.all("pre"))
    assert {tag for tag, attributes in page.elements if attributes.get("class") == "enlarge"} == {"button"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_background(run, scheme):
    """Contrast of at least 4.5, as WCAG 2.1 asks for (1.4.3)."""
    light, dark = re.findall(r":root \{(.*?)\}", run_report(run).read_text(), re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (#\w{6})", light if scheme == "light" else dark))
    for text in ("text", "muted", "accent", "bad"):
        for background in ("page", "card", "code", "best"):
            lighter, darker = sorted((luminance(colours[text]), luminance(colours[background])), reverse=True)
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (text, background)


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_of_the_run_never_becomes_markup(tmp_path):
    record = results(
        experiment=EVIL, question=EVIL, notes=[EVIL], command=EVIL, machine=EVIL,
        metrics={EVIL: 0.5, "test/acc": 0.9}, versions={EVIL: EVIL}, checkpoint={"path": EVIL, "why": EVIL},
        tables=[{"title": EVIL, "note": EVIL, "columns": [EVIL], "rows": [[EVIL]], "percent": [EVIL]}],
        figures=[{"file": "figures/curves.png", "title": EVIL, "caption": EVIL}],
        dataset={"name": EVIL, "num_train": 1, "num_val": 1, "num_test": 1, "sha256": EVIL},
        parameters={"total": 1, "trainable": 1, "layers": [[EVIL, EVIL, 1]]},
        energy={"kwh": None, "method": EVIL},
    )  # fmt: skip
    folder = write_run(tmp_path / "run", [f"note={EVIL}"], record)
    (folder / "config.yaml").write_text(EVIL)
    page = read_page(run_report(folder))
    assert len(page.all("script")) == 1
    assert page.tables[0] == [[EVIL], [EVIL]]
    assert page.text.count(EVIL) >= 15
    assert any(EVIL in image["alt"] for image in page.all("img"))


def test_what_was_not_measured_is_said_not_made_up(tmp_path):
    record = results(
        metrics={"test/acc": None, "test/loss": math.nan, "baseline/test_acc": 0.98},
        energy={"kwh": None, "co2eq_kg": None, "method": "no power meter can be read here"},
        tables=[{"title": "t", "columns": ["a"], "rows": [[None], [math.nan]], "percent": ["a"]}],
        git_commit=None,
    )
    page = read_page(run_report(write_run(tmp_path / "run", [], record)))
    assert page.tables[0] == [["a"], ["–"], ["–"]]
    assert "Not measured: no power meter can be read here" in page.text
    assert "commit not known" in page.text
    assert not re.search(r"\bnan\b|None", page.text)


def test_a_record_with_only_the_name_still_gives_a_page(tmp_path):
    (tmp_path / "results.json").write_text('{"experiment": "bare"}')
    page = read_page(run_report(tmp_path))
    assert "bare on unnamed data" in page.text
    assert "Not measured: no method was recorded." in page.text


def test_an_animation_is_in_the_page_in_its_own_size(tmp_path):
    record = Record(tmp_path, {"experiment": "bare"})
    frames = [curves({"val/acc": [0.5, share]}, title="t", data_name="d") for share in (0.6, 0.7)]
    record.add_animation(frames, "weights", "Weights by epoch", "Noise, then faces")
    record.write()
    film = (tmp_path / "figures" / "weights.gif").read_bytes()
    (image,) = (image for image in read_page(run_report(tmp_path)).all("img") if "src" in image)
    assert base64.b64decode(image["src"].removeprefix("data:image/gif;base64,")) == film
    assert (int(image["width"]), int(image["height"])) == (512, 320)
    assert image["alt"] == "Weights by epoch. Noise, then faces"


def damaged(content):
    """What may be left of a file: nothing, something else, its beginning, its ends."""
    begin, end = (content[:8], content[-8:]) if content.startswith(b"\x89PNG") else (content[:6], content[-1:])
    return [None, b"", b"not an image", content[:12], content[: len(content) // 2], begin + end]


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("kind", ["png", "gif"])
def test_a_figure_that_is_gone_or_damaged_is_named(run, kind, number):
    record = json.loads((run / "results.json").read_text())
    record["figures"][0]["file"] = f"figures/shown.{kind}"
    (run / "results.json").write_text(json.dumps(record))
    file = run / "figures" / f"shown.{kind}"
    with Image.open(run / "figures" / "curves.png") as image:
        image.save(file)
    assert "is missing" not in read_page(run_report(run)).text
    content = damaged(file.read_bytes())[number]
    file.unlink() if content is None else file.write_bytes(content)
    assert f"The image figures/shown.{kind} is missing." in read_page(run_report(run)).text


def heard(folder):
    """A run with two versions of a sound: a tone, and half of it."""
    record = Record(folder, {"experiment": "bare"})
    tone = torch.sin(torch.arange(800) / 4)
    record.add_sounds({"mixture": tone, "denoised": tone / 2}, 16_000, "example", f"A tone {EVIL}")
    record.write()
    return folder


def test_sounds_are_in_the_page_side_by_side_at_one_scale(tmp_path):
    page = read_page(run_report(heard(tmp_path)))
    sources = [base64.b64decode(player["src"].removeprefix("data:audio/wav;base64,")) for player in page.all("audio")]
    assert sources == [(tmp_path / "sounds" / f"example_{number}.wav").read_bytes() for number in (1, 2)]
    samples = [soundfile.read(io.BytesIO(source)) for source in sources]
    assert [rate for _, rate in samples] == [16_000, 16_000]
    assert abs(samples[0][0]).max() == pytest.approx(0.9, abs=1e-3)
    assert samples[1][0] == pytest.approx(samples[0][0] / 2, abs=1e-4)
    assert all("controls" in player and player["aria-label"] for player in page.all("audio"))
    assert f"A tone {EVIL}" in page.text
    assert "mixture" in page.text


@pytest.mark.parametrize("content", [None, b"", b"not a sound", b"RIFF\x00\x00\x00\x00WAVE", "half"])
def test_a_sound_that_is_gone_or_damaged_is_named(tmp_path, content):
    file = heard(tmp_path) / "sounds" / "example_1.wav"
    whole = file.read_bytes()
    file.unlink() if content is None else file.write_bytes(whole[: len(whole) // 2] if content == "half" else content)
    page = read_page(run_report(tmp_path))
    assert "The sound sounds/example_1.wav is missing." in page.text
    assert len(page.all("audio")) == 1


def test_the_same_folder_gives_the_same_bytes(run):
    assert run_report(run).read_bytes() == run_report(run).read_bytes()


class TestCommand:
    def test_it_rewrites_a_run(self, run, capsys):
        assert main([str(run)]) == 0
        assert capsys.readouterr().out == f"{run / 'report.html'}\n"
        assert "98.45 %" in (run / "report.html").read_text()

    def test_a_failed_run_is_refused_with_its_reason(self, tmp_path, capsys):
        folder = write_failure(tmp_path / "run", ["rank=0"], "rank must be at least 1")
        assert main([str(folder)]) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "ValueError: rank must be at least 1" in error
        assert not (folder / "report.html").exists()

    @pytest.mark.parametrize("content", ["{", "[]", "{}", json.dumps({"metrics": {}})])
    def test_a_broken_record_is_named(self, tmp_path, capsys, content):
        (tmp_path / "results.json").write_text(content)
        assert main([str(tmp_path)]) == 1
        assert "results.json is no" in capsys.readouterr().err

    def test_an_empty_folder_is_refused(self, tmp_path, capsys):
        assert main([str(tmp_path)]) == 1
        assert "holds neither" in capsys.readouterr().err


def test_reports_need_no_torch(run):
    code = f"import sys, dlhw.report as r; r.run_report({str(run)!r}); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
