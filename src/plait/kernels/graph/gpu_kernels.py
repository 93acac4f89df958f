"""The operations of a graph that are more than one PyTorch operation on a GPU, forward and backward.

Signals are rows of `width` numbers, `rows` for a member, evenly apart; weights have a members axis. Each program sums
in an order that the sizes of one member fix, so that a member's bits are its own.
"""
# pyright: standard, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false, reportCallIssue=false

import triton.language as tl

from plait.kernels.common.gpu_tiles import product, sized_kernel


@sized_kernel("rows", "n_in", "n_out", "x_row", "in_step", "out_step")
def multiply(
    x, weight, bias, out, weight_stride, bias_stride, rows, n_in, n_out, x_row, in_step, out_step,
    BIAS: tl.constexpr, ROWS: tl.constexpr, IN: tl.constexpr, OUT: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """`out = x W + bias`, the entry (i, o) of W standing `i in_step + o out_step` behind its first."""
    member = tl.program_id(0).to(tl.int64)
    r, o = tl.program_id(1) * ROWS + tl.arange(0, ROWS), tl.program_id(2) * OUT + tl.arange(0, OUT)
    total = tl.zeros([ROWS, OUT], tl.float32)
    if BIAS:
        total += tl.load(bias + member * bias_stride + o, mask=o < n_out, other=0.0)[None, :]
    x += (member * rows + r[:, None]) * x_row
    weight += member * weight_stride + o[None, :] * out_step
    for first in range(0, n_in, IN):
        i = first + tl.arange(0, IN)
        left = tl.load(x + i[None, :], mask=(r < rows)[:, None] & (i < n_in)[None, :], other=0.0)
        right = tl.load(
            weight + i[:, None] * in_step, mask=(i < n_in)[:, None] & (o < n_out)[None, :], other=0.0
        )
        total += product(left, right, PRECISION)
    mask = (r < rows)[:, None] & (o < n_out)[None, :]
    tl.store(out + (member * rows + r[:, None]) * n_out + o[None, :], total, mask=mask)


@sized_kernel("rows", "n_in", "n_out", "x_row", "dy_row")
def multiply_weight(
    dy, x, out, rows, n_in, n_out, dy_row, x_row,
    ROWS: tl.constexpr, IN: tl.constexpr, OUT: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """The gradient `(n_out, n_in)` of a matrix: the sum over a member's rows of dy^T x."""
    member = tl.program_id(0).to(tl.int64)
    o, i = tl.program_id(1) * OUT + tl.arange(0, OUT), tl.program_id(2) * IN + tl.arange(0, IN)
    total = tl.zeros([OUT, IN], tl.float32)
    for first in range(0, rows, ROWS):
        r = first + tl.arange(0, ROWS)
        left = tl.load(
            dy + (member * rows + r[None, :]) * dy_row + o[:, None],
            mask=(r < rows)[None, :] & (o < n_out)[:, None], other=0.0,
        )  # fmt: skip
        right = tl.load(
            x + (member * rows + r[:, None]) * x_row + i[None, :],
            mask=(r < rows)[:, None] & (i < n_in)[None, :], other=0.0,
        )  # fmt: skip
        total += product(left, right, PRECISION)
    mask = (o < n_out)[:, None] & (i < n_in)[None, :]
    tl.store(out + member * n_out * n_in + o[:, None] * n_in + i[None, :], total, mask=mask)


@sized_kernel("rows", "width", "x_row")
def sum_rows(x, out, rows, width, x_row, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    member = tl.program_id(0).to(tl.int64)
    c = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    total = tl.zeros([ROWS, COLUMNS], x.dtype.element_ty)
    for first in range(0, rows, ROWS):
        r = first + tl.arange(0, ROWS)
        mask = (r < rows)[:, None] & (c < width)[None, :]
        total += tl.load(x + (member * rows + r[:, None]) * x_row + c[None, :], mask=mask, other=0.0)
    tl.store(out + member * width + c, tl.sum(total, axis=0), mask=c < width)


@sized_kernel("rows", "time", "width", "x_row")
def convolve(
    x, taps, bias, out, taps_stride, bias_stride, rows, time, width, x_row,
    TAPS: tl.constexpr, BIAS: tl.constexpr, LATER: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Each column's last TAPS inputs, weighted; with LATER its next ones, which is the gradient of `x`."""
    member = tl.program_id(0).to(tl.int64)
    r = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    c = tl.program_id(2) * COLUMNS + tl.arange(0, COLUMNS)
    total = tl.zeros([ROWS, COLUMNS], x.dtype.element_ty)
    if BIAS:
        total += tl.load(bias + member * bias_stride + c, mask=c < width, other=0.0)[None, :]
    for back in tl.static_range(TAPS):
        at = r + back if LATER else r - back
        there = (r % time + back < time) if LATER else (r % time >= back)
        mask = (there & (r < rows))[:, None] & (c < width)[None, :]
        value = tl.load(x + (member * rows + at[:, None]) * x_row + c[None, :], mask=mask, other=0.0)
        tap = tl.load(taps + member * taps_stride + c * TAPS + TAPS - 1 - back, mask=c < width, other=0.0)
        total += tap[None, :] * value
    mask = (r < rows)[:, None] & (c < width)[None, :]
    tl.store(out + (member * rows + r[:, None]) * width + c[None, :], total, mask=mask)


@sized_kernel("rows", "time", "width", "dy_row", "x_row")
def convolve_weight(
    dy, x, out, rows, time, width, dy_row, x_row,
    TAPS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """The gradient `(width, TAPS)` of the taps, one of them a program."""
    member, back = tl.program_id(0).to(tl.int64), tl.program_id(2)
    c = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    total = tl.zeros([ROWS, COLUMNS], x.dtype.element_ty)
    for first in range(0, rows, ROWS):
        r = first + tl.arange(0, ROWS)
        mask = ((r < rows) & (r % time >= back))[:, None] & (c < width)[None, :]
        by = tl.load(dy + (member * rows + r[:, None]) * dy_row + c[None, :], mask=mask, other=0.0)
        total += by * tl.load(
            x + (member * rows + r[:, None] - back) * x_row + c[None, :], mask=mask, other=0.0
        )
    at = out + (member * width + c) * TAPS + TAPS - 1 - back
    tl.store(at, tl.sum(total, axis=0), mask=c < width)


@sized_kernel("parts", "groups", "width", "x_row")
def normalise(
    x, out, parts, groups, width, x_row, per, eps,
    CENTRED: tl.constexpr, PARTS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Each part of a row over `sqrt(sum of squares / per + eps)`, its mean subtracted before if CENTRED."""
    p, c = tl.program_id(0).to(tl.int64) * PARTS + tl.arange(0, PARTS), tl.arange(0, COLUMNS)
    mask = (p < parts)[:, None] & (c < width)[None, :]
    at = (p // groups) * x_row + (p % groups) * width
    value = tl.load(x + at[:, None] + c[None, :], mask=mask, other=0.0)
    if CENTRED:
        value = tl.where(mask, value - (tl.sum(value, axis=1) / width)[:, None], 0.0)
    scale = tl.rsqrt(tl.sum(value * value, axis=1) / per + eps)
    tl.store(out + p[:, None] * width + c[None, :], value * scale[:, None], mask=mask)


@sized_kernel("parts", "groups", "width", "x_row", "dy_row")
def normalise_backward(
    x, dy, out, parts, groups, width, x_row, dy_row, per, eps,
    CENTRED: tl.constexpr, PARTS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    p, c = tl.program_id(0).to(tl.int64) * PARTS + tl.arange(0, PARTS), tl.arange(0, COLUMNS)
    mask = (p < parts)[:, None] & (c < width)[None, :]
    row, column = p // groups, (p % groups) * width
    value = tl.load(x + (row * x_row + column)[:, None] + c[None, :], mask=mask, other=0.0)
    by = tl.load(dy + (row * dy_row + column)[:, None] + c[None, :], mask=mask, other=0.0)
    if CENTRED:
        value = tl.where(mask, value - (tl.sum(value, axis=1) / width)[:, None], 0.0)
    scale = tl.rsqrt(tl.sum(value * value, axis=1) / per + eps)
    along = tl.sum(by * value, axis=1) * scale * scale / per
    by = (by - value * along[:, None]) * scale[:, None]
    if CENTRED:
        by = tl.where(mask, by - (tl.sum(by, axis=1) / width)[:, None], 0.0)
    tl.store(out + p[:, None] * width + c[None, :], by, mask=mask)


@sized_kernel("time", "width", "a_row", "b_row")
def recur(a, b, h, time, width, a_row, b_row, COLUMNS: tl.constexpr):
    """`h <- a h + b` along each sequence."""
    sequence = tl.program_id(0).to(tl.int64)
    c = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    state = tl.zeros([COLUMNS], b.dtype.element_ty)
    for t in range(time):
        row = sequence * time + t
        factor = tl.load(a + row * a_row + c, mask=c < width, other=0.0)
        state = factor * state + tl.load(b + row * b_row + c, mask=c < width, other=0.0)
        tl.store(h + row * width + c, state, mask=c < width)


@sized_kernel("time", "width", "a_row")
def recur_backward(a, h, dh, da, db, time, width, a_row, COLUMNS: tl.constexpr):
    sequence = tl.program_id(0).to(tl.int64)
    c = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    by_state = tl.zeros([COLUMNS], h.dtype.element_ty)
    for back in range(time):
        t = time - 1 - back
        row = sequence * time + t
        by_state += tl.load(dh + row * width + c, mask=c < width, other=0.0)
        before = tl.load(h + (row - 1) * width + c, mask=(c < width) & (t > 0), other=0.0)
        tl.store(da + row * width + c, by_state * before, mask=c < width)
        tl.store(db + row * width + c, by_state, mask=c < width)
        by_state *= tl.load(a + row * a_row + c, mask=c < width, other=0.0)


@sized_kernel("time", "heads", "f_row", "i_row")
def stabilise(log_f, log_i, out, time, heads, f_row, i_row, HEADS: tl.constexpr):
    """With the running maximum m: log_f + m of the token before - m, log_i - m, -m."""
    sequence, head = tl.program_id(0).to(tl.int64), tl.arange(0, HEADS)
    top = tl.zeros([HEADS], log_f.dtype.element_ty)
    for t in range(time):
        row = sequence * time + t
        kept = tl.load(log_f + row * f_row + head, mask=head < heads, other=0.0) + top
        new = tl.load(log_i + row * i_row + head, mask=head < heads, other=0.0)
        top = tl.maximum(kept, new)
        at = out + row * 3 * heads + head
        tl.store(at, kept - top, mask=head < heads)
        tl.store(at + heads, new - top, mask=head < heads)
        tl.store(at + 2 * heads, -top, mask=head < heads)
