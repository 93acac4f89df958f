"""Nodes that carry something from token to token, in plain PyTorch: each gives its signal and what it carries then.

What a node carries comes in as `(*members, batch, ..)` and never changes in place.
"""

import functools
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from plait.kernels.graph.signals import Node, Op
from plait.kernels.matrix_state.reference import Vectors, chunked

Inputs = list[Tensor | None]


def convolution(node: Node, inputs: Inputs, weights: list[Tensor], tail: Tensor) -> tuple[Tensor, Tensor]:
    """Weights `(*members, channels, 1, taps)` and maybe a bias `(*members, channels)`."""
    (x,) = inputs
    assert x is not None
    taps, time = node.ints[0], x.shape[-2]
    columns = torch.cat((tail.to(x.dtype), x), dim=-2)
    by_tap = _meeting(
        weights[0].squeeze(-2).movedim(-1, 0 if weights[0].ndim == 3 else 1), weights[0].ndim == 4
    )
    found = sum((by_tap[tap] * columns[..., tap : tap + time, :] for tap in range(taps)), torch.zeros_like(x))
    if len(weights) > 1:
        bias = weights[1]
        found = found + (bias[:, None, None, :] if bias.ndim == 2 else bias)
    return found, columns[..., time:, :].clone()


def _meeting(taps: Tensor, members: bool) -> list[Tensor]:
    """Each tap's weights, shaped to meet signals."""
    if not members:
        return list(taps)
    return [tap[:, None, None, :] for tap in taps.unbind(1)]


def shift(node: Node, inputs: Inputs, weights: list[Tensor], before: Tensor) -> tuple[Tensor, Tensor]:
    (x,) = inputs
    assert x is not None
    columns = torch.cat((before.to(x.dtype), x), dim=-2)
    return columns[..., :-1, :], columns[..., -1:, :].clone()


def _matrix_state(node: Node, inputs: Inputs, weights: list[Tensor], state: Tensor) -> tuple[Tensor, Tensor]:
    vectors = matrix_vectors(node, inputs)
    found, after = chunked(vectors, state.to(vectors.v.dtype))
    return found.flatten(-2), after


def matrix_vectors(node: Node, inputs: Inputs) -> Vectors:
    """The six vectors of every head, as a node of the matrix state is given them."""
    heads, keys, d_v, by_key = node.ints
    log_a, e, f, w, v, q = inputs
    assert w is not None
    assert v is not None
    assert q is not None

    def by_head(signal: Tensor) -> Tensor:
        parts = signal.unflatten(-1, (-1, keys))
        return parts.repeat_interleave(heads // parts.shape[-2], dim=-2)

    decay = log_a.unflatten(-1, (heads, keys)) if log_a is not None and by_key else log_a
    erased = None if e is None else by_head(e)
    placed = None if f is None else by_head(f)
    return Vectors(decay, erased, placed, by_head(w), v.unflatten(-1, (heads, d_v)), by_head(q))


def recurrence(node: Node, inputs: Inputs, weights: list[Tensor], state: Tensor) -> tuple[Tensor, Tensor]:
    """By doubling: after round k every place has composed the last 2^k steps (Hillis and Steele)."""
    a, b = inputs
    assert a is not None
    assert b is not None
    b = torch.cat((b[..., :1, :] + a[..., :1, :] * state.unsqueeze(-2), b[..., 1:, :]), dim=-2)
    gap, time = 1, a.shape[-2]
    while gap < time:
        b = torch.cat((b[..., :gap, :], b[..., gap:, :] + a[..., gap:, :] * b[..., :-gap, :]), dim=-2)
        a = torch.cat((a[..., :gap, :], a[..., gap:, :] * a[..., :-gap, :]), dim=-2)
        gap *= 2
    return b, b[..., -1, :].clone()


def _stabilise(node: Node, inputs: Inputs, weights: list[Tensor], top: Tensor) -> tuple[Tensor, Tensor]:
    log_f, log_i = inputs
    assert log_f is not None
    assert log_i is not None
    tops = [top.detach()]
    for place in range(log_f.shape[-2]):
        tops.append(torch.maximum(log_f[..., place, :].detach() + tops[-1], log_i[..., place, :].detach()))
    found = torch.stack(tops, dim=-2)
    before, m = found[..., :-1, :], found[..., 1:, :]
    return torch.cat((log_f + before - m, log_i - m, -m), dim=-1), tops[-1].clone()


def _attention(node: Node, inputs: Inputs, weights: list[Tensor], cache: Tensor) -> tuple[Tensor, Tensor]:
    """`cache` is `(*batch, tokens, 2 * kv_width)`: keys without their turn, then values."""
    heads, kv_heads, d_head, window, d_rotary, *reaches = node.ints
    base, *slopes = node.reals
    q, k, v = inputs
    assert q is not None
    assert k is not None
    assert v is not None
    time, held = q.shape[-2], cache.shape[-2]
    cache = torch.cat((cache.to(k.dtype), torch.cat((k, v), dim=-1)), dim=-2)
    keys, values = (
        part.unflatten(-1, (kv_heads, d_head)).repeat_interleave(heads // kv_heads, dim=-2).transpose(-3, -2)
        for part in cache.chunk(2, dim=-1)
    )
    queries = q.unflatten(-1, (heads, d_head)).transpose(-3, -2)
    places = torch.arange(held + time, device=q.device)
    queries = _turned(queries, places[held:], d_rotary, base)
    scores = queries @ _turned(keys, places, d_rotary, base).mT * d_head**-0.5
    distance = places[held:, None] - places
    seeing = tuple(min(r or held + time, window or held + time) for r in reaches)
    reach = constant_signal(seeing, torch.int64, q.device)
    seen = (distance >= 0) & (distance < reach[:, None, None])
    slope = constant_signal(tuple(slopes), q.dtype, q.device)[:, None, None]
    scores = (scores - slope * distance).masked_fill(~seen, float("-inf"))
    found = (scores.softmax(-1) @ values).transpose(-3, -2).flatten(-2)
    kept = cache if not window else cache[..., max(0, held + time - (window - 1)) :, :]
    return found, kept.clone()


@functools.cache
def constant_signal(numbers: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Held on the device: a step that a CUDA graph captures may copy nothing from the host."""
    return torch.tensor(numbers, dtype=dtype, device=device)


def _turned(x: Tensor, places: Tensor, d_rotary: int, base: float) -> Tensor:
    """The first `d_rotary` dimensions turned by the position, the first half paired with the second (GPT-NeoX)."""
    if d_rotary == 0:
        return x
    powers = torch.arange(0, d_rotary, 2, dtype=torch.float64, device=x.device) / d_rotary
    turn = places.to(torch.float64).unsqueeze(-1) * base**-powers
    cos, sin = turn.cos().to(x.dtype), turn.sin().to(x.dtype)
    half = d_rotary // 2
    first, second = x[..., :half], x[..., half:d_rotary]
    return torch.cat((first * cos - second * sin, second * cos + first * sin, x[..., d_rotary:]), dim=-1)


OPERATIONS: Mapping[Op, Callable[[Node, Inputs, list[Tensor], Tensor], tuple[Tensor, Tensor]]] = {
    Op.CONVOLUTION: convolution,
    Op.SHIFT: shift,
    Op.MATRIX_STATE: _matrix_state,
    Op.RECURRENCE: recurrence,
    Op.STABILISE: _stabilise,
    Op.ATTENTION: _attention,
}
