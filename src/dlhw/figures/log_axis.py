"""Logarithmic axes with round numbers written out."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator


def scale_y(axes: Axes) -> None:
    """Makes the y axis logarithmic, where anything on it is above 0."""
    if np.isfinite(axes.dataLim.minposy):
        axes.set_yscale("log")
        round_ticks(axes.yaxis)


def round_ticks(axis: Axis) -> None:
    """Ticks of a logarithmic axis at round numbers written out, as many as what it shows needs."""
    low, high = axis.get_view_interval()
    decades = np.log10(high / low)
    if decades < 0.8:  # too little for powers of ten
        axis.set_major_locator(MaxNLocator(6))
    else:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 3 else (1,)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())
