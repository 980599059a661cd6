"""Judging restored images against the true ones; both with pixels in 0..1, taken as they are, never clipped."""

from torch import Tensor

from dlhw.precision import double


def psnr(restored: Tensor, truth: Tensor) -> Tensor:
    """The peak signal-to-noise ratio (num,) in dB of images (num, ...): -10 log10(MSE); infinite for equal images."""
    errors = double(restored - truth).square().flatten(1).mean(1)
    return (-10 * errors.log10()).to(truth)


def ssim(restored: Tensor, truth: Tensor) -> Tensor:
    """The structural similarity (num,) of images (num, height, width); 1 for equal ones, the most there is.

    The mean over Gaussian windows of 11 x 11 pixels about every pixel, the images mirrored at their edges; they need
    six pixels each way. Wang et al. (2004), "Image quality assessment: from error visibility to structural similarity".
    """
    from torchmetrics.functional.image import structural_similarity_index_measure  # slow to import

    pair = double(restored[:, None]), double(truth[:, None])  # (num, 1, height, width)
    values = structural_similarity_index_measure(*pair, sigma=1.5, data_range=1.0, reduction="none")
    assert isinstance(values, Tensor)  # a pair only where the map is asked for
    return values.to(truth)
