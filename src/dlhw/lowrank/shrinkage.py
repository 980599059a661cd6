"""Making weights nearly low-rank while they are trained: the proximal step of the nuclear norm."""

import torch
from torch import Tensor

from dlhw.lowrank.svd import at_least_float32


@torch.no_grad()
def shrink_singular_values_(weight: Tensor, threshold: float) -> Tensor:
    """Lower every singular value of a matrix (m, n) by `threshold`, in place, those below it to zero.

    This is singular value thresholding (Cai, Candes and Shen, 2010, eq. 1.6), the proximal operator of
    threshold * ||W||_*:
    applied between optimizer steps it is to the nuclear norm what decoupled weight decay is to the squared norm.
    Computed from the eigendecomposition of the smaller Gram matrix, several times as fast as an SVD; the
    values it gets wrong, those near the root of the rounding error, are those it sets to zero.

    Raises ValueError for a negative threshold.
    """
    if threshold < 0:
        raise ValueError(f"the threshold must be at least 0, but is {threshold}")
    W = at_least_float32(weight)
    tall = W.shape[0] >= W.shape[1]
    gram = W.T @ W if tall else W @ W.T  # (r, r), r = min(m, n)
    squares, Q = torch.linalg.eigh(gram)
    values = squares.clamp_min(0).sqrt()
    keep = ((values - threshold) / values.clamp_min(torch.finfo(W.dtype).tiny)).clamp_min(0)
    shrinkage = (Q * keep) @ Q.T
    return weight.copy_(W @ shrinkage if tall else shrinkage @ W)
