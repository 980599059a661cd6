from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dlhw.figures.style import MANY_COLOURS, MANY_MARKERS, MUTED, heading, new_figure, plain, put_below, styled


@styled
def restoration_curves(
    shares: Sequence[float],
    psnr: Mapping[str, Sequence[float]],
    ssim: Mapping[str, Sequence[float]],
    *,
    pasted_suffix: str,
    title: str,
    data_name: str,
) -> Figure:
    """How well images are restored, by the share of their pixels that was zeroed: PSNR (dB), and beside it SSIM.

    Both map a method to a value a share; shares are in [0, 1). A label that ends in `pasted_suffix` is the method of
    the label before it with the known pixels pasted back: the same colour and marker, dashed and hollow. What is not
    finite, as the PSNR of an image restored exactly, is left out.

    Raises ValueError if there is no method, or not a value a share.
    """
    methods = list(dict.fromkeys(label.removesuffix(pasted_suffix) for label in (*psnr, *ssim)))
    if not methods:
        raise ValueError("nothing to draw: there is no method")
    for label, values in [*psnr.items(), *ssim.items()]:
        if len(values) != len(shares):
            raise ValueError(f"needs a value a share; {label!r} has {len(values)} for {len(shares)}")
    figure = new_figure(11.0, 5.4)
    panels = figure.subplots(1, 2)
    percent = 100 * np.asarray(shares)
    for axes, ylabel, measured in zip(panels, ("PSNR (dB)", "SSIM"), (psnr, ssim), strict=True):
        for label, values in measured.items():
            method = label.removesuffix(pasted_suffix)
            height = np.where(np.isfinite(values), values, np.nan)
            axes.plot(percent, height, **_look(methods.index(method), pasted=label != method))
        axes.set(xlabel="zeroed pixels (%)", ylabel=ylabel)
    heading(panels[0], title, data_name)
    entries = {plain(method): Line2D([], [], **_look(index)) for index, method in enumerate(methods)}
    if any(label not in methods for label in (*psnr, *ssim)):
        dashed: dict[str, Any] = {"color": MUTED, "linestyle": "--", "marker": "o", "markerfacecolor": "white"}
        entries["dashed: known pixels pasted back"] = Line2D([], [], **dashed)
    put_below(figure, entries)
    return figure


def _look(index: int, pasted: bool = False) -> dict[str, Any]:
    look = {"color": MANY_COLOURS[index % len(MANY_COLOURS)], "marker": MANY_MARKERS[index % len(MANY_MARKERS)]}
    return look | {"linestyle": "--", "markerfacecolor": "white"} if pasted else look
