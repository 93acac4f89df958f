"""The matrix-state recurrence on a GPU: a program walks along one sequence with some rows of one head's state.

Rows of the state (values) do not meet. Forward keeps the state before every CHUNK-th token; backward computes the
states of a chunk again from there, then walks the chunk from its end. The plain version is `reference.py`.
"""
# pyright: standard, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false, reportCallIssue=false

import triton
import triton.language as tl

from plait.kernels.common.gpu_tiles import sized_kernel

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
