"""The truncated singular value decomposition of one matrix: its factors, its error, the choice of its rank.

Shapes follow a Linear layer's weight: W (m, n) maps n inputs to m outputs, W = U diag(S) Vh.
"""

from typing import Literal, get_args

import torch
from torch import Tensor

WITHOUT_FLOAT64 = {"mps"}  # types of devices

Split = Literal["left", "right", "balanced"]
Rank = int | Literal["full"]


def at_least_float32(matrix: Tensor) -> Tensor:
    """The matrix in a precision that LAPACK knows: half precision becomes float32."""
    return matrix.float() if matrix.dtype in (torch.float16, torch.bfloat16) else matrix


def float64(tensor: Tensor) -> Tensor:
    """A float64 copy without history, on the CPU where the device has no float64 (Apple's)."""
    tensor = tensor.detach()
    return (tensor.cpu() if tensor.device.type in WITHOUT_FLOAT64 else tensor).double()


def svd(weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """U (m, r), S (r,), Vh (r, n) of a matrix (m, n), r = min(m, n), in float32 or better.

    Raises ValueError if the weight is not a matrix or holds NaN or infinite values.
    """
    if weight.dim() != 2:
        raise ValueError(f"the weight must be a matrix, but its shape is {tuple(weight.shape)}")
    if not torch.isfinite(weight).all():
        raise ValueError("the weight holds NaN or infinite values and has no singular value decomposition")
    U, S, Vh = torch.linalg.svd(at_least_float32(weight.detach()), full_matrices=False)
    return U, S, Vh


def truncated_svd(weight: Tensor, rank: Rank) -> tuple[Tensor, Tensor, Tensor]:
    """The k largest singular triplets: U (m, k), S (k,), Vh (k, n), in the weight's dtype.

    U diag(S) Vh is the best approximation of rank k in the Frobenius and the spectral norm
    (Eckart and Young, Psychometrika 1936). Raises ValueError for a rank outside 1..min(m, n).
    """
    U, S, Vh = (factor.to(weight.dtype) for factor in svd(weight))
    k = resolve_rank(rank, *weight.shape)
    return U[:, :k], S[:k], Vh[:k]


def eckart_young_error(singular_values: Tensor, relative: bool = False) -> Tensor:
    """Frobenius error ||W - W_k|| of the best rank-k approximation for k = 0, ..., r: (r + 1,), float64.

    The error is the root of the discarded energy, sqrt(sum of S_i^2 over i > k). With `relative` it is
    divided by ||W||, the error at k = 0 (a zero matrix has relative error 0 throughout).
    """
    energy = singular_values.detach().cpu().double().square()
    tail = energy.flip(0).cumsum(0).flip(0)  # summed from the smallest up, so that small tails stay exact
    error = torch.cat([tail, tail.new_zeros(1)]).sqrt()
    return error / error[0] if relative and error[0] > 0 else error


def rank_for_energy(singular_values: Tensor, energy: float) -> int:
    """The smallest rank k >= 1 that keeps the given share, in (0, 1], of the energy sum S_i^2.

    Energy 1 gives the numerical rank. Raises ValueError outside (0, 1].
    """
    if isinstance(energy, bool) or not isinstance(energy, int | float) or not 0 < energy <= 1:
        raise ValueError(f"energy is the share of the squared singular values to keep, in (0, 1], but is {energy!r}")
    lost = eckart_young_error(singular_values, relative=True).square()
    allowed = max(1 - energy, torch.finfo(singular_values.dtype).eps ** 2 * len(lost))  # 0 up to rounding
    return max(1, int((lost > allowed).sum()))


def rank_for_parameters(m: int, n: int, num_parameters: int) -> int:
    """The largest rank whose two factors, k (m + n) numbers, fit into the given number of parameters.

    At most min(m, n). Raises ValueError if not even rank 1 fits.
    """
    k = num_parameters // (m + n)
    if k < 1:
        raise ValueError(
            f"rank 1 of a {m} x {n} matrix needs {m + n} parameters, but num_parameters is {num_parameters}"
        )
    return min(k, m, n)


def resolve_rank(rank: Rank, m: int, n: int) -> int:
    """The rank of an m x n matrix as a number: an integer in 1..min(m, n), or 'full' for min(m, n).

    Raises ValueError for anything else.
    """
    full = min(m, n)
    if rank == "full":
        return full
    if isinstance(rank, bool) or not isinstance(rank, int):
        raise ValueError(f"rank must be an integer from 1 to {full} or 'full', but is {rank!r}")
    if not 1 <= rank <= full:
        raise ValueError(f"rank must be from 1 to {full} for a {m} x {n} matrix, or 'full', but is {rank}")
    return rank


def split_factors(U: Tensor, S: Tensor, Vh: Tensor, split: Split = "left") -> tuple[Tensor, Tensor]:
    """Two factors, outer (m, k) and inner (k, n), whose product is U diag(S) Vh.

    'left' gives (U S, Vh), 'right' (U, S Vh), 'balanced' (U sqrt S, sqrt S Vh), whose factors have equal
    norms.
    """
    if split == "left":
        return U * S, Vh
    if split == "right":
        return U, S[:, None] * Vh
    if split == "balanced":
        root = S.sqrt()
        return U * root, root[:, None] * Vh
    raise ValueError(f"split must be one of {', '.join(get_args(Split))}, but is {split!r}")


def matrix_shape(weight: Tensor) -> tuple[int, int]:
    """(m, n), for the type checker's sake: a tensor's own shape may have any length."""
    m, n = weight.shape
    return m, n


def factors_save(m: int, n: int, rank: int) -> bool:
    """Whether two factors of this rank hold fewer numbers than the m x n matrix: k (m + n) < m n."""
    return rank * (m + n) < m * n


def relative_norm(part: Tensor, whole: Tensor) -> float:
    """||part|| / ||whole|| in the Frobenius norm; 0 where the whole is zero."""
    norm = float(whole.cpu().double().norm())
    return float(part.cpu().double().norm()) / norm if norm > 0 else 0.0
