"""The kernels of the short convolution: a program walks along a part of one sequence with some channels.

Four tokens are read together, so that as many loads are on their way as there are; those before or behind stay in
registers, and nothing is computed twice but at the ends of a part. Fewer taps than four are four, the first of them
zero.
"""
# pyright: standard, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false, reportCallIssue=false

import triton
import triton.language as tl

from plait.kernels.common.gpu_tiles import sigmoid, silu_slope


@triton.jit
def _tap(weight, c, width, BACK: tl.constexpr, TAPS: tl.constexpr):
    """The weight of the token BACK tokens before."""
    there = (c < width) & (BACK < TAPS)
    return tl.load(weight + c * TAPS + (TAPS - 1 - BACK), mask=there, other=0.0).to(tl.float32)


@triton.jit
def _row(x, t, c, time, width, x_row):
    there = (c < width) & (t >= 0) & (t < time)
    return tl.load(x + t * x_row + c, mask=there, other=0.0).to(tl.float32)


@triton.jit
def _store(out, value, t, c, time, width):
    tl.store(out + t * width + c, value.to(out.dtype.element_ty), mask=(c < width) & (t < time))


@triton.jit
def _sum(w3, w2, w1, w0, b, x3, x2, x1, x0):
    return b + w3 * x3 + w2 * x2 + w1 * x1 + w0 * x0


@triton.jit
def _after(value, SILU: tl.constexpr):
    return value * sigmoid(value) if SILU else value


@triton.jit
def _by_sum(before, dy, SILU: tl.constexpr):
    return dy * silu_slope(before) if SILU else dy


@triton.jit
def convolve(
    x, weight, bias, out, time, width, x_row,
    TAPS: tl.constexpr, BIAS: tl.constexpr, SILU: tl.constexpr, PART: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """`out`, its rows `width` apart; those of `x` lie `x_row` apart."""
    sequence = tl.program_id(0).to(tl.int64)
    first = tl.program_id(1) * PART
    c = tl.program_id(2) * CHANNELS + tl.arange(0, CHANNELS)
    x += sequence * time * x_row
    out += sequence * time * width
    w3, w2 = _tap(weight, c, width, 3, TAPS), _tap(weight, c, width, 2, TAPS)
    w1, w0 = _tap(weight, c, width, 1, TAPS), _tap(weight, c, width, 0, TAPS)
    b = tl.zeros([CHANNELS], tl.float32)
    if BIAS:
        b = tl.load(bias + c, mask=c < width, other=0.0).to(tl.float32)
    p3 = _row(x, first - 3, c, time, width, x_row)
    p2 = _row(x, first - 2, c, time, width, x_row)
    p1 = _row(x, first - 1, c, time, width, x_row)
    for t in range(first, first + PART, 4):
        x0 = _row(x, t, c, time, width, x_row)
        x1 = _row(x, t + 1, c, time, width, x_row)
        x2 = _row(x, t + 2, c, time, width, x_row)
        x3 = _row(x, t + 3, c, time, width, x_row)
        y0 = _after(_sum(w3, w2, w1, w0, b, p3, p2, p1, x0), SILU)
        y1 = _after(_sum(w3, w2, w1, w0, b, p2, p1, x0, x1), SILU)
        y2 = _after(_sum(w3, w2, w1, w0, b, p1, x0, x1, x2), SILU)
        y3 = _after(_sum(w3, w2, w1, w0, b, x0, x1, x2, x3), SILU)
        _store(out, y0, t, c, time, width)
        _store(out, y1, t + 1, c, time, width)
        _store(out, y2, t + 2, c, time, width)
        _store(out, y3, t + 3, c, time, width)
        p3, p2, p1 = x1, x2, x3


@triton.jit
def convolve_backward(
    x, weight, bias, dy, dx, parts, time, width, x_row, dy_row,
    TAPS: tl.constexpr, BIAS: tl.constexpr, SILU: tl.constexpr, PART: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """`dx`, its rows `width` apart, and this part's share of the gradients of weight and bias.

    `parts` is `(sequences, parts, 5, width)`: of the taps 3, 2, 1 and 0 tokens back, and of the bias. From the end to
    the beginning, four tokens at once: p are the inputs before them, n the sums' derivatives behind them.
    """
    sequence, part = tl.program_id(0).to(tl.int64), tl.program_id(1)
    first = part * PART
    c = tl.program_id(2) * CHANNELS + tl.arange(0, CHANNELS)
    x += sequence * time * x_row
    dy += sequence * time * dy_row
    dx += sequence * time * width
    w3, w2 = _tap(weight, c, width, 3, TAPS), _tap(weight, c, width, 2, TAPS)
    w1, w0 = _tap(weight, c, width, 1, TAPS), _tap(weight, c, width, 0, TAPS)
    b = tl.zeros([CHANNELS], tl.float32)
    if BIAS:
        b = tl.load(bias + c, mask=c < width, other=0.0).to(tl.float32)
    by3, by2, by1, by0, by_b = b * 0.0, b * 0.0, b * 0.0, b * 0.0, b * 0.0
    end = first + PART
    x0 = _row(x, end - 4, c, time, width, x_row)
    x1 = _row(x, end - 3, c, time, width, x_row)
    x2 = _row(x, end - 2, c, time, width, x_row)
    x3 = _row(x, end - 1, c, time, width, x_row)
    e0 = _row(x, end, c, time, width, x_row)
    e1 = _row(x, end + 1, c, time, width, x_row)
    e2 = _row(x, end + 2, c, time, width, x_row)
    n0 = _by_sum(_sum(w3, w2, w1, w0, b, x1, x2, x3, e0), _row(dy, end, c, time, width, dy_row), SILU)
    n1 = _by_sum(_sum(w3, w2, w1, w0, b, x2, x3, e0, e1), _row(dy, end + 1, c, time, width, dy_row), SILU)
    n2 = _by_sum(_sum(w3, w2, w1, w0, b, x3, e0, e1, e2), _row(dy, end + 2, c, time, width, dy_row), SILU)
    for back in range(0, PART, 4):
        t = end - 4 - back
        p0 = _row(x, t - 4, c, time, width, x_row)
        p1 = _row(x, t - 3, c, time, width, x_row)
        p2 = _row(x, t - 2, c, time, width, x_row)
        p3 = _row(x, t - 1, c, time, width, x_row)
        g0 = _row(dy, t, c, time, width, dy_row)
        g1 = _row(dy, t + 1, c, time, width, dy_row)
        g2 = _row(dy, t + 2, c, time, width, dy_row)
        g3 = _row(dy, t + 3, c, time, width, dy_row)
        g0 = _by_sum(_sum(w3, w2, w1, w0, b, p1, p2, p3, x0), g0, SILU)
        g1 = _by_sum(_sum(w3, w2, w1, w0, b, p2, p3, x0, x1), g1, SILU)
        g2 = _by_sum(_sum(w3, w2, w1, w0, b, p3, x0, x1, x2), g2, SILU)
        g3 = _by_sum(_sum(w3, w2, w1, w0, b, x0, x1, x2, x3), g3, SILU)
        _store(dx, w0 * g0 + w1 * g1 + w2 * g2 + w3 * g3, t, c, time, width)
        _store(dx, w0 * g1 + w1 * g2 + w2 * g3 + w3 * n0, t + 1, c, time, width)
        _store(dx, w0 * g2 + w1 * g3 + w2 * n0 + w3 * n1, t + 2, c, time, width)
        _store(dx, w0 * g3 + w1 * n0 + w2 * n1 + w3 * n2, t + 3, c, time, width)
        by0 += g0 * x0 + g1 * x1 + g2 * x2 + g3 * x3
        by1 += g0 * p3 + g1 * x0 + g2 * x1 + g3 * x2
        by2 += g0 * p2 + g1 * p3 + g2 * x0 + g3 * x1
        by3 += g0 * p1 + g1 * p2 + g2 * p3 + g3 * x0
        by_b += g0 + g1 + g2 + g3
        n0, n1, n2 = g0, g1, g2
        x0, x1, x2, x3 = p0, p1, p2, p3
    at = parts + (sequence * tl.num_programs(1) + part) * 5 * width + c
    tl.store(at, by3, mask=c < width)
    tl.store(at + width, by2, mask=c < width)
    tl.store(at + 2 * width, by1, mask=c < width)
    tl.store(at + 3 * width, by0, mask=c < width)
    tl.store(at + 4 * width, by_b, mask=c < width)
