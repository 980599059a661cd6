"""The index in a real browser: choosing, sorting, keys, contrast, a phone's width and a desk's, light and dark."""

import json
import re
from urllib.parse import unquote, urlparse

import pytest
from browser import CHROMIUM, Browser
from fake_folders import all_kinds

from dlhw.report import run_report, sweep_report
from dlhw.report.index import write_index

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH to render the index")

SHOWN = """[...document.querySelectorAll(".entry")].filter((entry) => entry.checkVisibility())
  .map((entry) => entry.querySelector("code").textContent)"""
CONTROLS = ["experiment", "kind", "words", "order", "reverse"]
RUN, FAILED = "svd_ste/2026-11-21_11-12-13", "svd_ste/2026-11-21_12-00-00"
BEGUN, BASELINE = "gan_conv/2026-11-24_00-00-00", "baselines/mnist_mlp-mnist-seed0-0123456789"
SEARCH, GANS = "search/fashion_mlp", "gan_dense+gan_conv/multirun/2026-11-22_10-00-00"
BY_DATE = [BEGUN, SEARCH, GANS, FAILED, RUN, BASELINE]

# Text whose contrast with what is behind it is below 4.5 (WCAG 2.1, 1.4.3), and the number of texts looked at
CONTRAST = """(() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const colour = channels(getComputedStyle(element).backgroundColor);
    return colour.length === 4 && colour[3] === 0 ? behind(element.parentElement) : colour.slice(0, 3);
  };
  const ratio = (element) => {
    const front = channels(getComputedStyle(element).color).slice(0, 3);
    const [high, low] = [luminance(front), luminance(behind(element))].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const has_text = (e) => [...e.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  const texts = [...document.querySelectorAll("main *:not(option)")].filter(
    (e) => e.checkVisibility() && (e.matches("select, input") || has_text(e)),
  );
  return [texts.filter((e) => ratio(e) < 4.5).map((e) => e.outerHTML), texts.length];
})()"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    outputs = all_kinds(tmp_path_factory.mktemp("index") / "outputs")
    run_report(outputs / RUN)
    run_report(outputs / BASELINE)
    sweep_report(outputs / GANS)
    sweep_report(outputs / SEARCH)
    return write_index(outputs)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


def choose(browser, control, label):
    """Chooses the option of that name, as a user does."""
    browser.run(
        f"""{{ const select = document.getElementById("{control}");
        select.selectedIndex = [...select.options].findIndex((option) => option.textContent === {json.dumps(label)});
        select.dispatchEvent(new Event("input", {{ bubbles: true }})); }}"""
    )
    assert browser.run(f"document.getElementById('{control}').selectedOptions[0].textContent") == label


def count(browser):
    return browser.run("document.getElementById('count').textContent")


def focused(browser):
    return browser.run("document.activeElement.id || document.activeElement.getAttribute('href')")


def test_it_begins_with_everything_the_newest_first(browser, page):
    browser.open(page)
    assert browser.run(SHOWN) == BY_DATE
    assert count(browser) == "6 of 6 shown, by date, newest first."


def test_filters_hide_what_does_not_fit(browser, page):
    browser.open(page)
    choose(browser, "experiment", "gan_dense")
    assert browser.run(SHOWN) == [GANS]
    choose(browser, "experiment", "gan_conv")
    assert browser.run(SHOWN) == [BEGUN, GANS]  # a sweep over several experiments is of each of them
    assert count(browser).startswith("2 of 6 shown")
    choose(browser, "kind", "sweep")
    assert browser.run(SHOWN) == [GANS]
    choose(browser, "experiment", "all")
    assert browser.run(SHOWN) == [SEARCH, GANS]
    choose(browser, "kind", "baseline")
    assert browser.run(SHOWN) == [BASELINE]


def test_words_may_stand_anywhere_and_all_must(browser, page):
    browser.open(page)
    browser.run("document.getElementById('words').focus()")
    browser.type("FAILED  small")
    assert browser.run(SHOWN) == [FAILED]
    browser.type("er than")
    assert browser.run(SHOWN) == []
    assert count(browser).startswith("0 of 6 shown")


@pytest.mark.parametrize(
    ("label", "ordered", "direction", "opposite"),
    [
        ("Date", BY_DATE, "newest first", "oldest first"),
        ("Test accuracy", [BASELINE, RUN, SEARCH], "highest first", "lowest first"),
        ("Test small CNN Fréchet distance", [GANS], "lowest first", "highest first"),
        ("Time", [BASELINE, RUN, SEARCH, GANS], "shortest first", "longest first"),
    ],
)
def test_sorting_either_way_leaves_what_was_not_measured_at_the_end(browser, page, label, ordered, direction, opposite):
    browser.open(page)
    choose(browser, "order", label)
    others = [place for place in BY_DATE if place not in ordered]
    shown = browser.run(SHOWN)
    assert set(shown[: len(ordered)]) == set(ordered)
    if label != "Time":  # the run and the baseline took as long as one another
        assert shown == ordered + others
    assert count(browser) == f"6 of 6 shown, by {label.lower()}, {direction}."
    browser.run("document.getElementById('reverse').click()")
    reverse = browser.run(SHOWN)
    assert reverse[len(ordered) :] == others
    if label != "Time":
        assert reverse == ordered[::-1] + others
    assert count(browser) == f"6 of 6 shown, by {label.lower()}, {opposite}."


def test_experiments_sort_by_the_alphabet(browser, page):
    browser.open(page)
    choose(browser, "order", "Experiment")
    assert browser.run(SHOWN) == [SEARCH, BEGUN, GANS, BASELINE, FAILED, RUN]


def test_keys_alone_choose_sort_and_open_a_report(browser, page):
    browser.open(page)
    reached = []
    for _ in CONTROLS:
        browser.press("Tab")
        reached.append(focused(browser))
        if reached[-1] == "words":
            browser.type("svd_ste")
        if reached[-1] == "reverse":
            browser.press(" ")
    assert reached == CONTROLS
    assert browser.run(SHOWN) == [RUN, FAILED]
    browser.press("Tab")
    assert focused(browser) == f"{RUN}/report.html"
    assert browser.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    browser.press("Enter")
    browser.run("new Promise((done) => document.readyState === 'complete' ? done() : addEventListener('load', done))")
    assert browser.run("document.title") == "svd_ste on MNIST"


def test_every_link_leads_to_a_file(browser, page):
    browser.open(page)
    links = browser.run("[...document.querySelectorAll('a')].map((a) => a.href)")
    files = [unquote(urlparse(link).path) for link in links]
    assert files == [str(page.parent / place / "report.html") for place in (SEARCH, GANS, RUN, BASELINE)]
    assert all((page.parent / file).is_file() for file in files)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_and_can_be_read(browser, page, width, scheme):
    browser.open(page, width, scheme)
    assert browser.run("matchMedia('(prefers-color-scheme: dark)').matches") == (scheme == "dark")
    assert browser.run("innerWidth") == width
    assert browser.run("document.documentElement.scrollWidth") <= width
    too_faint, looked_at = browser.run(CONTRAST)
    assert too_faint == []
    assert looked_at > 60
    images = browser.run("[...document.querySelectorAll('.entry img')].map((i) => [i.naturalWidth, i.width, i.alt])")
    assert len(images) == 3
    assert all(0 < natural <= 320 and 50 < shown <= natural and alt for natural, shown, alt in images)


def test_long_names_and_errors_do_not_widen_a_phones_page(browser, tmp_path):
    outputs = all_kinds(tmp_path)
    record = json.loads((outputs / RUN / "results.json").read_text())
    record |= {"experiment": "x" * 300, "dataset": {"name": "y" * 300}, "sweep": {"y": ["z" * 300]}}
    record["metrics"]["z" * 300] = 0.5
    (outputs / RUN / "results.json").write_text(json.dumps(record))
    (outputs / FAILED / "failure.json").write_text(json.dumps({"type": "E", "error": "w" * 3000}))
    browser.open(write_index(outputs), 390)
    assert browser.run("document.documentElement.scrollWidth") <= 390
    assert browser.run("[...document.querySelectorAll('dd')].every((e) => e.getBoundingClientRect().right <= 390)")


def test_nothing_is_asked_of_the_network(browser, page):
    browser.requested.clear()
    browser.open(page)
    asked = [re.match(r"(\w+):", address)[1] for address in browser.requested]
    assert set(asked) == {"file", "data"}
    assert asked.count("file") == 1
