"""The matrix-state recurrence of wide models: products of matrices for all chunks of a sequence at once.

What `reference.recurrent` reads from a zero state, for a decay of each head or none. With the sums of log a up to a
token and up to the one before it, the erased rows of a chunk that begins with S solve (I + L) u = r + E S^T, where L, r
and E are of the chunk alone. So I + L is inverted for all chunks together, and only

    u = U + E S^T        y = Q S^T + W v - F u        S <- a S + (v, u)^T (w, -f)

goes from chunk to chunk. Source: Yang, Wang, Zhang, Shen and Kim, arXiv 2406.06484, section 3; with decays arXiv
2412.06464.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from plait.kernels.matrix_state.reference import Vectors

CHUNK = 64
"""Tokens of a chunk."""


def products_together(
    vectors: Vectors, *, chunk: int = CHUNK, products: torch.dtype | None = None
) -> Float[Tensor, "batch time heads d_v"]:
    """All tokens' reads.

    Args:
        vectors: with one batch axis; `log_a` of each head, or None.
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
    fixed = times(times(q, w.mT) * since, v)
    if vectors.e is None or vectors.f is None:
        y = _carried(times, read, last, fixed, (v, w * left))
    else:
        e, f = _by_chunk(vectors.e, chunk), _by_chunk(vectors.f, chunk)
        until = _decays(sums - log_a, sums, seen.tril(-1))
        inverse = _UnitInverse.apply((e @ f.mT) * until)
        erased = times(inverse, times((e @ w.mT) * until, v))
        reach = times(inverse, e * (sums - log_a).exp().unsqueeze(-1))
        y = _carried(
            times, read, last, fixed, (v, w * left), (erased, reach, times(q, f.mT) * since, f * left)
        )
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


def _carried(
    times: _Products,
    read: Tensor,
    last: Tensor,
    fixed: Tensor,
    written: tuple[Tensor, Tensor],
    erasing: tuple[Tensor, Tensor, Tensor, Tensor] | None = None,
) -> Float[Tensor, "batch heads chunks chunk d_v"]:
    """The reads of all chunks, one after the other."""
    v, w = written
    state = torch.zeros_like(v[:, :, 0, :1].mT @ w[:, :, 0, :1])
    found: list[Tensor] = []
    for place in range(v.shape[2]):
        y = times(read[:, :, place], state.mT) + fixed[:, :, place]
        added = times(v[:, :, place].mT, w[:, :, place])
        if erasing is not None:
            erased, reach, by_f, f = (tensor[:, :, place] for tensor in erasing)
            u = erased + times(reach, state.mT)
            y = y - times(by_f, u)
            added = added - times(u.mT, f)
        state = state * last[:, :, place] + added
        found.append(y)
    return torch.stack(found, dim=2)


class _UnitInverse(torch.autograd.Function):
    """(I + L)^-1 of strictly lower triangular L, from blocks on the diagonal that double until one is all.

    The inverse of [[A, 0], [C, B]] has -B^-1 C A^-1 in the place of C. (The product of all I + (-L)^(2^k) takes as
    many products of matrices, but where keys are alike and beta is above 1 its powers grow past float32's digits.)
    """

    @staticmethod
    def forward(ctx: Any, lower: Tensor) -> Tensor:
        place = torch.arange(lower.shape[-1], device=lower.device)
        inverse = torch.eye(len(place), dtype=lower.dtype, device=lower.device).expand(lower.shape)
        size = 1
        while size < len(place):
            block = place // size
            below = (block.unsqueeze(-1) == block + 1) & (block % 2 == 0)
            inverse = inverse - inverse @ lower.masked_fill(~below, 0.0) @ inverse
            size *= 2
        ctx.save_for_backward(inverse)
        return inverse

    @staticmethod
    def backward(ctx: Any, *by_inverse: Tensor) -> Tensor:
        (inverse,) = ctx.saved_tensors
        return -(inverse.mT @ by_inverse[0] @ inverse.mT)
