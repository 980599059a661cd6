"""One run's folder -> report.html."""

import csv
import io
from pathlib import Path
from typing import Any

from dlhw.files import inside, read_json, read_text
from dlhw.report import text
from dlhw.report.page import Fact, Picture, Table, picture, plain_table, sound, write_page

SECTIONS = ("dataset", "metrics", "parameters", "sweep")
MOST_TEXT = 4 * 2**20  # bytes of a text or a table that a report shows; the longest have some 200,000
MOST_EMBEDDED = 256 * 2**20  # of figures and sounds


def run_report(folder: Path | str) -> Path:
    """Writes `report.html`, one self-contained file, from what a finished run left in its folder.

    Raises FileNotFoundError where there is no results.json (the run failed, or has not finished) and
    ValueError where it cannot be read.
    """
    folder = Path(folder)
    results = read_results(folder)
    refuse_too_much(folder, results)
    return write_page(
        folder / "report.html",
        "run.html",
        title=f"{results['experiment']} on {dataset_name(results)}",
        results=results,
        dataset=results.get("dataset", {}),
        facts=_facts(results),
        pictures=_pictures(folder, results),
        sounds=[sound(folder, s["title"], s["versions"]) for s in results.get("sounds", [])],
        tables=[
            plain_table(t["title"], t["columns"], t["rows"], t.get("note", ""), t.get("percent", ()))
            for t in results.get("tables", [])
        ],
        details=[table for table in (_layers(results), _metrics(results), _epochs(folder)) if table],
        energy=_energy(results.get("energy") or {}),
        overrides=_text_of(folder, "overrides.yaml"),
        config=_text_of(folder, "config.yaml"),
        wall_time=text.duration(results.get("wall_seconds")),
    )


def read_results(folder: Path) -> dict[str, Any]:
    """The content of results.json. Raises FileNotFoundError with the reason why the run failed, if known."""
    path = inside(folder, "results.json")
    if path is None:
        raise FileNotFoundError(f"{folder / 'results.json'} does not exist: {failure(folder)}")
    try:
        results = read_json(path)
    except ValueError as error:
        raise ValueError(f"{path} is no valid JSON: {error}") from error
    if not isinstance(results, dict) or "experiment" not in results:
        raise ValueError(f"{path} is no record of a run: it has no key 'experiment'")
    for name in SECTIONS:
        if not isinstance(results.get(name) or {}, dict):  # older records have nothing there
            raise ValueError(f"{path} is no record of a run: its {name} is no section")
    return results


def refuse_too_much(folder: Path, results: dict[str, Any]) -> None:
    """A record may name figures and sounds again and again, each time to be put into the page."""
    versions = [version for each in results.get("sounds", []) for version in each["versions"]]
    paths = [inside(folder, each["file"]) for each in [*results.get("figures", []), *versions]]
    if sum(path.stat().st_size for path in paths if path is not None) > MOST_EMBEDDED:
        raise ValueError(
            f"{folder}: its figures and sounds take more than {MOST_EMBEDDED:,} bytes, too much for a page"
        )


def read_epochs(folder: Path) -> list[dict[str, float | str | None]]:
    """The rows of a run's metrics.csv, None in their empty cells; none where there is no such file.

    Raises ValueError where it cannot be read.
    """
    try:
        header, *lines = list(csv.reader(io.StringIO(_text_of(folder, "metrics.csv"), newline=""))) or [[]]
    except csv.Error as error:
        raise ValueError(f"{folder / 'metrics.csv'} is no table: {error}") from error
    return [dict(zip(header, map(_value, line), strict=True)) for line in lines if len(line) == len(header)]


def dataset_name(results: dict[str, Any]) -> str:
    return str(results.get("dataset", {}).get("name", "unnamed data"))


def headline(results: dict[str, Any]) -> list[str]:
    """The metrics that tell at a glance how the run went, the most important first."""
    metrics = results.get("metrics", {})
    wanted = ["test/acc", *results.get("sweep", {}).get("y", []), "baseline/test_acc", "start/test_acc"]
    names = [name for name in dict.fromkeys(wanted) if text.is_number(metrics.get(name))]
    if not names and text.is_number(metrics.get(results.get("optimized_metric"))):
        names = [results["optimized_metric"]]
    return names


def shown(name: str, value: Any) -> str:
    """A metric's value as its name asks for."""
    return text.percent(value) if text.is_fraction(name) else text.number(value)


def failure(folder: Path) -> str:
    """Why the run in `folder` has no results, in one line."""
    path = inside(folder, "failure.json")
    if path is None:
        return "the run did not finish"
    try:
        record = read_json(path)
        return f"{record['type']}: {record['error']}"
    except (ValueError, KeyError, TypeError):
        return "the run failed, and its failure.json cannot be read"


def _facts(results: dict[str, Any]) -> list[Fact]:
    """The numbers at the top: what the sweep would draw, what it is compared with, size and time."""
    metrics = results.get("metrics", {})
    facts = [
        Fact(shown(name, metrics[name]), text.metric_label(name), _gap(name, metrics)) for name in headline(results)
    ]
    parameters = results.get("parameters", {})
    if "total" in parameters:
        trainable = parameters.get("trainable", parameters["total"])
        remark = "" if trainable == parameters["total"] else f"{text.number(trainable)} of them trainable"
        facts.append(Fact(text.number(parameters["total"]), "parameters", remark))
    return facts


def _gap(name: str, metrics: dict[str, Any]) -> str:
    """How far the test accuracy lies from the baseline's."""
    baseline = metrics.get("baseline/test_acc")
    if name != "test/acc" or not text.is_number(baseline):
        return ""
    points = 100 * (metrics[name] - baseline)
    return f"{abs(points):.2f} points {'below' if points < 0 else 'above'} the baseline"


def _pictures(folder: Path, results: dict[str, Any]) -> list[Picture]:
    figures = results.get("figures", [])
    return [picture(folder, f["file"], f.get("title", ""), f.get("caption", "")) for f in figures]


def _metrics(results: dict[str, Any]) -> Table | None:
    rows = [[name, shown(name, value)] for name, value in results.get("metrics", {}).items()]
    return plain_table("All metrics", ["metric", "value"], rows) if rows else None


def _layers(results: dict[str, Any]) -> Table | None:
    layers = results.get("parameters", {}).get("layers")
    return plain_table("Parameters by layer", ["layer", "kind", "parameters"], layers) if layers else None


def _epochs(folder: Path) -> Table | None:
    """metrics.csv, without the columns that hold nothing."""
    epochs = read_epochs(folder)
    names = dict.fromkeys(name for epoch in epochs for name in epoch)
    columns = [name for name in names if any(epoch[name] is not None for epoch in epochs)]
    rows = [[epoch[column] for column in columns] for epoch in epochs]
    fractions = {column for column in columns if text.is_fraction(column)}
    return plain_table("Metrics by epoch", columns, rows, in_percent=fractions) if rows else None


def _value(cell: str) -> float | str | None:
    try:
        return float(cell)
    except ValueError:
        return cell or None


def _energy(energy: dict[str, Any]) -> str:
    """What the run used, and how that is known; a number that is not known is not made up."""
    method = (energy.get("method") or "no method was recorded").rstrip(".")
    if not text.is_number(energy.get("kwh")):
        return f"Not measured: {method}."
    shown = text.energy(energy["kwh"])
    if text.is_number(energy.get("co2eq_kg")):
        country = f" with the electricity mix of {energy['country']}" if energy.get("country") else ""
        shown += f", {text.mass(energy['co2eq_kg'])} CO\N{SUBSCRIPT TWO}eq{country}"
    return f"{shown}. {method}."


def _text_of(folder: Path, name: str) -> str:
    path = inside(folder, name)
    try:
        return "" if path is None else read_text(path, MOST_TEXT)
    except ValueError as error:
        raise ValueError(f"{path} cannot be shown: {error}") from error
