"""Pure functions: arrays in, `matplotlib.figure.Figure` out. Nothing touches pyplot's global state."""

from dlhw.figures.categories import metric_by_category
from dlhw.figures.confusion import confusion_matrix
from dlhw.figures.curves import curves
from dlhw.figures.images import image_grid
from dlhw.figures.metric_against import metric_against
from dlhw.figures.save import save_figure
from dlhw.figures.spectrum import singular_values

__all__ = [
    "confusion_matrix",
    "curves",
    "image_grid",
    "metric_against",
    "metric_by_category",
    "save_figure",
    "singular_values",
]
