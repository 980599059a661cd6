"""The look all figures share: colours, fonts, headings."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, ParamSpec

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

# Okabe and Ito (2008), distinguishable with every common colour vision deficiency; their yellow is left out,
# being too pale for a line on white. Markers say the same a second time.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# With wine, olive and indigo of Tol's muted scheme, the three that stay apart from the palette and each other with
# every common colour vision deficiency
MANY_COLOURS = (*PALETTE, "#882255", "#999933", "#332288")
MANY_MARKERS = (*MARKERS, "<", "*", ">")
MUTED = "#5f6670"
DPI = 160
# Of a line that others are compared with
REFERENCE: dict[str, Any] = {"color": MUTED, "linestyle": ":", "linewidth": 1.3, "zorder": 1}

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same figure on every machine
    "font.size": 11,
    "axes.titlesize": 12.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": "#8a9099",
    "axes.linewidth": 0.8,
    "axes.labelcolor": "#2b2f36",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e6ea",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "xtick.color": "#8a9099",
    "ytick.color": "#8a9099",
    "xtick.labelcolor": "#2b2f36",
    "ytick.labelcolor": "#2b2f36",
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
    "lines.linewidth": 1.8,
    "lines.markersize": 6,
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "figure.facecolor": "white",
    "figure.constrained_layout.w_pad": 0.1,  # inches
    "figure.constrained_layout.h_pad": 0.09,
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
}

P = ParamSpec("P")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Runs a drawing function under the house style; the caller's matplotlib settings stay as they were."""

    @wraps(draw)
    def under_style(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return under_style


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of `width` x `height` inches on an Agg canvas: no window, no display, no pyplot."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def plain(text: str) -> str:
    """`text` shown as it is: a dollar sign is a dollar sign, not the start of a formula."""
    return text.replace("$", r"\$")


def title_lines(title: str, width: float) -> list[str]:
    """The lines that a title takes in a figure of `width` inches, with eight letters of its size to an inch."""
    return textwrap.wrap(plain(title), int(8 * width))


def heading(axes: Axes, title: str, data_name: str) -> None:
    """The figure's title, and under it the name of the data; both begin at the left edge of `axes`."""
    figure = axes.get_figure(root=True)
    assert figure is not None  # only axes that were removed have none
    axes.set_title("\n".join(title_lines(title, figure.get_figwidth())), loc="left", pad=24)
    axes.annotate(
        plain(data_name),
        xy=(0, 1),
        xycoords="axes fraction",
        xytext=(0, 8),
        textcoords="offset points",
        color=MUTED,
        fontsize=10.5,
    )


def legend_below(figure: Figure, panels: Sequence[Axes]) -> None:
    """One legend under all panels: each label once, dashed and dotted lines last; none for a single entry."""
    entries: dict[str, Artist] = {}
    for axes in panels:
        handles, labels = axes.get_legend_handles_labels()
        entries |= dict(zip(labels, handles, strict=True))
    if len(entries) < 2:
        return
    put_below(figure, {label: entries[label] for label in sorted(entries, key=lambda at: _is_reference(entries[at]))})


def put_below(figure: Figure, entries: Mapping[str, Artist]) -> None:
    """A legend of these entries under all panels, in as many columns as there is room for."""
    letters = max(map(len, entries)) + 6  # the longest label, and room for the line beside it
    columns = max(1, min(len(entries), int(12 * figure.get_figwidth() / letters)))  # 12 letters an inch
    figure.legend(list(entries.values()), list(entries), loc="outside lower center", ncols=columns)


def _is_reference(entry: Artist) -> bool:
    return isinstance(entry, Line2D) and entry.get_linestyle() in ("--", ":")


def count_epochs(axes: Axes) -> None:
    """Ticks of a horizontal axis of epochs, at whole round numbers."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10]))


def look(index: int) -> dict[str, Any]:
    """Colour and marker of the line at place `index`."""
    return {"color": PALETTE[index % len(PALETTE)], "marker": MARKERS[index % len(MARKERS)], "markersize": 5}
