"""The stages of a GPT-NeoX layer around its attention, each a kernel over tiles of tokens of one member.

heads     qkv = query_key_value(LayerNorm(hidden)), queries and keys turned by their positions
(attend)  attended
combine   out = hidden + dense(attended) + MLP(LayerNorm(hidden))

Then their gradients, packed as `gpu.py` packs them.
"""
# pyright: standard, reportPossiblyUnboundVariable=false, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false

import triton
import triton.language as tl

from plait.kernels.common.gpu_tiles import (
    load_rows,
    load_transposed,
    load_vector,
    member_kernel,
    normalise,
    normalise_backward,
    product,
    sigmoid,
    silu_slope,
    store_rows,
)  # fmt: skip
from plait.kernels.dropout import gpu as masks


@member_kernel
def heads(
    hidden, cos, sin, norm, norm_bias, weight, bias, qkv, norm_stride, norm_bias_stride, weight_stride, bias_stride,
    rows, time, eps,
    D: tl.constexpr, WIDTH: tl.constexpr, TURNED: tl.constexpr, D_PAD: tl.constexpr, ROWS: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """Queries and keys come out turned; a partner's value is a product with the partner's row of the weights."""
    member = tl.program_id(0).to(tl.int64)
    row = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    f = tl.arange(0, D_PAD)
    normal, _ = normalise(load_rows(hidden + member * rows * D, row, f, rows, D), f < D, D, eps)
    normed = normal * load_vector(norm + member * norm_stride, f, D)[None, :]
    normed += load_vector(norm_bias + member * norm_bias_stride, f, D)[None, :]
    weight += member * weight_stride
    bias += member * bias_stride
    qkv += member * rows * 3 * D
    inside = (row < rows)[:, None] & (f < D)[None, :]
    for third in tl.static_range(3):
        column = third * D + f
        value = _product(normed, weight, bias, column, f, D, PRECISION)
        # With one head the last third are the values, which nothing turns.
        if TURNED > 0 and (third < 2 or WIDTH < D):
            turned, partner = partners(column, TURNED // 2, WIDTH, TURNED)
            cosine = _factors(cos, row, column, inside & turned[None, :], time, 1.0, WIDTH)
            sine = _factors(sin, row, column, inside & turned[None, :], time, 0.0, WIDTH)
            value = value * cosine + _product(normed, weight, bias, partner, f, D, PRECISION) * sine
        tl.store(qkv + row[:, None] * (3 * D) + column[None, :], value, mask=inside)


@triton.jit
def _product(normed, weight, bias, column, f, D: tl.constexpr, PRECISION: tl.constexpr):
    """The outputs `column` of a linear map."""
    mask = (f < D)[:, None] & (f < D)[None, :]
    matrix = tl.load(weight + column[None, :] * D + f[:, None], mask=mask, other=0.0)
    shift = tl.load(bias + column, mask=f < D, other=0.0)
    return product(normed, matrix, PRECISION) + shift[None, :]


@triton.jit
def partners(column, shift, WIDTH: tl.constexpr, TURNED: tl.constexpr):
    """For columns of a row of (query, key, value) heads: whether they turn, and the one `shift` on in their circle."""
    place = column % WIDTH
    turned = (column // WIDTH % 3 < 2) & (place < TURNED)
    return turned, column + tl.where(turned, (place + shift) % TURNED - place, 0)


@triton.jit
def _factors(table, row, column, mask, time, other, WIDTH: tl.constexpr):
    """What `table` (time, WIDTH) has for these columns at each row's position."""
    at = (row % time)[:, None] * WIDTH + (column % WIDTH)[None, :]
    return tl.load(table + at, mask=mask, other=other)


@member_kernel
def combine(
    hidden, attended, norm, norm_bias, dense, dense_bias, up, up_bias, down, down_bias, out, norm_stride,
    norm_bias_stride, dense_stride, dense_bias_stride, up_stride, up_bias_stride, down_stride, down_bias_stride,
    rows, eps, seeds, clock, draw, step, purpose, limit, inverse,
    D: tl.constexpr, U: tl.constexpr, D_PAD: tl.constexpr, U_PAD: tl.constexpr, ROWS: tl.constexpr,
    PRECISION: tl.constexpr, DROP: tl.constexpr, HELD: tl.constexpr,
):  # fmt: skip
    """With DROP, what attention gives is dropped by `draw`, what the MLP gives by the next."""
    member = tl.program_id(0).to(tl.int64)
    row = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    f, unit = tl.arange(0, D_PAD), tl.arange(0, U_PAD)
    start = member * rows * D
    x = load_rows(hidden + start, row, f, rows, D)
    matrix = load_transposed(dense + member * dense_stride, f, f, D, D)
    if DROP:
        seed = tl.load(seeds + member)
        if HELD:
            step = tl.load(clock)
        value = product(load_rows(attended + start, row, f, rows, D), matrix, PRECISION)
        value += load_vector(dense_bias + member * dense_bias_stride, f, D)[None, :]
        value = x + value * masks.factors(
            seed, row * D, 0, draw, step, purpose, limit, inverse, D_PAD, D % 4 == 0
        )
        thought = (
            tl.zeros([ROWS, D_PAD], tl.float32)
            + load_vector(down_bias + member * down_bias_stride, f, D)[None, :]
        )
    else:
        value = x + product(load_rows(attended + start, row, f, rows, D), matrix, PRECISION)
        value += load_vector(dense_bias + member * dense_bias_stride, f, D)[None, :]
        value += load_vector(down_bias + member * down_bias_stride, f, D)[None, :]
    normal, _ = normalise(x, f < D, D, eps)
    normed = normal * load_vector(norm + member * norm_stride, f, D)[None, :]
    normed += load_vector(norm_bias + member * norm_bias_stride, f, D)[None, :]
    if U > 0:
        matrix = load_transposed(up + member * up_stride, unit, f, U, D)
        raised = product(normed, matrix, PRECISION)
        raised += load_vector(up_bias + member * up_bias_stride, unit, U)[None, :]
        matrix = load_transposed(down + member * down_stride, f, unit, D, U)
        if DROP:
            thought += product(raised * sigmoid(raised), matrix, PRECISION)
        else:
            value += product(raised * sigmoid(raised), matrix, PRECISION)
    if DROP:
        value += thought * masks.factors(
            seed, row * D, 0, draw + 1, step, purpose, limit, inverse, D_PAD, D % 4 == 0
        )
    store_rows(out + start, value, row, f, rows, D)


@member_kernel
def combine_backward(
    hidden, attended, dout, norm, norm_bias, dense, up, up_bias, down, dattended, dhidden, packed, norm_stride,
    norm_bias_stride, dense_stride, up_stride, up_bias_stride, down_stride, rows, total, norm_at, dense_at, up_at, eps,
    seeds, clock, draw, step, purpose, limit, inverse,
    D: tl.constexpr, U: tl.constexpr, D_PAD: tl.constexpr, U_PAD: tl.constexpr, ROWS: tl.constexpr,
    PRECISION: tl.constexpr, DROP: tl.constexpr, HELD: tl.constexpr,
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
    by_down_bias = tl.zeros([D_PAD], tl.float32)
    if DROP:
        seed = tl.load(seeds + member)
        if HELD:
            step = tl.load(clock)
    by_up = tl.zeros([U_PAD, D_PAD], tl.float32)
    by_up_bias = tl.zeros([U_PAD], tl.float32)
    by_down = tl.zeros([D_PAD, U_PAD], tl.float32)
    share = tl.cdiv(tl.cdiv(rows, ROWS), parts)
    for block in range(part * share, (part + 1) * share):
        row = block * ROWS + tl.arange(0, ROWS)
        dvalue = load_rows(dout + start, row, f, rows, D)
        dx, dthought = dvalue, dvalue
        if DROP:
            dthought = dx * masks.factors(
                seed, row * D, 0, draw + 1, step, purpose, limit, inverse, D_PAD, D % 4 == 0
            )
            dvalue = dx * masks.factors(
                seed, row * D, 0, draw, step, purpose, limit, inverse, D_PAD, D % 4 == 0
            )
            by_down_bias += tl.sum(dthought, axis=0)
        by_bias += tl.sum(dvalue, axis=0)
        seen = load_rows(attended + start, row, f, rows, D)
        by_dense += product(tl.trans(dvalue), seen, PRECISION)
        matrix = load_rows(dense, f, f, D, D)
        store_rows(dattended + start, product(dvalue, matrix, PRECISION), row, f, rows, D)
        if U > 0:
            normal, scale = normalise(load_rows(hidden + start, row, f, rows, D), f < D, D, eps)
            normed = normal * norm_weight[None, :] + norm_shift[None, :]
            raised = product(normed, load_transposed(up, unit, f, U, D), PRECISION)
            raised += load_vector(up_bias + member * up_bias_stride, unit, U)[None, :]
            active = raised * sigmoid(raised)
            by_down += product(tl.trans(dthought), active, PRECISION)
            draised = product(dthought, load_rows(down, f, unit, D, U), PRECISION) * silu_slope(raised)
            by_up_bias += tl.sum(draised, axis=0)
            by_up += product(tl.trans(draised), normed, PRECISION)
            dnormed = product(draised, load_rows(up, unit, f, U, D), PRECISION)
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
    tl.store(packed + D * U + f, by_down_bias if DROP else by_bias, mask=f < D)


@member_kernel
def heads_backward(
    hidden, dqkv, cos, sin, norm, norm_bias, weight, dhidden, packed, norm_stride, norm_bias_stride, weight_stride,
    rows, time, total, norm_at, weight_at, eps,
    D: tl.constexpr, WIDTH: tl.constexpr, TURNED: tl.constexpr, D_PAD: tl.constexpr, COLUMNS: tl.constexpr,
    ROWS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Adds to `dhidden`; turns the gradients of queries and keys back, COLUMNS of them in a pass over the rows."""
    member, part = tl.program_id(0).to(tl.int64), tl.program_id(1)
    parts = tl.num_programs(1)
    f = tl.arange(0, D_PAD)
    start = member * rows * D
    norm_weight = load_vector(norm + member * norm_stride, f, D)
    norm_shift = load_vector(norm_bias + member * norm_bias_stride, f, D)
    weight += member * weight_stride
    dqkv += member * rows * 3 * D
    packed += (member * parts + part) * total
    by_norm = tl.zeros([D_PAD], tl.float32)
    by_norm_bias = tl.zeros([D_PAD], tl.float32)
    share = tl.cdiv(tl.cdiv(rows, ROWS), parts)
    for first in tl.static_range(0, 3 * D, COLUMNS):
        column = first + tl.arange(0, COLUMNS)
        by_weight = tl.zeros([COLUMNS, D_PAD], tl.float32)
        by_bias = tl.zeros([COLUMNS], tl.float32)
        if first > 0:
            tl.debug_barrier()
        for block in range(part * share, (part + 1) * share):
            row = block * ROWS + tl.arange(0, ROWS)
            normal, scale = normalise(load_rows(hidden + start, row, f, rows, D), f < D, D, eps)
            normed = normal * norm_weight[None, :] + norm_shift[None, :]
            value = load_rows(dqkv, row, column, rows, 3 * D)
            if TURNED > 0:
                turned, source = partners(column, TURNED - TURNED // 2, WIDTH, TURNED)
                inside = (row < rows)[:, None] & (turned & (column < 3 * D))[None, :]
                cosine = _factors(cos, row, column, inside, time, 1.0, WIDTH)
                sine = _factors(sin, row, source, inside, time, 0.0, WIDTH)
                other = tl.load(dqkv + row[:, None] * (3 * D) + source[None, :], mask=inside, other=0.0)
                value = value * cosine + other * sine
            by_weight += product(tl.trans(value), normed, PRECISION)
            by_bias += tl.sum(value, axis=0)
            dnormed = product(value, load_rows(weight, column, f, 3 * D, D), PRECISION)
            by_norm += tl.sum(dnormed * normal, axis=0)
            by_norm_bias += tl.sum(dnormed, axis=0)
            dx = load_rows(dhidden + start, row, f, rows, D)
            dx += normalise_backward(dnormed * norm_weight[None, :], normal, scale, D)
            store_rows(dhidden + start, dx, row, f, rows, D)
        store_rows(packed + weight_at, by_weight, column, f, 3 * D, D)
        tl.store(packed + weight_at + 3 * D * D + column, by_bias, mask=column < 3 * D)
    tl.store(packed + norm_at + f, by_norm, mask=f < D)
    tl.store(packed + norm_at + D + f, by_norm_bias, mask=f < D)
