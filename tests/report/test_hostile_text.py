"""Whatever a run recorded, a report shows it as text: no element, attribute, link or script comes of it."""

import json

import pytest
from fake_folders import results, write_failure, write_run
from page_reader import read_page

from dlhw.report import run_report, sweep_report

ATTACKS = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' onfocus='alert(1)' autofocus='",
    '"><svg onload=alert(1)>',
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "{{ 7 * 7 }}{% include 'style.css' %}",
    "<!-- & --> &lt;b&gt; \x00 \u202e",
]
# All that the templates themselves write; `href` of a sweep's page leads to its jobs and its data
ATTRIBUTES = {
    "lang", "charset", "name", "content", "http-equiv", "class", "id", "type", "tabindex", "role", "aria-label",
    "scope", "data-value", "href", "src", "alt", "width", "height", "method", "controls", "preload",
}  # fmt: skip


def hostile(value, attack):
    """A record in which every string but what names a metric or a file is the attack, every key of a mapping too."""
    if isinstance(value, dict):
        return {key: hostile(inner, attack) for key, inner in value.items()}
    if isinstance(value, list):
        return [hostile(inner, attack) for inner in value]
    return attack if isinstance(value, str) else value


def assert_harmless(path, attack):
    page = read_page(path)
    assert [attributes for tag, attributes in page.elements if tag == "script"] == [{}]
    assert {tag for tag, _ in page.elements} & {"svg", "iframe", "object", "embed", "base", "link"} == set()
    assert {name for _, attributes in page.elements for name in attributes} <= ATTRIBUTES
    sources = [attributes["src"] for _, attributes in page.elements if "src" in attributes]
    assert all(source.startswith(("data:image/", "data:audio/wav;base64,")) for source in sources)
    links = [attributes["href"] for _, attributes in page.elements if "href" in attributes]
    assert all(link in ("sweep.csv", "sweep.json") or link.endswith("/report.html") for link in links)
    assert not any(set(link) & set(":<>\"'\\ ") or link.startswith("/") for link in links)
    if "\x00" not in attack:  # the standard library's reader shows it otherwise
        assert attack in page.text
    return page


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_runs_page(tmp_path, attack):
    record = hostile(results(), attack) | {
        "figures": [
            {"file": "figures/curves.png", "title": attack, "caption": attack},
            {"file": f"figures/{attack}.png", "title": attack, "caption": attack},
        ],
        "sounds": [{"title": attack, "versions": [{"label": attack, "file": attack}]}],
        "metrics": {attack: 0.5, "test/acc": 0.9},
        "versions": {attack: attack},
        "sweep": {"x": None, "y": ["test/acc", attack]},
    }
    folder = write_run(tmp_path / "run", [f"note={attack}"], record)
    (folder / "config.yaml").write_text(f"name: {json.dumps(attack)}\n# {attack}")
    (folder / "metrics.csv").write_text('epoch,"{0}"\n1,"{0}"\n'.format(attack.replace('"', '""').replace("\x00", "")))
    assert_harmless(run_report(folder), attack)


@pytest.mark.filterwarnings("ignore:Glyph .* missing from")  # in the figures' titles
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_sweeps_page(tmp_path, attack):
    """The folders' names are hostile too: the page links what lies in them."""
    name = attack.replace("/", "|").replace("\x00", "")
    for number in range(2):
        record = hostile(results(), attack) | {
            "metrics": {"test/acc": 0.9 + number / 100},
            "sweep": {"x": None, "y": ["test/acc"], "pictures": ["curves", attack.replace("\x00", "")]},
            "figures": [{"file": "figures/curves.png", "title": attack, "caption": attack}],
        }
        job = write_run(tmp_path / f"{number}{name}", [f"note={number}{attack}", f"same={attack}"], record)
        (job / "report.html").touch()
    write_failure(tmp_path / name / "2", ["note=2"], attack)
    assert_harmless(sweep_report(tmp_path).paths["report"], attack)
