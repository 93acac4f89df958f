"""The matrix-state recurrence of wide models: products of matrices for all chunks of a sequence at once.

What `reference.recurrent` reads from a zero state, for a decay of each head or none. With the sums of log a up to a
token and up to the one before it, the erased rows of a chunk that begins with S solve (I + L) u = r + E S^T, where L, r
and E are of the chunk alone. So I + L is inverted for all chunks together, and only the states go from chunk to chunk,

    u = U + R S^T        S <- a S + v^T w - U^T f - (R S^T)^T f        y = (Q - F R) S^T + W v - F U

of which all but two products of a chunk are made together, too. Where f is w, as the delta rule has it, r is L v, so
that v - u = (I + L)^-1 v - R S^T: two of the four matrices of pairs are left.

Source: Yang, Wang, Zhang, Shen and Kim, arXiv 2406.06484, section 3; with decays arXiv 2412.06464.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from plait.kernels.matrix_state.reference import Vectors

_CHUNK = 64
"""Tokens of a chunk."""


def products_together(
    vectors: Vectors, *, chunk: int = _CHUNK, products: torch.dtype | None = None
) -> Float[Tensor, "batch time heads d_v"]:
    """All tokens' reads.

    Args:
        vectors: with one batch axis; `log_a` of each head, or None. One tensor that is both f and w says that they are
            the same, which takes fewer products.
        products: the type of products beside those of pairs of keys and of the inverse; None for the vectors' own.
    """
    time = vectors.v.shape[1]
    w, v, q = (_by_chunk(tensor, chunk) for tensor in (vectors.w, vectors.v, vectors.q))
    log_a = w.new_zeros(*w.shape[:-1])
    if vectors.log_a is not None:
        log_a = _by_chunk(vectors.log_a.unsqueeze(-1), chunk).squeeze(-1)
    sums = log_a.cumsum(-1)
    seen = torch.ones(chunk, chunk, dtype=torch.bool, device=w.device).tril()
    since = _decays(sums, sums, seen)
    read, left = q * sums.exp().unsqueeze(-1), (sums[..., -1:] - sums).exp().unsqueeze(-1)
    last = sums[..., -1].exp()[..., None, None]
    times = _Products(products)
    by_w = times(q, w.mT) * since
    if vectors.e is None or vectors.f is None:
        fixed, added, erasing = times(by_w, v), times(v.mT, w * left), None
    else:
        e = _by_chunk(vectors.e, chunk)
        until = _decays(sums - log_a, sums, seen.tril(-1))
        f = w if vectors.f is vectors.w else _by_chunk(vectors.f, chunk)
        inverse = _UnitInverse.apply((e @ f.mT) * until)
        reach = times(inverse, e * (sums - log_a).exp().unsqueeze(-1))
        if f is w:
            fresh, by_f = times(inverse, v), by_w
            fixed, added = times(by_w, fresh), times(fresh.mT, w * left)
        else:
            erased, by_f = times(inverse, times((e @ w.mT) * until, v)), times(q, f.mT) * since
            fixed = times(by_w, v) - times(by_f, erased)
            added = times(v.mT, w * left) - times(erased.mT, f * left)
        read, erasing = read - times(by_f, reach), (reach, f * left)
    y = fixed + times(read, _states(times, last, added, erasing).mT)
    return y.movedim(1, -2).flatten(1, 2)[:, :time]


class _Products:
    """Products of matrices in one type, given in the type that they came in."""

    def __init__(self, dtype: torch.dtype | None) -> None:
        self.dtype = dtype

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        if self.dtype is None:
            return a @ b
        return (a.to(self.dtype) @ b.to(self.dtype)).to(a.dtype)


def _by_chunk(tensor: Tensor, chunk: int) -> Float[Tensor, "batch heads chunks chunk width"]:
    """Filled up with zeros: a token of nothing that keeps the state."""
    missing = -tensor.shape[1] % chunk
    whole = F.pad(tensor, (0, 0, 0, 0, 0, missing)) if missing else tensor
    return whole.unflatten(1, (-1, chunk)).movedim(-2, 1)


def _decays(until: Tensor, since: Tensor, seen: Tensor) -> Float[Tensor, "batch heads chunks chunk chunk"]:
    """exp(until_t - since_s) for the pairs (t, s) that are seen, else 0."""
    return (until.unsqueeze(-1) - since.unsqueeze(-2)).masked_fill(~seen, float("-inf")).exp()


def _states(
    times: _Products, last: Tensor, added: Tensor, erasing: tuple[Tensor, Tensor] | None
) -> Float[Tensor, "batch heads chunks d_v d_k"]:
    """The state before each chunk: what a chunk adds to the decayed one, less what it erases of it."""
    states = [torch.zeros_like(added[:, :, 0])]
    for place in range(added.shape[2] - 1):
        state = states[-1] * last[:, :, place] + added[:, :, place]
        if erasing is not None and place:
            reach, f = (tensor[:, :, place] for tensor in erasing)
            state = state - times(times(states[-1], reach.mT), f)
        states.append(state)
    return torch.stack(states, dim=2)


_BLOCK = 16
"""Of the blocks on the diagonal that are inverted whole; those of 64 tokens make four times the numbers of these."""


class _UnitInverse(torch.autograd.Function):
    """(I + L)^-1 of strictly lower triangular L, from blocks on the diagonal that double until one is all.

    The inverse of [[A, 0], [C, B]] has -B^-1 C A^-1 in the place of C. (The product of all I + (-L)^(2^k) takes as
    many products of matrices, but where keys are alike and beta is above 1 its powers grow past float32's digits.)
    """

    @staticmethod
    def forward(ctx: Any, lower: Tensor) -> Tensor:
        size = lower.shape[-1]
        blocks = -(-size // _BLOCK)
        missing = _BLOCK * (1 << (blocks - 1).bit_length()) - size
        whole = F.pad(lower, (0, missing, 0, missing)) if missing else lower
        inverse = _small_inverse(_on_diagonal(whole, _BLOCK))
        while inverse.shape[-3] > 1:
            inverse = _doubled(inverse, whole)
        inverse = inverse.squeeze(-3)[..., :size, :size]
        ctx.save_for_backward(inverse)
        return inverse

    @staticmethod
    def backward(ctx: Any, *by_inverse: Tensor) -> Tensor:
        (inverse,) = ctx.saved_tensors
        return -(inverse.mT @ by_inverse[0] @ inverse.mT)


def _on_diagonal(matrix: Tensor, size: int) -> Float[Tensor, "*batch blocks size size"]:
    parts = matrix.unflatten(-1, (-1, size)).unflatten(-3, (-1, size))
    return parts.diagonal(dim1=-4, dim2=-2).movedim(-1, -3)


def _small_inverse(lower: Tensor) -> Tensor:
    """By products of whole matrices, in each of which a part is filled in."""
    place = torch.arange(lower.shape[-1], device=lower.device)
    inverse = torch.eye(len(place), dtype=lower.dtype, device=lower.device).expand(lower.shape)
    size = 1
    while size < len(place):
        block = place // size
        below = (block.unsqueeze(-1) == block + 1) & (block % 2 == 0)
        inverse = inverse - inverse @ lower.masked_fill(~below, 0.0) @ inverse
        size *= 2
    return inverse


def _doubled(inverse: Tensor, lower: Tensor) -> Tensor:
    """Of blocks on the diagonal twice as large, by products of these alone."""
    size = inverse.shape[-1]
    first, second = inverse[..., ::2, :, :], inverse[..., 1::2, :, :]
    below = _on_diagonal(lower, 2 * size)[..., size:, :size]
    above = torch.cat((first, torch.zeros_like(first)), dim=-1)
    return torch.cat((above, torch.cat((-(second @ below @ first), second), dim=-1)), dim=-2)
