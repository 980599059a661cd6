"""Pure functions: arrays in, `matplotlib.figure.Figure` out. Nothing touches pyplot's global state."""

from dlhw.figures.adversarial import adversarial_curves
from dlhw.figures.categories import metric_by_category
from dlhw.figures.comparison import compare_curves
from dlhw.figures.completion import completion_sheets, error_by_patch
from dlhw.figures.components import error_against_components
from dlhw.figures.confusion import confusion_matrix
from dlhw.figures.curves import curves
from dlhw.figures.energy import energy_by_epoch
from dlhw.figures.history import metric_by_epoch
from dlhw.figures.images import image_grid
from dlhw.figures.importances import importances
from dlhw.figures.initialisation import (
    LayerLine,
    draws_by_layer,
    loss_by_step,
    mirrored_histograms,
    ratios_by_layer,
    variance_by_layer,
)
from dlhw.figures.iterations import loss_by_iteration
from dlhw.figures.label_noise import image_cards, loss_histograms, memorisation_curves, precision_recall
from dlhw.figures.landscape import loss_contours, loss_surface, plane_against_truth
from dlhw.figures.latent import latent_scatter
from dlhw.figures.layer_weights import histogram_by_layer, norms_by_epoch
from dlhw.figures.metric_against import metric_against
from dlhw.figures.range_test import range_test
from dlhw.figures.reconstruction import reconstruction_pairs
from dlhw.figures.restoration import restoration_curves
from dlhw.figures.sample_quality import pairs_sheet, quality_by_epoch, share_bars
from dlhw.figures.save import save_animation, save_figure
from dlhw.figures.settings import metric_by_setting
from dlhw.figures.sheet import image_sheet
from dlhw.figures.span import convergence, principal_angles
from dlhw.figures.spectrograms import spectrogram_panels
from dlhw.figures.spectrum import singular_values

__all__ = [
    "LayerLine",
    "adversarial_curves",
    "compare_curves",
    "completion_sheets",
    "confusion_matrix",
    "convergence",
    "curves",
    "draws_by_layer",
    "energy_by_epoch",
    "error_against_components",
    "error_by_patch",
    "histogram_by_layer",
    "image_cards",
    "image_grid",
    "image_sheet",
    "importances",
    "latent_scatter",
    "loss_by_iteration",
    "loss_by_step",
    "loss_contours",
    "loss_histograms",
    "loss_surface",
    "memorisation_curves",
    "metric_against",
    "metric_by_category",
    "metric_by_epoch",
    "metric_by_setting",
    "mirrored_histograms",
    "norms_by_epoch",
    "pairs_sheet",
    "plane_against_truth",
    "precision_recall",
    "principal_angles",
    "quality_by_epoch",
    "range_test",
    "ratios_by_layer",
    "reconstruction_pairs",
    "restoration_curves",
    "save_animation",
    "save_figure",
    "share_bars",
    "singular_values",
    "spectrogram_panels",
    "variance_by_layer",
]
