"""Gradients of the stages in `transformer_forward.py`, packed as `mamba_backward.py` packs them."""
# pyright: reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false

import triton
import triton.language as tl

from plait.kernels.triton.tiles import (
    load_rows,
    load_transposed,
    load_vector,
    normalise,
    normalise_backward,
    sigmoid,
    silu_slope,
    store_rows,
)  # fmt: skip


@triton.jit
def combine_backward(
    hidden, attended, dout, norm, norm_bias, dense, up, up_bias, down, dattended, dhidden, packed, norm_stride,
    norm_bias_stride, dense_stride, up_stride, up_bias_stride, down_stride, rows, total, norm_at, dense_at, up_at, eps,
    D: tl.constexpr, U: tl.constexpr, D_PAD: tl.constexpr, U_PAD: tl.constexpr, ROWS: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """`dhidden` here is that of residual and MLP; weights from `dense` on, and the second norm."""
    member, part = tl.program_id(0).to(tl.int64), tl.program_id(1)
    parts = tl.num_programs(1)
    f, unit = tl.arange(0, D_PAD), tl.arange(0, U_PAD)
    start = member * rows * D
    norm_weight = load_vector(norm + member * norm_stride, f, D)
    norm_shift = load_vector(norm_bias + member * norm_bias_stride, f, D)
    dense += member * dense_stride
    up += member * up_stride
    down += member * down_stride
    by_norm = tl.zeros([D_PAD], tl.float32)
    by_norm_bias = tl.zeros([D_PAD], tl.float32)
    by_dense = tl.zeros([D_PAD, D_PAD], tl.float32)
    by_bias = tl.zeros([D_PAD], tl.float32)
    by_up = tl.zeros([U_PAD, D_PAD], tl.float32)
    by_up_bias = tl.zeros([U_PAD], tl.float32)
    by_down = tl.zeros([D_PAD, U_PAD], tl.float32)
    share = tl.cdiv(tl.cdiv(rows, ROWS), parts)
    for block in range(part * share, (part + 1) * share):
        row = block * ROWS + tl.arange(0, ROWS)
        dvalue = load_rows(dout + start, row, f, rows, D)
        by_bias += tl.sum(dvalue, axis=0)
        seen = load_rows(attended + start, row, f, rows, D)
        by_dense += tl.dot(tl.trans(dvalue), seen, input_precision=PRECISION)
        matrix = load_rows(dense, f, f, D, D)
        store_rows(dattended + start, tl.dot(dvalue, matrix, input_precision=PRECISION), row, f, rows, D)
        dx = dvalue
        if U > 0:
            normal, scale = normalise(load_rows(hidden + start, row, f, rows, D), f < D, D, eps)
            normed = normal * norm_weight[None, :] + norm_shift[None, :]
            raised = tl.dot(normed, load_transposed(up, unit, f, U, D), input_precision=PRECISION)
            raised += load_vector(up_bias + member * up_bias_stride, unit, U)[None, :]
            active = raised * sigmoid(raised)
            by_down += tl.dot(tl.trans(dvalue), active, input_precision=PRECISION)
            draised = tl.dot(dvalue, load_rows(down, f, unit, D, U), input_precision=PRECISION) * silu_slope(
                raised
            )
            by_up_bias += tl.sum(draised, axis=0)
            by_up += tl.dot(tl.trans(draised), normed, input_precision=PRECISION)
            dnormed = tl.dot(draised, load_rows(up, unit, f, U, D), input_precision=PRECISION)
            by_norm += tl.sum(dnormed * normal, axis=0)
            by_norm_bias += tl.sum(dnormed, axis=0)
            dx += normalise_backward(dnormed * norm_weight[None, :], normal, scale, D)
        store_rows(dhidden + start, dx, row, f, rows, D)
    packed += (member * parts + part) * total
    tl.store(packed + norm_at + f, by_norm, mask=f < D)
    tl.store(packed + norm_at + D + f, by_norm_bias, mask=f < D)
    packed += dense_at
    store_rows(packed, by_dense, f, f, D, D)
    tl.store(packed + D * D + f, by_bias, mask=f < D)
    packed += up_at - dense_at
    store_rows(packed, by_up, unit, f, U, D)
    tl.store(packed + U * D + unit, by_up_bias, mask=unit < U)
    packed += U * D + U
    store_rows(packed, by_down, f, unit, D, U)
    tl.store(packed + D * U + f, by_bias, mask=f < D)


@triton.jit
def heads_backward(
    hidden, dqkv, cos, sin, norm, norm_bias, weight, dhidden, packed, norm_stride, norm_bias_stride, weight_stride,
    rows, time, total, norm_at, weight_at, eps,
    D: tl.constexpr, WIDTH: tl.constexpr, PAIRS: tl.constexpr, D_PAD: tl.constexpr, ROWS: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """Adds to `dhidden`; the third of `dqkv` holding a feature and whether it was turned follow from its head."""
    member, part = tl.program_id(0).to(tl.int64), tl.program_id(1)
    parts = tl.num_programs(1)
    f = tl.arange(0, D_PAD)
    start = member * rows * D
    norm_weight = load_vector(norm + member * norm_stride, f, D)
    norm_shift = load_vector(norm_bias + member * norm_bias_stride, f, D)
    weight += member * weight_stride
    dqkv += member * rows * 3 * D
    by_norm = tl.zeros([D_PAD], tl.float32)
    by_norm_bias = tl.zeros([D_PAD], tl.float32)
    by_q = tl.zeros([D_PAD, D_PAD], tl.float32)
    by_k = tl.zeros([D_PAD, D_PAD], tl.float32)
    by_v = tl.zeros([D_PAD, D_PAD], tl.float32)
    by_q_bias = tl.zeros([D_PAD], tl.float32)
    by_k_bias = tl.zeros([D_PAD], tl.float32)
    by_v_bias = tl.zeros([D_PAD], tl.float32)
    # Feature f of all queries is feature `place` of head `head`; its row of the weight matrix is `own`.
    place = f % WIDTH
    own = f // WIDTH * 3 * WIDTH + place
    turning = place < 2 * PAIRS
    partner = own + tl.where(place < PAIRS, PAIRS, tl.where(turning, -PAIRS, 0))
    share = tl.cdiv(tl.cdiv(rows, ROWS), parts)
    for block in range(part * share, (part + 1) * share):
        row = block * ROWS + tl.arange(0, ROWS)
        normal, scale = normalise(load_rows(hidden + start, row, f, rows, D), f < D, D, eps)
        normed = normal * norm_weight[None, :] + norm_shift[None, :]
        mask = (row < rows)[:, None] & (f < D)[None, :]
        angle = (row % time)[:, None] * WIDTH + place[None, :]
        cosine = tl.load(cos + angle, mask=mask, other=0.0)
        sine = tl.load(sin + angle, mask=mask, other=0.0)
        at = dqkv + row[:, None] * (3 * D) + own[None, :]
        at_partner = dqkv + row[:, None] * (3 * D) + partner[None, :]
        dq = tl.load(at, mask=mask, other=0.0) * cosine - tl.load(at_partner, mask=mask, other=0.0) * sine
        dk = tl.load(at + WIDTH, mask=mask, other=0.0) * cosine
        dk -= tl.load(at_partner + WIDTH, mask=mask, other=0.0) * sine
        dv = tl.load(at + 2 * WIDTH, mask=mask, other=0.0)
        by_q += tl.dot(tl.trans(dq), normed, input_precision=PRECISION)
        by_k += tl.dot(tl.trans(dk), normed, input_precision=PRECISION)
        by_v += tl.dot(tl.trans(dv), normed, input_precision=PRECISION)
        by_q_bias += tl.sum(dq, axis=0)
        by_k_bias += tl.sum(dk, axis=0)
        by_v_bias += tl.sum(dv, axis=0)
        dnormed = tl.dot(dq, _matrix(weight, own, f, D), input_precision=PRECISION)
        dnormed += tl.dot(dk, _matrix(weight + WIDTH * D, own, f, D), input_precision=PRECISION)
        dnormed += tl.dot(dv, _matrix(weight + 2 * WIDTH * D, own, f, D), input_precision=PRECISION)
        by_norm += tl.sum(dnormed * normal, axis=0)
        by_norm_bias += tl.sum(dnormed, axis=0)
        dx = load_rows(dhidden + start, row, f, rows, D)
        dx += normalise_backward(dnormed * norm_weight[None, :], normal, scale, D)
        store_rows(dhidden + start, dx, row, f, rows, D)
    packed += (member * parts + part) * total
    tl.store(packed + norm_at + f, by_norm, mask=f < D)
    tl.store(packed + norm_at + D + f, by_norm_bias, mask=f < D)
    packed += weight_at
    square = (f < D)[:, None] & (f < D)[None, :]
    into = packed + own[:, None] * D + f[None, :]
    tl.store(into, by_q, mask=square)
    tl.store(into + WIDTH * D, by_k, mask=square)
    tl.store(into + 2 * WIDTH * D, by_v, mask=square)
    into = packed + 3 * D * D + own
    tl.store(into, by_q_bias, mask=f < D)
    tl.store(into + WIDTH, by_k_bias, mask=f < D)
    tl.store(into + 2 * WIDTH, by_v_bias, mask=f < D)


@triton.jit
def _matrix(weight, own, f, D: tl.constexpr):
    """The rows `own` of a weight matrix, zero outside."""
    mask = (tl.arange(0, f.shape[0]) < D)[:, None] & (f < D)[None, :]
    return tl.load(weight + own[:, None] * D + f[None, :], mask=mask, other=0.0)
