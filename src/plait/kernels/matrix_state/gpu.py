"""The matrix-state recurrence on a GPU, forward and backward: what `reference.recurrent` reads from zeros on.

A program walks along one sequence with some rows of one head's state. Rows of the state (values) do not meet. Forward
keeps the state before every CHUNK-th token; backward computes the states of a chunk again from there, then walks the
chunk from its end. The plain version is `reference.py`.
"""
# pyright: standard, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false, reportCallIssue=false, reportIncompatibleMethodOverride=false, reportOptionalMemberAccess=false

from typing import Any

import torch
import triton
import triton.language as tl
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels.common.gpu_tiles import by_rows, padded, sized_kernel

_SIZES = ("time", "heads", "keys", "values", "a_row", "e_row", "f_row", "w_row", "v_row", "q_row")


@triton.jit
def _factor(log_a, row, head, k, here, keys, DECAY: tl.constexpr):
    """exp(log a) of a token: of the head, or of each key; 1 past the end."""
    at = log_a + row + (head * keys + k if DECAY == 2 else head + k * 0)
    return tl.exp(tl.load(at, mask=here & (k < keys), other=0.0))


@sized_kernel(*_SIZES)
def state_forward(
    log_a, e, f, w, v, q, y, kept, time, heads, keys, values, a_row, e_row, f_row, w_row, v_row, q_row,
    DECAY: tl.constexpr, ERASES: tl.constexpr, KEEPS: tl.constexpr, K_PAD: tl.constexpr, V_BLOCK: tl.constexpr,
    CHUNK: tl.constexpr,
):  # fmt: skip
    """`y`, its rows `heads * values` wide, and `kept` `(sequences, heads, chunks, values, keys)`."""
    sequence, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    k, d = tl.arange(0, K_PAD), tl.program_id(2) * V_BLOCK + tl.arange(0, V_BLOCK)
    is_key, is_value, start = k < keys, d < values, sequence * time
    inside = is_value[:, None] & is_key[None, :]
    kept += (sequence * heads + head) * tl.cdiv(time, CHUNK) * values * keys
    state = tl.zeros([V_BLOCK, K_PAD], w.dtype.element_ty)
    for first in range(0, time, CHUNK):
        if KEEPS:
            at = kept + (first // CHUNK) * values * keys + d[:, None] * keys + k[None, :]
            tl.store(at, state, mask=inside)
        for i in tl.static_range(CHUNK):
            here, row = first + i < time, start + first + i
            w_i = tl.load(w + row * w_row + head * keys + k, mask=here & is_key, other=0.0)
            q_i = tl.load(q + row * q_row + head * keys + k, mask=here & is_key, other=0.0)
            v_i = tl.load(v + row * v_row + head * values + d, mask=here & is_value, other=0.0)
            new = v_i[:, None] * w_i[None, :]
            if ERASES:
                e_i = tl.load(e + row * e_row + head * keys + k, mask=here & is_key, other=0.0)
                f_i = tl.load(f + row * f_row + head * keys + k, mask=here & is_key, other=0.0)
                new -= tl.sum(state * e_i[None, :], axis=1)[:, None] * f_i[None, :]
            if DECAY:
                new += state * _factor(log_a, row * a_row, head, k, here, keys, DECAY)[None, :]
            else:
                new += state
            state = new
            read = tl.sum(state * q_i[None, :], axis=1)
            tl.store(y + (row * heads + head) * values + d, read, mask=here & is_value)


@sized_kernel(*_SIZES)
def state_backward(
    log_a, e, f, w, v, q, kept, dy, da, de, df, dw, dv, dq, time, heads, keys, values, a_row, e_row, f_row, w_row,
    v_row, q_row,
    DECAY: tl.constexpr, ERASES: tl.constexpr, K_PAD: tl.constexpr, V_BLOCK: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    """Gradients of `state_forward`; those by `log_a` and the keys are `(rows, blocks of values, heads, ..)`."""
    sequence, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    block, n_blocks = tl.program_id(2), tl.num_programs(2)
    k, d = tl.arange(0, K_PAD), block * V_BLOCK + tl.arange(0, V_BLOCK)
    is_key, is_value, start = k < keys, d < values, sequence * time
    inside = is_value[:, None] & is_key[None, :]
    n_chunks = tl.cdiv(time, CHUNK)
    kept += (sequence * heads + head) * n_chunks * values * keys
    by_state = tl.zeros([V_BLOCK, K_PAD], w.dtype.element_ty)
    for back in range(n_chunks):
        chunk = n_chunks - 1 - back
        first = chunk * CHUNK
        at = kept + chunk * values * keys + d[:, None] * keys + k[None, :]
        states, us = (tl.load(at, mask=inside, other=0.0),), ()
        for i in tl.static_range(CHUNK):
            here, row = first + i < time, start + first + i
            w_i = tl.load(w + row * w_row + head * keys + k, mask=here & is_key, other=0.0)
            v_i = tl.load(v + row * v_row + head * values + d, mask=here & is_value, other=0.0)
            new = v_i[:, None] * w_i[None, :]
            if ERASES:
                e_i = tl.load(e + row * e_row + head * keys + k, mask=here & is_key, other=0.0)
                f_i = tl.load(f + row * f_row + head * keys + k, mask=here & is_key, other=0.0)
                us += (tl.sum(states[i] * e_i[None, :], axis=1),)
                new -= us[i][:, None] * f_i[None, :]
            if DECAY:
                new += states[i] * _factor(log_a, row * a_row, head, k, here, keys, DECAY)[None, :]
            else:
                new += states[i]
            states += (new,)
        for i in tl.static_range(CHUNK - 1, -1, -1):
            here, row = first + i < time, start + first + i
            w_i = tl.load(w + row * w_row + head * keys + k, mask=here & is_key, other=0.0)
            q_i = tl.load(q + row * q_row + head * keys + k, mask=here & is_key, other=0.0)
            v_i = tl.load(v + row * v_row + head * values + d, mask=here & is_value, other=0.0)
            dy_i = tl.load(dy + (row * heads + head) * values + d, mask=here & is_value, other=0.0)
            by_state += dy_i[:, None] * q_i[None, :]
            at_key = ((row * n_blocks + block) * heads + head) * keys + k
            store = here & is_key
            tl.store(dq + at_key, tl.sum(states[i + 1] * dy_i[:, None], axis=0), mask=store)
            tl.store(dw + at_key, tl.sum(by_state * v_i[:, None], axis=0), mask=store)
            by_value = tl.sum(by_state * w_i[None, :], axis=1)
            tl.store(dv + (row * heads + head) * values + d, by_value, mask=here & is_value)
            before = by_state
            if DECAY:
                before = by_state * _factor(log_a, row * a_row, head, k, here, keys, DECAY)[None, :]
                by_factor = before * states[i]
                if DECAY == 2:
                    tl.store(da + at_key, tl.sum(by_factor, axis=0), mask=store)
                else:
                    total = tl.sum(tl.sum(by_factor, axis=1), axis=0)
                    tl.store(da + (row * n_blocks + block) * heads + head, total, mask=here)
            if ERASES:
                e_i = tl.load(e + row * e_row + head * keys + k, mask=here & is_key, other=0.0)
                f_i = tl.load(f + row * f_row + head * keys + k, mask=here & is_key, other=0.0)
                du = -tl.sum(by_state * f_i[None, :], axis=1)
                tl.store(df + at_key, -tl.sum(by_state * us[i][:, None], axis=0), mask=store)
                tl.store(de + at_key, tl.sum(states[i] * du[:, None], axis=0), mask=store)
                before += du[:, None] * e_i[None, :]
            by_state = before


WIDEST_KEYS = 128
"""Past this a row of the state does not fit a program's registers."""

_CHUNK = 2
"""Tokens between two stored states."""
_NUMBERS = (512, 2048)
"""Of a state: what one warp holds, and what a program of four does."""


def matrix_state(
    log_a: Float[Tensor, "members batch time decays"] | None,
    e: Float[Tensor, "members batch time heads*d_k"] | None,
    f: Float[Tensor, "members batch time heads*d_k"] | None,
    w: Float[Tensor, "members batch time heads*d_k"],
    v: Float[Tensor, "members batch time heads*d_v"],
    q: Float[Tensor, "members batch time heads*d_k"],
    *,
    heads: int,
) -> Float[Tensor, "members batch time heads*d_v"]:
    """All tokens' reads; `log_a` is a number a head, or one a key. A sequence's bits are its own."""
    return _MatrixState.apply(heads, log_a, e, f, w, v, q)  # type: ignore[no-any-return]


class _MatrixState(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, heads: int, *given: Tensor | None) -> Tensor:
        vectors = [None if tensor is None else by_rows(tensor) for tensor in given]
        cut = _Cut(heads, vectors)
        w, v = vectors[3], vectors[4]
        keeps = any(ctx.needs_input_grad)
        y = v.new_empty(v.shape)
        kept = v.new_empty(cut.kept if keeps else 1)
        filled = [w if tensor is None else tensor for tensor in vectors]
        state_forward[cut.grid](*filled, y, kept, *cut.sizes, **cut.rows(filled), KEEPS=keeps, **cut.launch)
        ctx.save_for_backward(*vectors, kept)
        ctx.cut = cut
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        *vectors, kept = ctx.saved_tensors
        cut = ctx.cut
        v, w = vectors[4], vectors[3]
        filled = [w if tensor is None else tensor for tensor in vectors]
        dv, dy = v.new_empty(v.shape), dy.contiguous()
        parts = [
            dv if place == 4 else None if tensor is None else cut.parts(tensor)
            for place, tensor in enumerate(vectors)
        ]
        outputs = [dv if part is None else part for part in parts]
        state_backward[cut.grid](*filled, kept, dy, *outputs, *cut.sizes, **cut.rows(filled), **cut.launch)
        return None, *(
            part if part is dv or part is None else part.sum(3) if cut.blocks > 1 else part.squeeze(3)
            for part in parts
        )


class _Cut:
    """Sizes of a recurrence and of its programs."""

    def __init__(self, heads: int, vectors: list[Tensor | None]) -> None:
        log_a, e, _, w, v, _ = vectors
        members, batch, time, _ = v.shape
        keys, values = w.shape[-1] // heads, v.shape[-1] // heads
        k_pad = padded(keys, 1)
        block = min(padded(values, 1), max(1, _NUMBERS[1] // k_pad))
        self.blocks = triton.cdiv(values, block)
        self.grid = members * batch, heads, self.blocks
        self.sizes = time, heads, keys, values
        self.kept = members * batch * heads * triton.cdiv(time, _CHUNK) * values * keys
        decay = 0 if log_a is None else 1 if log_a.shape[-1] == heads else 2
        warps = 1 if k_pad * block <= _NUMBERS[0] else 4
        self.launch = {
            "DECAY": decay, "ERASES": e is not None, "K_PAD": k_pad, "V_BLOCK": block, "CHUNK": _CHUNK,
            "num_warps": warps, "num_stages": 1,
        }  # fmt: skip

    def rows(self, vectors: list[Tensor]) -> dict[str, int]:
        return {f"{name}_row": tensor.stride(-2) for name, tensor in zip("aefwvq", vectors, strict=True)}

    def parts(self, tensor: Tensor) -> Tensor:
        """A gradient for each block of values."""
        return tensor.new_empty(*tensor.shape[:-1], self.blocks, tensor.shape[-1])
