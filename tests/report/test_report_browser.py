"""The reports in a real browser, on a phone's width and a desk's."""

import html
import json
import re
import subprocess

import pytest
import torch
from browser import CHROMIUM, Browser
from fake_folders import three_methods, two_gans, write_failure, write_run

from dlhw.record import Record
from dlhw.report import run_report, sweep_report

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH to render the reports")

# A page that holds the report in a frame of a phone's or a desk's width (windows have a least width of
# their own), uses it, and writes what it found where --dump-dom shows it.
PROBE = """<!DOCTYPE html>
<iframe style="width: {width}px; height: 900px; border: 0" srcdoc="{report}"></iframe>
<pre id="found"></pre><script>
document.querySelector("iframe").addEventListener("load", ({{target: frame}}) => {{
  const page = frame.contentDocument;
  const images = [...page.querySelectorAll("figure img")];
  const found = {{
    images: images.map((image) => [image.naturalWidth, image.getBoundingClientRect().width, image.alt]),
    page_width: page.documentElement.scrollWidth,
  }};
  page.querySelector(".enlarge").click();
  found.enlarged = page.querySelector("dialog").open && page.querySelector("dialog img").naturalWidth;
  page.querySelector("dialog form button").click();
  found.closed = !page.querySelector("dialog").open;
  const table = page.querySelector("table");
  const column = {column};
  const read = () => [...table.tBodies[0].rows].map((row) => row.cells[column].textContent);
  table.querySelectorAll("th button")[column].click();
  found.ascending = read();
  table.querySelectorAll("th button")[column].click();
  found.descending = read();
  document.getElementById("found").textContent = JSON.stringify(found);
}});
</script>"""


def probe(report, width, tmp_path, column=0):
    page = tmp_path / "probe.html"
    page.write_text(PROBE.format(width=width, report=html.escape(report.read_text()), column=column))
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
    ]
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    command = [CHROMIUM, *flags, profile, "--virtual-time-budget=5000", "--dump-dom", page.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    return json.loads(html.unescape(re.search(r'<pre id="found">(.*?)</pre>', dom, re.DOTALL)[1]))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return run_report(write_run(tmp_path_factory.mktemp("run") / "run", ["rank=20"]))


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    folder = three_methods(tmp_path_factory.mktemp("sweep"))
    write_failure(folder / "rank=7", ["experiment=svd_ste", "rank=7", "seed=0"], "no such rank " * 20)
    return sweep_report(folder).paths["report"]


@pytest.mark.parametrize("width", [390, 1280])
def test_a_run(run, width, tmp_path):
    found = probe(run, width, tmp_path)
    ((natural, shown, alt),) = found["images"]
    assert natural > 1000
    assert 300 < shown < natural
    assert "the chosen epoch is circled" in alt
    assert found["page_width"] <= width  # the page itself never scrolls sideways
    assert found["enlarged"] == natural
    assert found["closed"]
    assert found["ascending"] == ["10", "20", "full"]
    assert found["descending"] == ["full", "20", "10"]


@pytest.mark.parametrize("width", [390, 1280])
def test_a_sweep(sweep, width, tmp_path):
    found = probe(sweep, width, tmp_path)
    assert [natural > 1000 for natural, _, _ in found["images"]] == [True]
    assert found["page_width"] <= width
    assert found["enlarged"]


@pytest.mark.parametrize(("width", "expected"), [(390, 167), (1280, 312)])
def test_pictures_side_by_side(width, expected, tmp_path):
    found = probe(sweep_report(two_gans(tmp_path / "sweep")).paths["report"], width, tmp_path)
    *charts, first, _, _, _, _, _ = found["images"]
    assert [natural for natural, _, _ in charts] == [1120, 1120, 1120]
    _, shown, alt = first
    assert shown == pytest.approx(expected, abs=8)  # two in a row on a phone, three on a desk
    assert alt == "gan_conv, seed=0. 100 samples, none chosen."
    assert found["page_width"] <= width


def test_sounds_play_to_their_end(tmp_path):
    record = Record(tmp_path / "run", {"experiment": "bare"})
    record.add_sounds({"denoised": torch.sin(torch.arange(1600) / 4)}, 16_000, "example", "A tone")
    record.write()
    browser = Browser(tmp_path / "profile")
    try:
        browser.open(run_report(tmp_path / "run"))
        script = """new Promise((done) => {
          const player = document.querySelector("audio");
          player.addEventListener("ended", () => done(player.currentTime));
          player.play().catch((error) => done(error.message));
        })"""
        assert browser.run(script) == pytest.approx(0.1, abs=0.01)
    finally:
        browser.close()
