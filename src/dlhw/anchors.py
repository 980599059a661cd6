"""Images of known quality, from real ones down to noise: the scale that a generator's samples are put on.

Images are (num, height, width) or (num, 1, height, width) with pixels in 0..1, and so is what comes back; what leaves
0..1 is clipped. Random numbers are drawn from the generator given, which is of the images' device.
"""

import math

import torch
from torch import Tensor

from dlhw import eigenfaces
from dlhw.eigenfaces import Eigenfaces
from dlhw.precision import double

NUM_COMPONENTS = 64
CHUNK = 4096  # images whose products are summed at once
NUM_WEIGHTS = 2**24  # at once: 64 MB in float32


def anchors(train: Tensor, labels: Tensor, num: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Sets of images to be judged as a generator's samples are, by their names, roughly from best to worst.

    All are made from training images, none from those that they are measured against: the real ones are `num` of them
    drawn without replacement (all in random order where there are fewer), and the blurred, the noisy and the projected
    ones are these. Every other set has `num` images.

    Raises:
        ValueError: `num` less than 1, no images, or another number of labels than of images.
    """
    check_num(num)
    check_labels(train, labels)
    real = train[torch.randperm(len(train), generator=generator, device=train.device)[:num]]
    model = principal(train)
    num_components = min(NUM_COMPONENTS, len(model.singular_values))
    return {
        "real images, training part": real,
        "per-class Gaussian sampler": class_gaussian_samples(train, labels, num, generator),
        f"real images through {num_components} components": projected(model.first(num_components), real),
        "real images, blurred (1 pixel)": blurred(real, 1),
        "real images, noise 0.1": noisy(real, 0.1, generator),
        "one Gaussian for all": drawn(model, num, train.shape[1:], generator),
        "uniform noise": uniform_noise(num, train.shape[1:], generator),
    }


def pca_images(images: Tensor, train: Tensor, components: int = NUM_COMPONENTS) -> Tensor:
    """What is left of images in the first principal components of the training images, or in all where there are fewer.

    Raises:
        ValueError: `components` less than 1, no training images, or images of another size than theirs.
    """
    if components < 1:
        raise ValueError(f"components={components}; there must be at least 1")
    if images.shape[1:] != train.shape[1:]:
        raise ValueError(f"images {tuple(images.shape)} and training images {tuple(train.shape)}; must be of one size")
    model = principal(train)
    return projected(model.first(min(components, len(model.singular_values))), images)


def gaussian_samples(train: Tensor, num: int, generator: torch.Generator) -> Tensor:
    """Samples of the Gaussian that has the training images' mean and their covariance (divided by their number).

    Raises:
        ValueError: `num` less than 1, or no training images.
    """
    check_num(num)
    return drawn(principal(train), num, train.shape[1:], generator)


def class_gaussian_samples(train: Tensor, labels: Tensor, num: int, generator: torch.Generator) -> Tensor:
    """Samples of one such Gaussian for each class, in random order, the classes in the training images' proportions.

    Args:
        labels: integers (num images,).

    Raises:
        ValueError: `num` less than 1, no training images, or another number of labels.
    """
    check_num(num)
    check_labels(train, labels)
    classes, sizes = labels.unique(return_counts=True)
    counts = zip(classes, apportioned(num, sizes).tolist(), strict=True)
    samples = torch.cat([combined(train[labels == label], count, generator) for label, count in counts if count])
    return samples[torch.randperm(num, generator=generator, device=samples.device)]


def noisy(images: Tensor, std: float, generator: torch.Generator) -> Tensor:
    """Images with independent Gaussian noise on every pixel."""
    noise = torch.randn(images.shape, generator=generator, dtype=images.dtype, device=images.device)
    return (images + std * noise).clamp(0, 1)


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Images blurred by a Gaussian of `sigma` pixels, cut off at ceil(3 sigma), and mirrored at their borders.

    The mirrors stand on the outer pixels' edges, which keeps each image's mean.

    Raises:
        ValueError: `sigma` is not above 0.
    """
    if not sigma > 0:
        raise ValueError(f"sigma={sigma}; must be above 0 pixels")
    rows, columns = (blurring(size, sigma).to(images) for size in images.shape[-2:])
    return (rows @ images @ columns.T).clamp(0, 1)  # rounding alone can leave 0..1


def uniform_noise(num: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Images (num, *shape) whose pixels are independent and uniform, on the generator's device.

    Raises:
        ValueError: `num` less than 1.
    """
    check_num(num)
    return torch.rand((num, *shape), generator=generator, device=generator.device)


def principal(images: Tensor) -> Eigenfaces:
    """All principal components of images (num, ...): `eigenfaces.fit`, many times as fast for float32.

    Products are summed in the images' own dtype within a chunk, and only across chunks in float64. The images are
    centred first, so that float32 rounds far below a grey level.
    """
    faces = images.flatten(1)
    if len(faces) <= faces.shape[1]:
        return eigenfaces.fit(faces)
    mean = faces.mean(0)
    gram = double(mean.new_zeros(len(mean), len(mean)))
    for chunk in faces.split(CHUNK):
        offsets = chunk - mean
        gram += double(offsets.T @ offsets)
    singular_values, basis = eigenfaces.singular(gram)
    return eigenfaces.eigenfaces(faces, double(mean), basis, singular_values, None)


def projected(model: Eigenfaces, images: Tensor) -> Tensor:
    return model.reconstruct(images.flatten(1)).clamp(0, 1).view(images.shape)


def drawn(model: Eigenfaces, num: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Samples (num, *shape) of the Gaussian with the model's mean and components."""
    mean, stds = model.mean, model.variances.sqrt()
    codes = stds * torch.randn(num, len(stds), generator=generator, dtype=mean.dtype, device=mean.device)
    return model.decode(codes).clamp(0, 1).view(num, *shape)


def combined(images: Tensor, num: int, generator: torch.Generator) -> Tensor:
    """What `gaussian_samples` draws, as random combinations of the images: faster for not many more than their pixels.

    n centred images, each times a standard normal number, add up to a sample of n times their covariance. Nothing is
    decomposed, so that a class of few images is like any other.
    """
    mean = images.mean(0)
    offsets = (images - mean).flatten(1)
    samples = offsets.new_empty(num, offsets.shape[1])
    for rows in samples.split(max(1, NUM_WEIGHTS // len(images))):
        weights = torch.randn(len(rows), len(images), generator=generator, dtype=images.dtype, device=images.device)
        rows.copy_(weights @ offsets)
    return (mean + samples.view(num, *mean.shape) / math.sqrt(len(images))).clamp(0, 1)


def apportioned(num: int, sizes: Tensor) -> Tensor:
    """`num` in whole parts in the proportions of integers `sizes`: rounded up where the remainders are the largest."""
    total = sizes.sum()
    counts = num * sizes // total
    order = (num * sizes % total).argsort(descending=True, stable=True)
    counts[order[: num - int(counts.sum())]] += 1
    return counts


def blurring(size: int, sigma: float) -> Tensor:
    """The matrix (size, size) that blurs a row of `size` pixels, in float64."""
    reach = math.ceil(3 * sigma)
    steps = torch.arange(-reach, reach + 1)
    weights = (-0.5 * (steps / sigma).double().square()).exp()
    places = (torch.arange(size)[:, None] + steps) % (2 * size)  # a row and its mirror image repeat for ever
    places = torch.minimum(places, 2 * size - 1 - places)
    matrix = torch.zeros(size, size, dtype=torch.float64)
    return matrix.scatter_add(1, places, (weights / weights.sum()).expand(size, -1))


def check_num(num: int) -> None:
    if num < 1:
        raise ValueError(f"num={num}; there must be at least 1 image")


def check_labels(images: Tensor, labels: Tensor) -> None:
    if not len(images) or labels.shape != images.shape[:1]:
        raise ValueError(f"{len(images)} images and labels {tuple(labels.shape)}; there must be images, one label each")
