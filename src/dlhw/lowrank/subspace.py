"""The best rank-k approximation of a matrix that changes a little between calls, for one thin product."""

import torch
from torch import Tensor, nn

from dlhw.lowrank.svd import at_least_float32, float64, svd

MIN_OVERLAP = 0.5


class WarmSubspace(nn.Module):
    """Tracks the leading singular subspaces of a changing matrix W (m, n) by a warm alternating half step.

    This is block power (subspace) iteration with Rayleigh-Ritz projection (Golub and Van Loan, Matrix
    Computations, section 8.2.4) that goes on over the calls, as the previous call's subspace is an excellent
    start for the next. With B the current basis (q, n), q = rank + oversample orthonormal rows, a call
    computes

        Y = W B^T (m, q),   Y = Q R,   R^T R = Z diag(s^2) Z^T,   W_hat = (Y Z_k) (B^T Z_k)^T,

    that is, the best approximation of rank k of W among those whose rows lie in the span of B. Q is the basis
    of the next call, which does the same for W^T. The extra columns see a singular vector coming before it
    enters the first k. The Householder QR keeps the basis orthonormal for zero, rank-deficient, tiny and huge
    W, which the cheaper Cholesky decomposition of Y^T Y does not.

    The two bases and the number of calls are buffers: they are saved, copied and broadcast with the model.
    Where W no longer fits them (at the start, after a jump), an exact SVD sets them anew: each call asks that
    the other side's basis hold more than half of Y's energy. On an accelerator the answer costs a
    synchronisation, which the small eigendecomposition needs anyway. As every call asks, going on from a
    checkpoint is the same as not having stopped.
    """

    left: Tensor
    right: Tensor
    num_calls: Tensor

    def __init__(self, weight: Tensor, rank: int, oversample: int = 8) -> None:
        super().__init__()
        self.rank = rank
        m, n = weight.shape
        columns = min(rank + oversample, m, n)
        self.register_buffer("left", weight.new_zeros(columns, m))
        self.register_buffer("right", weight.new_zeros(columns, n))
        self.register_buffer("num_calls", torch.zeros((), dtype=torch.int64, device=weight.device))

    @torch.no_grad()
    def project(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Factors (m, k) and (k, n) of nearly the best rank-k approximation; advances the subspace.

        Raises ValueError if the weight holds NaN or infinite values.
        """
        W = at_least_float32(weight)
        transposed = int(self.num_calls) % 2 == 1
        self.num_calls += 1
        basis, other = (self.left, self.right) if transposed else (self.right, self.left)
        B = basis.to(W.dtype)  # (q, columns of A), with A = W or its transpose
        Y = B @ (W if transposed else W.T)  # (q, rows of A): the product A B^T, held transposed for speed
        scale = Y.abs().amax().clamp_min(torch.finfo(W.dtype).tiny)
        Q, R = torch.linalg.qr((Y / scale).T)
        gram = float64(R).T @ float64(R)  # (q, q)
        overlap = other.to(W.dtype) @ Q @ R
        if not float64(overlap).square().sum() > MIN_OVERLAP * gram.trace():  # so also where Y is zero or NaN
            return self._refresh(W)
        other.copy_(Q.T)
        Z = torch.linalg.eigh(gram).eigenvectors[:, -self.rank :].to(W)  # (q, k)
        if transposed:
            return B.T @ Z, Z.T @ Y
        return Y.T @ Z, Z.T @ B

    def _refresh(self, W: Tensor) -> tuple[Tensor, Tensor]:
        U, S, Vh = svd(W)
        columns, k = len(self.left), self.rank
        self.left.copy_(U[:, :columns].T)
        self.right.copy_(Vh[:columns])
        return U[:, :k] * S[:k], Vh[:k]
