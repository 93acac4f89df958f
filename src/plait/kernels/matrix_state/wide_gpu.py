"""The matrix state of wide models on a GPU: four kernels in the place of products for all chunks together.

What `wide.products_together` reads where f is w, as an operation of its own, which torch.compile calls without
looking into it. Kept for the backward pass are the state before each chunk and the inverses, in the type of the
inputs; nothing of pairs is. Sums have a fixed order, so every call gives the same bits. The kernels are in
`wide_kernels.py`.

Their products are compiled to `mma.sync`, for which warps wait. Hopper's asynchronous ones (`wgmma`) took factors from
registers, and ptxas before CUDA 13.3 may use those anew while they are still read (NVIDIA's release notes of 13.3;
Triton 3.6 brings 12.8): on an H200 some gradients in 16 bits came out wrong, and differently twice.
"""
# pyright: standard, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from plait.kernels.matrix_state.reference import Vectors

_MOST_KEYS = 128
"""Past this the part of a state that a program holds does not fit its registers."""
_CHUNK = 64
"""Tokens of a chunk."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """How the work is cut into programs; it changes sums' order at most.

    Args:
        values: of a state that a program holds, and that are taken together where states are only read.
        keys: that are taken together where states are only read.
        warps: of a program that inverts, walks, walks back and differentiates.
    """

    values: int = 64
    keys: int = 64
    warps: tuple[int, int, int, int] = (4, 4, 4, 4)


def usable(vectors: Vectors, products: torch.dtype | None) -> bool:
    """Whether `delta_states` can take these where Triton is: f that is w, a decay a head or none, bfloat16, a GPU."""
    w = vectors.w
    fits = vectors.e is not None and vectors.f is w and w.ndim == 4
    by_head = vectors.log_a is None or vectors.log_a.ndim == 3
    return fits and by_head and w.is_cuda and takes(w.shape[-1], products)


def takes(d_k: int, products: torch.dtype | None) -> bool:
    """Whether keys of this size and products in this type are for `delta_states`."""
    return d_k <= _MOST_KEYS and products == torch.bfloat16


def delta_states(
    vectors: Vectors, *, products: torch.dtype, cut: Cut = Cut()
) -> Float[Tensor, "batch time heads d_v"]:
    """All tokens' reads from a zero state, in the vectors' own type; differentiable once.

    Args:
        vectors: with one batch axis and f that is w; `log_a` of each head, or None.
        products: the type that factors of products, and what is kept, are rounded to: bfloat16 or float32.
    """
    assert vectors.e is not None
    log_a = vectors.log_a
    log_a = vectors.w.new_zeros(vectors.w.shape[:-1]) if log_a is None else log_a
    rounded = (t.to(products) for t in (vectors.q, vectors.w, vectors.e, vectors.v))
    sizes = (cut.values, cut.keys, list(cut.warps))
    return _read(*rounded, log_a.float(), *sizes)[0].to(vectors.v.dtype)


@torch.library.custom_op("plait::delta_states", mutates_args=())
def _read(
    q: Tensor, w: Tensor, e: Tensor, v: Tensor, log_a: Tensor, values: int, keys: int, warps: list[int]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Reads, what is written of the values, the state before each chunk, and the chunks' inverses."""
    from plait.kernels.matrix_state.wide_kernels import invert, walk

    q, w, e, v, log_a = _rows(q), _rows(w), _rows(e), _rows(v), log_a.contiguous()
    batch, time, heads, d_k = w.shape
    d_v, chunks = v.shape[-1], -(-time // _CHUNK)
    y, u = v.new_empty(v.shape), v.new_empty(v.shape)
    states, inverses = v.new_empty(_states(v, d_k)), v.new_empty(batch, heads, chunks, _CHUNK, _CHUNK)
    launch, block = _launch(v, d_k), _block(d_v, values)
    with synchronous_products():
        invert[chunks, heads, batch](
            e, w, log_a, inverses, time, heads, d_k, e.stride(1), w.stride(1), LEVELS=_CHUNK.bit_length() - 1,
            num_warps=warps[0], **launch,
        )  # fmt: skip
        walk[-(-d_v // block), heads, batch](
            q, w, e, v, log_a, inverses, y, u, states, time, heads, d_k, d_v,
            q.stride(1), w.stride(1), e.stride(1), v.stride(1), V_BLOCK=block, num_warps=warps[1], **launch,
        )  # fmt: skip
    return y, u, states, inverses


@torch.library.custom_op("plait::delta_states_backward", mutates_args=())
def _by_vectors(
    dy: Tensor, q: Tensor, w: Tensor, e: Tensor, log_a: Tensor, u: Tensor, states: Tensor, inverses: Tensor,
    values: int, keys: int, warps: list[int],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """The gradients by q, w, e, v and log a."""
    from plait.kernels.matrix_state.wide_kernels import differentiate, walk_back

    q, w, e, dy, log_a = _rows(q), _rows(w), _rows(e), _rows(dy), log_a.contiguous()
    batch, time, heads, d_k = w.shape
    d_v, chunks = u.shape[-1], -(-time // _CHUNK)
    dq, dw, de = (w.new_empty(w.shape) for _ in range(3))
    dv, by_states, d_log_a = (
        u.new_empty(u.shape),
        states.new_empty(states.shape),
        log_a.new_empty(log_a.shape),
    )
    launch, block = _launch(u, d_k), _block(d_v, values)
    apart = q.stride(1), w.stride(1), e.stride(1), dy.stride(1)
    sizes = time, heads, d_k, d_v
    with synchronous_products():
        walk_back[-(-d_v // block), heads, batch](
            q, w, e, log_a, inverses, dy, dv, by_states, *sizes, *apart, V_BLOCK=block, num_warps=warps[2], **launch
        )  # fmt: skip
        differentiate[chunks, heads, batch](
            q, w, e, log_a, u, states, by_states, dy, dv, dq, dw, de, d_log_a, *sizes, *apart,
            V_BLOCK=block, K_BLOCK=_block(d_k, keys), num_warps=warps[3], **launch,
        )  # fmt: skip
    return dq, dw, de, dv, d_log_a


@contextmanager
def synchronous_products() -> Iterator[None]:
    """What Triton compiles in here multiplies by `mma.sync`; code that is kept on disk is told apart by it, too."""
    name = "DISABLE_MMA_V3"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


def _states(v: Tensor, d_k: int) -> tuple[int, ...]:
    batch, time, heads, d_v = v.shape
    return batch, heads, -(-time // _CHUNK), d_v, d_k


def _rows(x: Tensor) -> Tensor:
    """`(batch, time, heads, width)` whose tokens lie evenly apart, all numbers of one side by side."""
    from plait.kernels.common.gpu_tiles import by_rows

    heads, width = x.shape[2:]
    beside = (x.stride(3) == 1 or width == 1) and (x.stride(2) == width or heads == 1)
    x = x if beside else x.contiguous()
    return by_rows(x.flatten(2)).unflatten(2, (heads, width))


def _block(size: int, most: int) -> int:
    from plait.kernels.common.gpu_tiles import padded

    return min(padded(size), most)


def _launch(v: Tensor, d_k: int) -> dict[str, Any]:
    """What all kernels are compiled with."""
    from plait.kernels.common.gpu_tiles import padded

    precision = "tf32x3" if v.dtype == torch.float32 else "ieee"
    return {"CHUNK": _CHUNK, "K_PAD": padded(d_k), "PRECISION": precision, "num_stages": 1}


@_read.register_fake
def _(
    q: Tensor, w: Tensor, e: Tensor, v: Tensor, log_a: Tensor, values: int, keys: int, warps: list[int]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    batch, heads, chunks, _, d_k = states = _states(v, w.shape[-1])
    del d_k
    inverses = v.new_empty(batch, heads, chunks, _CHUNK, _CHUNK)
    return v.new_empty(v.shape), v.new_empty(v.shape), v.new_empty(states), inverses


@_by_vectors.register_fake
def _(
    dy: Tensor, q: Tensor, w: Tensor, e: Tensor, log_a: Tensor, u: Tensor, states: Tensor, inverses: Tensor,
    values: int, keys: int, warps: list[int],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    dq, dw, de = (w.new_empty(w.shape) for _ in range(3))
    return dq, dw, de, u.new_empty(u.shape), log_a.new_empty(log_a.shape)


def _hold(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    q, w, e, _, log_a, *ctx.cut = inputs
    ctx.save_for_backward(q, w, e, log_a, *output[1:])
    ctx.mark_non_differentiable(*output[1:])
    ctx.set_materialize_grads(False)


def _differentiate(ctx: Any, dy: Tensor | None, *_: Tensor | None) -> tuple[Tensor | None, ...]:
    if dy is None:
        return (None,) * 8
    return *_by_vectors(dy, *ctx.saved_tensors, *ctx.cut), None, None, None


_read.register_autograd(_differentiate, setup_context=_hold)
