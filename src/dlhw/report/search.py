"""The figures of a search: which hyper-parameters mattered, and the metric against each of them."""

from collections.abc import Sequence

import numpy as np

from dlhw.figures import importances, metric_by_setting
from dlhw.metrics.names import higher_is_better
from dlhw.report import text
from dlhw.report.aggregate import Sweep
from dlhw.report.chart import Chart
from dlhw.report.jobs import Value, order

LEAST = 4  # settings, below which nothing can be said of what mattered


def search_charts(sweep: Sweep) -> list[Chart]:
    """Both figures of the search's first metric; none where too few settings have been tried."""
    keys = [key for key in sweep.swept if key != "seed"]
    jobs = [job for job in sweep.done if sweep.metrics and text.is_number(job.measured.get(sweep.metrics[0]))]
    if not keys or len(jobs) < LEAST:
        return []
    metric = sweep.metrics[0]
    values = np.array([job.measured[metric] for job in jobs])  # (job,)
    settings = {_label(key, keys): [job.overrides.get(key) for job in jobs] for key in keys}
    return [*_what_mattered(sweep, settings, values), _against_each(sweep, settings, values)]


def _what_mattered(sweep: Sweep, settings: dict[str, list[Value]], values: np.ndarray) -> list[Chart]:
    found = permutation_importances(settings, values)
    if found is None:
        return []
    name = text.metric_label(sweep.metrics[0])
    title = f"What mattered for the {name}"
    caption = (
        f"Permutation importance: how much worse a random forest fitted to the {len(values)} settings tells the {name} "
        "once one hyper-parameter is shuffled, as a share of all; the bars' ends are one standard deviation over 20 "
        "shuffles. With so few settings a hint, not a proof."
    )
    return [Chart("importance", title, caption, importances(found, title=title, data_name=sweep.data_name))]


def permutation_importances(
    settings: dict[str, list[Value]], values: np.ndarray
) -> dict[str, tuple[float, float]] | None:
    """Each hyper-parameter's share (mean, standard deviation) of what the metric depends on; None if on nothing.

    Breiman's permutation importance (Random Forests, 2001) of a forest fitted to settings -> metric, negative values
    taken as zero, normalised to the sum 1.
    """
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    inputs = np.array([_numbers(column) for column in settings.values()]).T  # (job, key)
    scale = values.std()
    if scale == 0:
        return None
    target = (values - values.mean()) / scale
    forest = RandomForestRegressor(n_estimators=100, random_state=0).fit(inputs, target)
    found = permutation_importance(forest, inputs, target, n_repeats=20, random_state=0)
    mean = np.maximum(found.importances_mean, 0)
    if mean.sum() == 0:
        return None
    shares, spread = mean / mean.sum(), found.importances_std / mean.sum()
    return {key: (float(shares[i]), float(spread[i])) for i, key in enumerate(settings)}


def _numbers(column: Sequence[Value]) -> list[float]:
    """Numbers as they are; where there are words among them, everything by its place in their order."""
    if all(text.is_number(value) for value in column):
        return [float(value) for value in column if value is not None]
    places = {value: place for place, value in enumerate(sorted(set(column), key=order))}
    return [float(places[value]) for value in column]


def _against_each(sweep: Sweep, settings: dict[str, list[Value]], values: np.ndarray) -> Chart:
    metric = sweep.metrics[0]
    in_percent = text.is_fraction(metric)
    name = text.metric_label(metric)
    title = f"{text.capitalised(name)} against each hyper-parameter"
    best = int(values.argmax() if higher_is_better(metric) else values.argmin())
    figure = metric_by_setting(
        settings,
        (100 * values if in_percent else values).tolist(),
        ylabel=f"{name} (%)" if in_percent else name,
        title=title,
        data_name=sweep.data_name,
        best=best,
    )
    caption = (
        f"A point for each of the {len(values)} settings; all other hyper-parameters vary too. The best is marked; a "
        "dash is the mean where several settings share a value."
    )
    return Chart(text.quantity(metric), title, caption, figure)


def _label(key: str, keys: Sequence[str]) -> str:
    """`optimizer.lr` -> `learning rate`, unless another key ends alike."""
    last = key.rpartition(".")[2]
    return text.metric_label(last) if sum(other.rpartition(".")[2] == last for other in keys) == 1 else key
