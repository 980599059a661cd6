"""Eigenfaces: the principal components of images, the span they share with others, and the pixels they fill in.

Faces are rows here, (num_faces, num_pixels). The textbooks' data matrix, whose columns are the centred faces, is
X = (faces - mean)^T of num_pixels x num_faces; its left singular vectors are the eigenfaces.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from dlhw.precision import double

NEGLIGIBLE = 1e-5  # of the largest singular value; what is below is lost in the rounding of X^T X, which squares it
ROUNDING = 1e-13  # of the faces' norm: what centring equal faces in float64 may leave of them
UNSEEN = 1e-10  # of the largest eigenvalue: directions that the known pixels say nothing about
CHUNK = 2**23  # numbers in the largest array of a chunk of `fill`: 64 MB in float64


@dataclass(frozen=True)
class Eigenfaces:
    """A mean face and the directions in which faces differ from it the most.

    Attributes:
        mean: (num_pixels,).
        basis: (num_pixels, num_components), orthonormal columns. Of each the pixel of largest magnitude is positive.
        singular_values: (num_components,) of the centred matrix X, descending.
        num_faces: how many faces they were computed from.
        discarded: the faces' variance along all components that were left out, summed.
    """

    mean: Tensor
    basis: Tensor
    singular_values: Tensor
    num_faces: int
    discarded: float = 0.0

    @property
    def variances(self) -> Tensor:
        """The mean squared code (num_components,) of the faces, along each component."""
        return self.singular_values.square() / self.num_faces

    @property
    def explained(self) -> Tensor:
        """The share (num_components,) of the faces' variance along each component."""
        return self.variances / (self.variances.sum() + self.discarded)

    @property
    def noise_variance(self) -> float:
        """The mean variance along the directions left out: probabilistic PCA's maximum-likelihood noise of a pixel.

        Tipping and Bishop (1999), "Probabilistic principal component analysis", equation 8.
        """
        num_pixels, num_components = self.basis.shape
        return self.discarded / max(1, num_pixels - num_components)

    def codes(self, faces: Tensor) -> Tensor:
        """The coordinates (num, num_components) of faces (num, num_pixels)."""
        return (faces - self.mean) @ self.basis

    def decode(self, codes: Tensor) -> Tensor:
        """The faces (num, num_pixels) with the given codes (num, num_components)."""
        return self.mean + codes @ self.basis.T

    def reconstruct(self, faces: Tensor) -> Tensor:
        """The nearest faces (num, num_pixels) that the components can make."""
        return self.decode(self.codes(faces))

    def errors(self, faces: Tensor) -> Tensor:
        """The mean squared error per pixel of faces (num, num_pixels) by the mean and the first n components.

        (num_components + 1,): n = 0 is the mean alone. By Pythagoras each component takes its mean squared code off.
        """
        offsets = double(faces - self.mean)
        taken = (offsets @ double(self.basis)).square().mean(0).cumsum(0)  # (num_components,)
        whole = offsets.square().sum(1).mean()
        left = torch.cat([whole[None], whole - taken])
        return (left.clamp(min=0) / faces.shape[1]).to(faces)

    def first(self, n: int) -> "Eigenfaces":
        """The first n components alone. Raises ValueError for n below 0 or above the number there are."""
        available = len(self.singular_values)
        if not 0 <= n <= available:
            raise ValueError(
                f"{n} eigenfaces are asked for, but {self.num_faces} faces have {available}; must be 0 to {available}"
            )
        discarded = self.discarded + self.variances[n:].sum().item()
        return replace(self, basis=self.basis[:, :n], singular_values=self.singular_values[:n], discarded=discarded)


def fit(faces: Tensor, n: int | None = None) -> Eigenfaces:
    """The eigenfaces of faces (num_faces, num_pixels), by the smaller of the two matrices X^T X and X X^T.

    At most min(num_faces - 1, num_pixels) of them, fewer where the faces differ in fewer directions. All are computed
    in float64 and handed out in the faces' dtype.

    Args:
        n: keep the first n; None for all.

    Raises:
        ValueError: there are fewer than n, or there is no face.
    """
    return (snapshot if len(faces) <= faces.shape[-1] else covariance)(faces, n)


def direct(faces: Tensor, n: int | None = None) -> Eigenfaces:
    """`fit` by the singular value decomposition of X itself."""
    mean, offsets = centred(faces)
    basis, singular_values, _ = torch.linalg.svd(offsets.T, full_matrices=False)
    return eigenfaces(faces, mean, basis, singular_values, n)


def snapshot(faces: Tensor, n: int | None = None) -> Eigenfaces:
    """`fit` by the snapshot trick: an eigenvector v of X^T X, num_faces x num_faces, gives the eigenface X v / |X v|.

    Sirovich and Kirby (1987), "Low-dimensional procedure for the characterization of human faces"; Turk and Pentland
    (1991), "Eigenfaces for recognition".
    """
    mean, offsets = centred(faces)
    singular_values, vectors = singular(offsets @ offsets.T)
    basis = F.normalize(offsets.T @ vectors, dim=0)  # (num_pixels, num_faces)
    return eigenfaces(faces, mean, basis, singular_values, n)


def covariance(faces: Tensor, n: int | None = None) -> Eigenfaces:
    """`fit` by the eigenvectors of X X^T, num_pixels x num_pixels: for many images of few pixels."""
    mean, offsets = centred(faces)
    singular_values, basis = singular(offsets.T @ offsets)
    return eigenfaces(faces, mean, basis, singular_values, n)


def centred(faces: Tensor) -> tuple[Tensor, Tensor]:
    """The mean face (num_pixels,) and what the faces differ from it by (num_faces, num_pixels), in float64."""
    if faces.dim() != 2 or len(faces) == 0:
        raise ValueError(
            f"faces must be (num_faces, num_pixels), at least one, but their shape is {tuple(faces.shape)}"
        )
    faces = double(faces)
    mean = faces.mean(0)
    return mean, faces - mean


def singular(gram: Tensor) -> tuple[Tensor, Tensor]:
    """From A^T A, the singular values of A, descending, and its right singular vectors as columns."""
    eigenvalues, vectors = torch.linalg.eigh(gram)
    return eigenvalues.flip(0).clamp(min=0).sqrt(), vectors.flip(1)


def eigenfaces(faces: Tensor, mean: Tensor, basis: Tensor, singular_values: Tensor, n: int | None) -> Eigenfaces:
    """What a decomposition found, without the directions in which the faces do not differ."""
    num_faces = len(faces)
    rounding = ROUNDING * math.sqrt(num_faces) * mean.norm()
    differ = (singular_values > NEGLIGIBLE * singular_values[0]) & (singular_values > rounding)
    kept = int(differ.sum())
    found = Eigenfaces(
        mean.to(faces),
        oriented(basis[:, :kept]).to(faces),
        singular_values[:kept].to(faces),
        num_faces,
    )
    return found if n is None else found.first(n)


def oriented(basis: Tensor) -> Tensor:
    """Each column with the sign that makes its entry of largest magnitude positive."""
    return basis * basis.gather(0, basis.abs().argmax(0, keepdim=True)).sign()


def principal_angles(a: Tensor, b: Tensor) -> Tensor:
    """The principal angles in radians, ascending, between the spans of columns (num_pixels, p) and (num_pixels, q).

    As many as the smaller span has dimensions: min(p, q), or fewer where columns are zero or depend on others, which
    adds nothing to a span; none where all are zero. Cosines tell large angles and sines small ones, so that both are
    exact to rounding: Björck and Golub (1973), "Numerical methods for computing angles between linear subspaces".
    """
    wide, narrow = sorted((span(a), span(b)), key=lambda basis: basis.shape[1], reverse=True)
    inner = wide.T @ narrow
    cosines = torch.linalg.svdvals(inner)  # descending
    sines = torch.linalg.svdvals(narrow - wide @ inner).flip(0)  # ascending
    return torch.atan2(sines, cosines).to(a)


def span(columns: Tensor) -> Tensor:
    """An orthonormal basis (num_pixels, rank) of what the columns span, in float64, each column counted alike.

    The rank is numerical, to the rounding of the columns' own dtype.
    """
    basis, singular_values, _ = torch.linalg.svd(F.normalize(double(columns), dim=0), full_matrices=False)
    rounding = max(columns.shape) * torch.finfo(columns.dtype).eps * singular_values[:1]  # none of no columns
    return basis[:, singular_values > rounding]


def fill(model: Eigenfaces, images: Tensor, known: Tensor, noise_variance: float = 0.0) -> Tensor:
    """The faces (num, num_pixels) that explain the known pixels of images best; no other pixel is looked at.

    With x the image, m the mean, B the basis and K the known pixels, the codes c of an image minimise

        |K (x - m - B c)|^2 + noise_variance * sum of c_i^2 / (variance_i - noise_variance)

    and the face is m + B c. Without noise this is least squares (the second term is left out); where the known pixels
    leave codes open, the smallest are taken: the mean face where nothing is known. With noise it is the most
    probable face under probabilistic PCA, given the known pixels (Tipping and Bishop 1999, sections 3.2 and 3.3);
    components of no more variance than the noise stay out of it.

    Args:
        known: boolean, (num, num_pixels).
        noise_variance: of a pixel; `model.noise_variance` is the faces' own, too little for faces never seen.

    Raises:
        ValueError: the noise is negative.
    """
    if noise_variance < 0:
        raise ValueError(f"the noise variance must be 0 or more, but is {noise_variance}")
    num_images = max(1, CHUNK // max(1, model.basis.numel()))
    parts = zip(images.split(num_images), known.split(num_images), strict=True)
    codes = torch.cat([known_codes(model, image, mask, noise_variance) for image, mask in parts])
    return model.decode(codes.to(images))


def known_codes(model: Eigenfaces, images: Tensor, known: Tensor, noise_variance: float) -> Tensor:
    """The codes (num, num_components) of `fill`, by its normal equations in float64."""
    basis = double(model.basis)
    # codes in units of the prior's standard deviations, so that nothing is divided by a variance of 0
    scale = (double(model.variances) - noise_variance).clamp(min=0).sqrt() if noise_variance > 0 else 1.0
    basis = basis * scale
    offsets = double(torch.where(known, images - model.mean, 0))  # (num, num_pixels)
    gram = (basis.T * known[:, None].to(basis.device)) @ basis  # (num, num_components, num_components)
    inner = (offsets @ basis)[..., None]
    if noise_variance > 0:  # positive definite then
        gram.diagonal(dim1=1, dim2=2).add_(noise_variance)
        return torch.linalg.solve(gram, inner).squeeze(-1) * scale
    return (torch.linalg.pinv(gram, hermitian=True, rtol=UNSEEN) @ inner).squeeze(-1)
