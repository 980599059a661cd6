"""Numbers and names as a reader sees them."""

import math
import sys
from typing import Any, TypeGuard

MISSING = "–"
WORDS = {
    "acc": "accuracy",
    "cnn": "CNN",
    "frechet": "Fréchet distance",
    "train": "training",
    "val": "validation",
    "lr": "learning rate",
    "l2": "L2",
    "mse": "MSE",
    "pca": "PCA",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "snr": "SNR",
    "si": "SI",
    "sdr": "SDR",
    "stoi": "STOI",
}


def is_number(value: Any) -> TypeGuard[float]:
    """Whether `value` is a finite number. None and NaN are "not measured"; True is no number."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) <= sys.float_info.max  # an int may be larger


def number(value: Any) -> str:
    """An integer in full with thousands separated, a fraction to four significant digits, else the text."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    if not is_number(value):
        return str(value)
    if float(value).is_integer() and abs(value) < 1e12:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.1f}"
    return f"{value:.4g}" if abs(value) >= 1e-3 else f"{value:.2e}"


def percent(value: Any) -> str:
    """A fraction in per cent with two decimals; anything else as `number` shows it."""
    return f"{100 * value:.2f} %" if is_number(value) else number(value)


def mean_std(mean: float, std: float | None, *, in_percent: bool) -> str:
    """`98.40 ± 0.05 %`; without a standard deviation (one value) the mean alone."""
    if std is None:
        return percent(mean) if in_percent else number(mean)
    if in_percent:
        return f"{100 * mean:.2f} ± {100 * std:.2f} %"
    return f"{number(mean)} ± {std:.2g}"


def duration(seconds: Any) -> str:
    if not is_number(seconds):
        return MISSING
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def energy(kwh: Any) -> str:
    if not is_number(kwh):
        return MISSING
    return f"{kwh:.3g} kWh" if kwh >= 0.1 else f"{1000 * kwh:.3g} Wh"


def mass(kg: Any) -> str:
    if not is_number(kg):
        return MISSING
    return f"{kg:.3g} kg" if kg >= 0.1 else f"{1000 * kg:.3g} g"


def metric_label(name: str) -> str:
    """`start/test_acc` -> `start test accuracy`."""
    return " ".join(WORDS.get(word, word) for word in _words(name))


def is_fraction(name: str) -> bool:
    """Whether a metric is a fraction to be shown in per cent: an accuracy, a share of wins or of what was found."""
    return quantity(name) in ("acc", "accuracy", "wins", "precision", "recall")


def quantity(name: str) -> str:
    """What a metric measures, whatever it was measured on: `acc` of `start/test_acc`."""
    return _words(name)[-1]


def capitalised(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _words(name: str) -> list[str]:
    return name.replace("/", " ").replace("_", " ").split() or [name]
