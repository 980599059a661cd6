"""Judging generated images against real ones; computed in float64 (see `dlhw.precision`)."""

from collections.abc import Iterator

import torch
from torch import Tensor

from dlhw.precision import double

CHUNK_BYTES = 2**26  # of a block of distances, and of a block of images in float64
ROUNDING = 1e-6  # of a point's length: what a matrix product in float64 may make of a distance of 0, and some more


def frechet_distance(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> float:
    """The squared Frechet distance of N(mean_a, cov_a) and N(mean_b, cov_b): 0 for equal ones.

    |mean_a - mean_b|^2 + tr(cov_a + cov_b - 2 (cov_a cov_b)^(1/2)) (Dowson and Landau, 1982, "The Frechet distance
    between multivariate normal distributions"; Heusel et al., 2017, "GANs trained by a two time-scale update rule",
    equation 6). It has the square of the features' unit.

    Args:
        mean_a, mean_b: (features,).
        cov_a, cov_b: (features, features), symmetric and positive semidefinite, singular ones included.

    Raises:
        ValueError: other shapes, or a value that is not finite.
    """
    num_features = mean_a.numel()
    shapes = [tuple(tensor.shape) for tensor in (mean_a, cov_a, mean_b, cov_b)]
    if shapes != [(num_features,), (num_features, num_features)] * 2:
        raise ValueError(f"means and covariances {shapes}; must be (features,) and (features, features), twice")
    mean_a, cov_a, mean_b, cov_b = (double(tensor) for tensor in (mean_a, cov_a, mean_b, cov_b))
    if not all(tensor.isfinite().all() for tensor in (mean_a, cov_a, mean_b, cov_b)):
        raise ValueError("a mean or a covariance is not finite")
    # The eigenvalues of sqrt(cov_a) cov_b sqrt(cov_a) are the squares of these singular values. Squared, the small ones
    # would drown in rounding errors, whose roots are large.
    cross = torch.linalg.svdvals(square_root(cov_a) @ square_root(cov_b)).sum()
    distance = (mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross
    return max(0.0, distance.item())


def square_root(matrix: Tensor) -> Tensor:
    """The symmetric root of a positive semidefinite matrix; eigenvalues that rounding made negative count as 0."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


def feature_distance(features_a: Tensor, features_b: Tensor) -> float:
    """The squared Frechet distance of the Gaussians fitted to two sets of features, each (num, features).

    With an Inception network's features this is the FID (Heusel et al., 2017); with others it is on another scale. The
    covariances are the unbiased ones, as in the authors' code; the distance itself is biased upwards, the more the
    smaller the sets, so compare only sets of the same sizes.

    Raises:
        ValueError: sets of different or no features, fewer than 2 rows, or a value that is not finite.
    """
    check_sets(features_a, features_b, least=2)
    a, b = double(features_a), double(features_b)
    return frechet_distance(a.mean(0), covariance(a), b.mean(0), covariance(b))


def covariance(features: Tensor) -> Tensor:
    return torch.cov(features.T).reshape(features.shape[1], features.shape[1])


@torch.no_grad()
def precision_recall(real: Tensor, generated: Tensor, k: int = 3) -> tuple[float, float]:
    """The shares of generated samples within the real ones' manifold, and of real ones within the generated ones'.

    A set's manifold is the union of balls around its members, each reaching to its k-th nearest other member. Precision
    is high where samples look real, recall where they are as varied as the real ones (Kynkaanniemi et al., 2019,
    "Improved precision and recall metric for assessing generative models", equations 1 and 2).

    Points nearer to each other than a millionth of the set's extent count as one. Memory: the features in float64 and a
    few blocks of 64 MiB.

    Args:
        real, generated: features (num, features) each; the two numbers need not agree, but the measures depend on them.

    Raises:
        ValueError: sets of different or no features, `k` less than 1, or a set of no more than `k` members.
    """
    if k < 1:
        raise ValueError(f"k={k}; there must be at least 1 neighbour")
    check_sets(real, generated, least=k + 1)
    origin = double(real[0])  # lengths, and so the rounding, are small seen from a member
    real, generated = double(real) - origin, double(generated) - origin
    real_radii, generated_radii = neighbour_distances(real, k), neighbour_distances(generated, k)
    inside_real = torch.zeros(len(generated), dtype=torch.bool, device=real.device)
    inside_generated = torch.zeros(len(real), dtype=torch.bool, device=real.device)
    for rows in chunks(len(generated), len(real)):
        between = distances(generated[rows], real)  # (chunk, num real)
        inside_real[rows] = (between <= real_radii).any(1)
        inside_generated |= (between <= generated_radii[rows, None]).any(0)
    return double(inside_real).mean().item(), double(inside_generated).mean().item()


def neighbour_distances(points: Tensor, k: int) -> Tensor:
    """The distance (num,) of each point to its k-th nearest other point, which is at 0 where the points coincide."""
    found = [
        # The nearest of all is the point itself, or one that coincides with it
        distances(points[rows], points).topk(k + 1, largest=False).values[:, -1]
        for rows in chunks(len(points), len(points))
    ]
    return torch.cat(found)


def distances(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distances (num a, num b), 0 where points coincide: by a matrix product, without its rounding there."""
    between = torch.cdist(a, b, compute_mode="use_mm_for_euclid_dist")
    return between.masked_fill_(between <= ROUNDING * a.norm(dim=1, keepdim=True), 0)


@torch.no_grad()
def nearest_distances(generated: Tensor, training: Tensor) -> tuple[Tensor, Tensor]:
    """Each generated image's Euclidean distance (num,) to its nearest training image, and that image's index (num,).

    A distance near 0 beside those of real images never trained on tells of a memorised image. Of several nearest ones
    any is given. Memory: a few blocks of 64 MiB, whatever the numbers of images.

    Args:
        generated, training: images (num, ...) of the same size, each in any number of dimensions.

    Raises:
        ValueError: images of different sizes, or none.
    """
    generated, training = generated.flatten(1), training.flatten(1)
    check_sets(generated, training, least=1)
    num_pixels = training.shape[1]
    found_distances, found_indices = [], []
    for rows in chunks(len(generated), num_pixels):
        images = double(generated[rows])
        nearest = torch.full((len(images),), torch.inf, dtype=torch.float64, device=images.device)
        index = torch.zeros(len(images), dtype=torch.long, device=images.device)
        for columns in chunks(len(training), max(num_pixels, len(images))):
            # The matrix product is many times as fast; its rounding can hardly change who is nearest
            between = torch.cdist(images, double(training[columns]), compute_mode="use_mm_for_euclid_dist")
            values, places = between.min(1)
            closer = values < nearest
            nearest = torch.where(closer, values, nearest)
            index = torch.where(closer, places + columns.start, index)
        found_distances.append((images - double(training[index])).norm(dim=1))
        found_indices.append(index)
    return torch.cat(found_distances), torch.cat(found_indices)


def class_shares(predictions: Tensor, num_classes: int) -> Tensor:
    """The share (num_classes,) of samples in each class, in float64.

    Args:
        predictions: logits (num, num_classes), or classes (num,) as integers.

    Raises:
        ValueError: another shape, no samples, or a class outside 0..num_classes - 1.
    """
    if predictions.dim() == 2 and predictions.shape[1] == num_classes:
        predictions = predictions.argmax(1)
    elif predictions.dim() != 1 or predictions.is_floating_point():
        shape = tuple(predictions.shape)
        raise ValueError(f"predictions {shape}; must be logits (num, {num_classes}) or integers (num,)")
    if not len(predictions):
        raise ValueError("no predictions, so no shares")
    if predictions.min() < 0 or predictions.max() >= num_classes:
        raise ValueError(f"classes must lie in 0..{num_classes - 1}")
    return double(torch.bincount(predictions, minlength=num_classes)) / len(predictions)


def checkerboard(images: Tensor) -> float:
    """The mean square of (a - b - c + d) / 2 over all squares ab/cd of neighbouring pixels of images (num, 1, h, w).

    The pattern that transposed convolutions leave where their kernels overlap unevenly (Odena et al., 2016,
    "Deconvolution and checkerboard artifacts"); only its ratio to that of real images tells anything.
    """
    rows = double(images[..., 1:, :]) - double(images[..., :-1, :])
    return ((rows[..., 1:] - rows[..., :-1]) / 2).square().mean().item()


def chunks(num_rows: int, row_length: int) -> Iterator[slice]:
    """Slices over the rows such that each has at most `CHUNK_BYTES` of float64, and at least one row."""
    step = max(1, CHUNK_BYTES // (8 * row_length))
    for start in range(0, num_rows, step):
        yield slice(start, min(start + step, num_rows))


def check_sets(a: Tensor, b: Tensor, least: int) -> None:
    if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[1] or not a.shape[1]:
        raise ValueError(f"sets {tuple(a.shape)} and {tuple(b.shape)}; must both be (num, features), features alike")
    if min(len(a), len(b)) < least:
        raise ValueError(f"sets of {len(a)} and {len(b)} members; each must have at least {least}")
