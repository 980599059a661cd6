"""Figures of a sweep's jobs, side by side in its page."""

import base64
import re

import pytest
from fake_folders import results, two_gans, write_failure, write_image, write_run
from page_reader import read_page

from dlhw.report import sweep_report
from dlhw.report.aggregate import read_sweep
from dlhw.report.gallery import galleries

EVIL = '<b>"x"</b> & {{ 7*7 }}'


def job(folder, overrides, *names, caption="What it made.", pictures=("samples",), **changes):
    """A finished job with the figures `names`, small images, that asks for `pictures` side by side."""
    figures = [{"file": f"figures/{name}", "title": "t", "caption": caption} for name in names]
    sweep = {"x": None, "y": ["test/acc"], "pictures": list(pictures)}
    path = write_run(
        folder / ",".join(overrides), overrides, results(**({"figures": figures, "sweep": sweep} | changes))
    )
    for name in names:
        write_image(path, f"figures/{name}", (8, 6))
    return path


def titles(gallery):
    return [picture.title for picture in gallery.pictures]


def test_the_jobs_samples_stand_side_by_side(tmp_path):
    folder = two_gans(tmp_path)
    page = read_page(sweep_report(folder).paths["report"])
    images = [image for image in page.all("img") if "none chosen" in image["alt"]]
    names = [f"{name}, seed={seed}" for name in ("gan_conv", "gan_dense") for seed in range(3)]
    assert [image["alt"] for image in images] == [f"{name}. 100 samples, none chosen." for name in names]
    for name, image in zip(names, images, strict=True):
        file = folder / f"experiment={name.replace(', ', ',')}" / "figures" / "samples.png"
        assert base64.b64decode(image["src"].removeprefix("data:image/png;base64,")) == file.read_bytes()
        assert (image["width"], image["height"]) == ("800", "800")
    assert page.text.count("100 samples, none chosen.") == 1  # said once for all
    assert [tag for tag, at in page.elements if at.get("class") == "gallery"] == ["div"]
    assert re.search(r"Samples\s+100 samples, none chosen\.\s+gan_conv, seed=0", page.text)
    assert "left out" not in page.text


def test_captions_that_differ_stand_below_their_picture(tmp_path):
    job(tmp_path, ["rank=10"], "samples.png", caption="Ten.")
    job(tmp_path, ["rank=20"], "samples.png", caption="Twenty.")
    (gallery,) = galleries(read_sweep(tmp_path))
    assert gallery.caption == ""
    page = read_page(sweep_report(tmp_path).paths["report"])
    assert "rank=10, seed=0. Ten." in page.text
    assert "rank=20, seed=0. Twenty." in page.text


def test_a_section_for_each_figure_that_a_job_has(tmp_path):
    names = ["samples", "gan_curves", "never_drawn"]
    job(tmp_path, ["rank=10"], "samples.png", pictures=names)
    job(tmp_path, ["rank=20"], "samples.png", "gan_curves.png", pictures=names)
    job(tmp_path, ["rank=30"], pictures=names)
    write_failure(tmp_path / "rank=40", ["rank=40"], "no")
    found = galleries(read_sweep(tmp_path))
    assert [gallery.title for gallery in found] == ["Samples", "Gan curves"]
    assert list(map(titles, found)) == [["rank=10, seed=0", "rank=20, seed=0"], ["rank=20, seed=0"]]


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (["samples.gif"], "samples.gif"),
        (["samples.gif", "samples.png"], "samples.png"),
        (["samples_epoch_00001.png", "samples.png"], "samples.png"),
    ],
)
def test_an_animation_stands_in_for_an_image(tmp_path, names, taken):
    job(tmp_path, ["rank=10"], *names)
    ((picture,),) = (gallery.pictures for gallery in galleries(read_sweep(tmp_path)))
    assert picture.file == f"figures/{taken}"
    assert picture.source is not None


def test_only_a_figure_of_this_very_name_is_shown(tmp_path):
    job(tmp_path, ["rank=10"], "more_samples.png", "samples_2.png", "samples.jpg.png")
    assert galleries(read_sweep(tmp_path)) == []
    assert "What it made." not in sweep_report(tmp_path).paths["report"].read_text()


def test_twelve_jobs_are_shown_each_configuration_in_turn(tmp_path):
    for rank, seeds in [(10, 10), (20, 2), (30, 5)]:
        for seed in range(seeds):
            job(tmp_path, [f"rank={rank}", f"seed={seed}"], "samples.png", seed=seed)
    (gallery,) = galleries(read_sweep(tmp_path))
    expected = [(10, seed) for seed in range(5)] + [(20, 0), (20, 1)] + [(30, seed) for seed in range(5)]
    assert titles(gallery) == [f"rank={rank}, seed={seed}" for rank, seed in expected]
    assert gallery.note == "12 of 17 jobs are shown; 5 are left out."
    assert gallery.note in read_page(sweep_report(tmp_path).paths["report"]).text


def test_a_figure_that_is_gone_is_named(tmp_path):
    path = job(tmp_path, ["rank=10"], "samples.png")
    job(tmp_path, ["rank=20"], "samples.png")
    (path / "figures" / "samples.png").unlink()
    page = read_page(sweep_report(tmp_path).paths["report"])
    assert page.text.count("The image figures/samples.png is missing.") == 1
    assert [image["alt"] for image in page.all("img") if "made" in image["alt"]] == ["rank=20, seed=0. What it made."]


def test_wide_figures_have_more_room(tmp_path):
    write_image(job(tmp_path, ["rank=10"], "samples.png"), "figures/samples.png", (400, 100))
    page = read_page(sweep_report(tmp_path).paths["report"])
    assert [at["class"] for _, at in page.elements if "gallery" in at.get("class", "")] == ["gallery of-wide"]


def test_a_record_without_the_key_or_with_a_bare_figure(tmp_path):
    job(tmp_path, ["rank=10"], "samples.png", sweep={"x": None, "y": ["test/acc"]})
    assert galleries(read_sweep(tmp_path)) == []
    path = job(tmp_path, ["rank=20"], figures=[{"file": "figures/samples.png"}], seed=None)
    write_image(path, "figures/samples.png")
    (gallery,) = galleries(read_sweep(tmp_path))
    assert titles(gallery) == ["rank=10, seed=0", "rank=20"]


def test_hostile_names_stay_text(tmp_path):
    for number, caption in enumerate([EVIL, EVIL + "!"]):
        job(
            tmp_path,
            [f"note={number} {EVIL}".replace("/", "|")],
            "samples.png",
            caption=caption,
            pictures=["samples", EVIL],
        )
    page = read_page(sweep_report(tmp_path).paths["report"])
    assert not page.all("b")
    assert EVIL in page.text
    assert sum(EVIL in (image["alt"] or "") for image in page.all("img")) == 2
