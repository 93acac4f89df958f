"""The matrix-state recurrence in plain PyTorch: token by token, and in chunks of matrix products.

    u = S e        S <- S Diag(a) - u f^T + v w^T        y = S q

for each head, `S` being d_v x d_k. Mixers differ by what they choose for the six vectors: with e = 0 it is linear
attention with a decay (arXiv 2307.08621, 2312.06635, 2405.21060), with e = a k and f = b k the delta rule (2412.06464).

In a chunk that begins with S, let D(s, t) be the product of a over s+1 .. t. The erased rows u solve a triangular
system

    u_t + sum over s < t of (f_s . D(s, t-1) e_t) u_s = S D(0, t-1) e_t + sum over s < t of (w_s . D(s, t-1) e_t) v_s

and y_t is the same sum with q_t in the place of e_t, D(s, t) and s <= t, less that of u. All factors are products of a
over a stretch, as exponentials of sums of its logarithm: nothing is ever divided by a small one.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

_CHUNK = 16
"""Tokens of a chunk: pairs of them are held a key at a time."""


class Vectors(NamedTuple):
    """What every head is given at every token; without erasure e and f are None, without decay log_a is.

    log_a is `(*batch, time, heads)` or, with a factor for each key, `(*batch, time, heads, d_k)`.
    """

    log_a: Tensor | None
    e: Float[Tensor, "*batch time heads d_k"] | None
    f: Float[Tensor, "*batch time heads d_k"] | None
    w: Float[Tensor, "*batch time heads d_k"]
    v: Float[Tensor, "*batch time heads d_v"]
    q: Float[Tensor, "*batch time heads d_k"]

    def at(self, place: int | slice) -> "Vectors":
        """The vectors of one token, or of a stretch."""
        axis = -3
        found: list[Tensor | None] = []
        for name, tensor in self._asdict().items():
            own = axis + 1 if name == "log_a" and tensor is not None and self._by_head(tensor) else axis
            if tensor is None:
                found.append(None)
            elif isinstance(place, int):
                found.append(tensor.select(own, place))
            else:
                found.append(tensor.narrow(own, place.start, place.stop - place.start))
        return Vectors(*found)  # type: ignore[arg-type]

    def _by_head(self, log_a: Tensor) -> bool:
        return log_a.ndim == self.w.ndim - 1


def recurrent(
    vectors: Vectors, state: Float[Tensor, "*batch heads d_v d_k"]
) -> tuple[Float[Tensor, "*batch time heads d_v"], Float[Tensor, "*batch heads d_v d_k"]]:
    """All tokens one after the other: what is read, and the state after them."""
    read: list[Tensor] = []
    for place in range(vectors.v.shape[-3]):
        y, state = step(vectors.at(place), state)
        read.append(y)
    return (torch.stack(read, dim=-3) if read else torch.zeros_like(vectors.v)), state


def step(
    vectors: Vectors, state: Float[Tensor, "*batch heads d_v d_k"]
) -> tuple[Float[Tensor, "*batch heads d_v"], Float[Tensor, "*batch heads d_v d_k"]]:
    """One token; its vectors have no time axis."""
    kept = state
    if vectors.log_a is not None:
        factor = vectors.log_a.exp()
        factor = factor.unsqueeze(-1) if factor.ndim == vectors.w.ndim - 1 else factor
        kept = state * factor.unsqueeze(-2)
    if vectors.e is not None and vectors.f is not None:
        erased = (state * vectors.e.unsqueeze(-2)).sum(-1)
        kept = kept - erased.unsqueeze(-1) * vectors.f.unsqueeze(-2)
    kept = kept + vectors.v.unsqueeze(-1) * vectors.w.unsqueeze(-2)
    return (kept * vectors.q.unsqueeze(-2)).sum(-1), kept


def chunked(
    vectors: Vectors, state: Float[Tensor, "*batch heads d_v d_k"], *, chunk: int = _CHUNK
) -> tuple[Float[Tensor, "*batch time heads d_v"], Float[Tensor, "*batch heads d_v d_k"]]:
    """What `recurrent` gives, `chunk` tokens at a time.

    Raises:
        ValueError: a chunk below 1.
    """
    if chunk < 1:
        raise ValueError(f"a chunk must be at least 1 token, got {chunk}")
    time = vectors.v.shape[-3]
    read: list[Tensor] = []
    for start in range(0, time, chunk):
        y, state = _one_chunk(vectors.at(slice(start, min(start + chunk, time))), state)
        read.append(y)
    return (torch.cat(read, dim=-3) if read else torch.zeros_like(vectors.v)), state


def _one_chunk(vectors: Vectors, state: Tensor) -> tuple[Tensor, Tensor]:
    w, v, q = (
        tensor.transpose(-3, -2) for tensor in (vectors.w, vectors.v, vectors.q)
    )  # (.., heads, time, d)
    sums = _sums(vectors, w)
    time = w.shape[-2]
    causal = torch.ones(time, time, dtype=torch.bool, device=w.device).tril()
    y = (q * sums.exp()) @ state.mT
    written, keys = v, w
    if vectors.e is not None and vectors.f is not None:
        e, f = vectors.e.transpose(-3, -2), vectors.f.transpose(-3, -2)
        before = torch.cat((torch.zeros_like(sums[..., :1, :]), sums[..., :-1, :]), dim=-2)
        earlier = causal.tril(-1)
        by_f = _pairs(e, f, before, sums, earlier)
        right = (e * before.exp()) @ state.mT + _pairs(e, w, before, sums, earlier) @ v
        unit = torch.eye(time, dtype=w.dtype, device=w.device)
        erased = torch.linalg.solve_triangular(by_f + unit, right, upper=False, unitriangular=True)
        y = y - _pairs(q, f, sums, sums, causal) @ erased
        written, keys = torch.cat((v, -erased), dim=-2), torch.cat((w, f), dim=-2)
    y = y + _pairs(q, w, sums, sums, causal) @ v
    last = sums[..., -1:, :]
    left = (last - sums).exp()
    left = torch.cat((left, left), dim=-2) if keys.shape[-2] > time else left
    state = state * last.exp() + written.mT @ (keys * left)
    return y.transpose(-3, -2), state


def _sums(vectors: Vectors, w: Tensor) -> Tensor:
    """log D(0, t): `(.., heads, time, 1 or d_k)`."""
    log_a = vectors.log_a
    if log_a is None:
        return w.new_zeros(*w.shape[:-1], 1)
    log_a = log_a.unsqueeze(-1) if log_a.ndim == w.ndim - 1 else log_a
    return log_a.transpose(-3, -2).cumsum(-2)


def _pairs(late: Tensor, early: Tensor, until: Tensor, since: Tensor, seen: Tensor) -> Tensor:
    """late_t . exp(until_t - since_s) early_s for the pairs (t, s) that are seen, else 0."""
    gap = until.unsqueeze(-2) - since.unsqueeze(-3)
    factor = gap.masked_fill(~seen.unsqueeze(-1), float("-inf")).exp()
    if factor.shape[-1] == 1:
        return (late @ early.mT) * factor.squeeze(-1)
    return torch.einsum("...td,...tsd,...sd->...ts", late, factor, early)
