"""The stages of a Mamba-1 layer around its scan, each a kernel over tiles of tokens of one member.

    project    projected = in_proj(RMSNorm(hidden))                             the input's half, then the gate's
    convolve   u = conv(projected), x = silu(u), dt_low B C = x_proj(x), dt = softplus(dt_proj(dt_low))
    (scan)     y
    gather     out = hidden + out_proj((y + D x) * silu(gate))

Everything named here stays in memory for the backward pass; what is one function call away is computed again.
"""
# pyright: standard, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false

import triton
import triton.language as tl

from plait.kernels.common.gpu_tiles import (
    load_rows,
    load_transposed,
    load_vector,
    member_kernel,
    product,
    sigmoid,
    softplus,
    store_rows,
)


@member_kernel
def project(
    hidden, norm, in_proj, projected, norm_stride, in_proj_stride, rows, eps,
    D: tl.constexpr, INNER: tl.constexpr, D_PAD: tl.constexpr, I_PAD: tl.constexpr, ROWS: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    member = tl.program_id(0).to(tl.int64)
    row = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    f, c = tl.arange(0, D_PAD), tl.arange(0, I_PAD)
    x = load_rows(hidden + member * rows * D, row, f, rows, D)
    scale = tl.rsqrt(tl.sum(x * x, axis=1) / D + eps)
    normed = x * scale[:, None] * load_vector(norm + member * norm_stride, f, D)[None, :]
    weights = in_proj + member * in_proj_stride
    projected += member * rows * 2 * INNER
    for half in tl.static_range(2):
        weight = load_transposed(weights + half * INNER * D, c, f, INNER, D)
        value = product(normed, weight, PRECISION)
        mask = (row < rows)[:, None] & (c < INNER)[None, :]
        tl.store(projected + row[:, None] * (2 * INNER) + half * INNER + c[None, :], value, mask=mask)


@member_kernel
def convolve(
    projected, conv, conv_bias, x_proj, dt_proj, dt_bias, u_out, x_out, low_out, BC_out, dt_out,
    conv_stride, conv_bias_stride, x_proj_stride, dt_proj_stride, dt_bias_stride, rows, time,
    INNER: tl.constexpr, N: tl.constexpr, R: tl.constexpr, TAPS: tl.constexpr, I_PAD: tl.constexpr,
    S_PAD: tl.constexpr, R_PAD: tl.constexpr, FEW: tl.constexpr, ROWS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """A rank FEW enough goes without products of tiles, which would be padding for the most part."""
    member = tl.program_id(0).to(tl.int64)
    row = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    c, s, r = tl.arange(0, I_PAD), tl.arange(0, S_PAD), tl.arange(0, R_PAD)
    start = member * rows
    taps = conv + member * conv_stride
    u = (
        tl.zeros([ROWS, I_PAD], tl.float32)
        + load_vector(conv_bias + member * conv_bias_stride, c, INNER)[None, :]
    )
    for back in tl.static_range(TAPS):
        tap = tl.load(taps + c * TAPS + (TAPS - 1 - back), mask=c < INNER, other=0.0)
        u += tap[None, :] * load_earlier(
            projected + start * 2 * INNER, row, back, c, rows, time, INNER, 2 * INNER
        )
    x = u * sigmoid(u)
    store_rows(u_out + start * INNER, u, row, c, rows, INNER)
    store_rows(x_out + start * INNER, x, row, c, rows, INNER)
    weights = x_proj + member * x_proj_stride
    BC = product(x, load_transposed(weights + R * INNER, s, c, 2 * N, INNER), PRECISION)
    store_rows(BC_out + start * 2 * N, BC, row, s, rows, 2 * N)
    dt_proj += member * dt_proj_stride
    before = tl.zeros([ROWS, I_PAD], tl.float32)
    before += load_vector(dt_bias + member * dt_bias_stride, c, INNER)[None, :]
    if FEW:
        for i in tl.static_range(R):
            low = tl.sum(x * load_vector(weights + i * INNER, c, INNER)[None, :], axis=1)
            tl.store(low_out + (start + row) * R + i, low, mask=row < rows)
            before += low[:, None] * tl.load(dt_proj + c * R + i, mask=c < INNER, other=0.0)[None, :]
    else:
        low = product(x, load_transposed(weights, r, c, R, INNER), PRECISION)
        store_rows(low_out + start * R, low, row, r, rows, R)
        before += product(low, load_transposed(dt_proj, c, r, INNER, R), PRECISION)
    store_rows(dt_out + start * INNER, softplus(before), row, c, rows, INNER)


@member_kernel
def gather(
    hidden, projected, x, y, D_skip, out_proj, out, D_skip_stride, out_proj_stride, rows,
    D: tl.constexpr, INNER: tl.constexpr, D_PAD: tl.constexpr, I_PAD: tl.constexpr, ROWS: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    member = tl.program_id(0).to(tl.int64)
    row = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    f, c = tl.arange(0, D_PAD), tl.arange(0, I_PAD)
    start = member * rows
    mask = (row < rows)[:, None] & (c < INNER)[None, :]
    gate = tl.load(
        projected + start * 2 * INNER + row[:, None] * (2 * INNER) + INNER + c[None, :], mask=mask, other=0.0
    )
    skip = load_vector(D_skip + member * D_skip_stride, c, INNER)
    y_tile = load_rows(y + start * INNER, row, c, rows, INNER) + skip[None, :] * load_rows(
        x + start * INNER, row, c, rows, INNER
    )
    mixed = y_tile * gate * sigmoid(gate)
    weight = load_transposed(out_proj + member * out_proj_stride, f, c, D, INNER)
    value = product(mixed, weight, PRECISION)
    value += load_rows(hidden + start * D, row, f, rows, D)
    store_rows(out + start * D, value, row, f, rows, D)


@triton.jit
def load_earlier(
    pointer, row, back: tl.constexpr, column, rows, time, N_COLUMNS: tl.constexpr, STRIDE: tl.constexpr
):
    """Each row's value `back` positions earlier in its sequence; zero before the start."""
    there = (row < rows) & (row % time >= back)
    mask = there[:, None] & (column < N_COLUMNS)[None, :]
    return tl.load(pointer + (row - back)[:, None] * STRIDE + column[None, :], mask=mask, other=0.0)
