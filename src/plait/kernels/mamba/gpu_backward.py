"""Gradients of the stages in `gpu_forward.py`, each program summing weight gradients over its share of rows.

Weight gradients go to `packed` `(members, parts, total)`, a layer's weights one after the other in the order of
`MambaWeights`.
"""
# pyright: standard, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false

import triton.language as tl

from plait.kernels.common.gpu_tiles import (
    load_rows,
    load_transposed,
    load_vector,
    member_kernel,
    product,
    sigmoid,
    silu_slope,
    store_rows,
)  # fmt: skip
from plait.kernels.mamba.gpu_forward import load_earlier


@member_kernel
def gather_backward(
    dout, projected, x, y, D_skip, out_proj, dy, dgate, packed, D_skip_stride, out_proj_stride, rows, total, skip_at,
    out_proj_at,
    D: tl.constexpr, INNER: tl.constexpr, D_PAD: tl.constexpr, I_PAD: tl.constexpr, ROWS: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    member, part = tl.program_id(0).to(tl.int64), tl.program_id(1)
    parts = tl.num_programs(1)
    f, c = tl.arange(0, D_PAD), tl.arange(0, I_PAD)
    start = member * rows
    skip = load_vector(D_skip + member * D_skip_stride, c, INNER)
    weight = load_rows(out_proj + member * out_proj_stride, f, c, D, INNER)
    by_weight = tl.zeros([D_PAD, I_PAD], tl.float32)
    by_skip = tl.zeros([I_PAD], tl.float32)
    share = tl.cdiv(tl.cdiv(rows, ROWS), parts)
    for block in range(part * share, (part + 1) * share):
        row = block * ROWS + tl.arange(0, ROWS)
        mask = (row < rows)[:, None] & (c < INNER)[None, :]
        at = projected + start * 2 * INNER + row[:, None] * (2 * INNER) + INNER + c[None, :]
        gate_in = tl.load(at, mask=mask, other=0.0)
        x_tile = load_rows(x + start * INNER, row, c, rows, INNER)
        y_tile = load_rows(y + start * INNER, row, c, rows, INNER) + skip[None, :] * x_tile
        gate = gate_in * sigmoid(gate_in)
        up = load_rows(dout + start * D, row, f, rows, D)
        by_weight += product(tl.trans(up), y_tile * gate, PRECISION)
        dmixed = product(up, weight, PRECISION)
        by_y = dmixed * gate
        by_skip += tl.sum(by_y * x_tile, axis=0)
        store_rows(dy + start * INNER, by_y, row, c, rows, INNER)
        store_rows(dgate + start * INNER, dmixed * y_tile * silu_slope(gate_in), row, c, rows, INNER)
    packed += (member * parts + part) * total
    tl.store(packed + skip_at + c, by_skip, mask=c < INNER)
    store_rows(packed + out_proj_at, by_weight, f, c, D, INNER)


@member_kernel
def convolve_backward(
    projected, u, low, dy, ddt, dx_scan, dBC_parts, x_proj, dt_proj, dt_bias, D_skip, du_out, packed,
    x_proj_stride, dt_proj_stride, dt_bias_stride, D_skip_stride, rows, time, blocks, total, conv_at, conv_bias_at,
    x_proj_at, dt_proj_at, dt_bias_at,
    INNER: tl.constexpr, N: tl.constexpr, R: tl.constexpr, TAPS: tl.constexpr, I_PAD: tl.constexpr,
    S_PAD: tl.constexpr, R_PAD: tl.constexpr, TAPS_PAD: tl.constexpr, FEW: tl.constexpr, ROWS: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    member, part = tl.program_id(0).to(tl.int64), tl.program_id(1)
    parts = tl.num_programs(1)
    c, s, r, k = tl.arange(0, I_PAD), tl.arange(0, S_PAD), tl.arange(0, R_PAD), tl.arange(0, TAPS_PAD)
    start = member * rows
    skip = load_vector(D_skip + member * D_skip_stride, c, INNER)
    bias = load_vector(dt_bias + member * dt_bias_stride, c, INNER)
    x_proj += member * x_proj_stride
    dt_proj += member * dt_proj_stride
    by_low = tl.zeros([R_PAD, I_PAD], tl.float32)
    by_BC = tl.zeros([S_PAD, I_PAD], tl.float32)
    by_dt = tl.zeros([R_PAD, I_PAD], tl.float32)
    by_taps = tl.zeros([TAPS_PAD, I_PAD], tl.float32)
    by_dt_bias = tl.zeros([I_PAD], tl.float32)
    by_conv_bias = tl.zeros([I_PAD], tl.float32)
    share = tl.cdiv(tl.cdiv(rows, ROWS), parts)
    for block in range(part * share, (part + 1) * share):
        row = block * ROWS + tl.arange(0, ROWS)
        u_tile = load_rows(u + start * INNER, row, c, rows, INNER)
        x = u_tile * sigmoid(u_tile)
        ddt_tile = load_rows(ddt + start * INNER, row, c, rows, INNER)
        dx = load_rows(dx_scan + start * INNER, row, c, rows, INNER)
        dx += load_rows(dy + start * INNER, row, c, rows, INNER) * skip[None, :]
        before = tl.zeros([ROWS, I_PAD], tl.float32) + bias[None, :]
        if FEW:
            for i in tl.static_range(R):
                low_tile = tl.load(low + (start + row) * R + i, mask=row < rows, other=0.0)
                before += low_tile[:, None] * tl.load(dt_proj + c * R + i, mask=c < INNER, other=0.0)[None, :]
            dbefore = ddt_tile * sigmoid(before)
            for i in tl.static_range(R):
                low_tile = tl.load(low + (start + row) * R + i, mask=row < rows, other=0.0)
                by_dt += tl.where(
                    (r == i)[:, None], tl.sum(dbefore * low_tile[:, None], axis=0)[None, :], 0.0
                )
                weight = tl.load(dt_proj + c * R + i, mask=c < INNER, other=0.0)
                dlow = tl.sum(dbefore * weight[None, :], axis=1)
                by_low += tl.where((r == i)[:, None], tl.sum(dlow[:, None] * x, axis=0)[None, :], 0.0)
                dx += dlow[:, None] * load_vector(x_proj + i * INNER, c, INNER)[None, :]
        else:
            low_tile = load_rows(low + start * R, row, r, rows, R)
            before += product(low_tile, load_transposed(dt_proj, c, r, INNER, R), PRECISION)
            dbefore = ddt_tile * sigmoid(before)
            by_dt += product(tl.trans(low_tile), dbefore, PRECISION)
            dlow = product(dbefore, load_rows(dt_proj, c, r, INNER, R), PRECISION)
            by_low += product(tl.trans(dlow), x, PRECISION)
            dx += product(dlow, load_rows(x_proj, r, c, R, INNER), PRECISION)
        by_dt_bias += tl.sum(dbefore, axis=0)
        dBC = tl.zeros([ROWS, S_PAD], tl.float32)
        for channels in range(blocks):
            at = ((start + row) * blocks + channels)[:, None] * (2 * N) + s[None, :]
            dBC += tl.load(dBC_parts + at, mask=(row < rows)[:, None] & (s < 2 * N)[None, :], other=0.0)
        by_BC += product(tl.trans(dBC), x, PRECISION)
        dx += product(dBC, load_rows(x_proj + R * INNER, s, c, 2 * N, INNER), PRECISION)
        du = dx * silu_slope(u_tile)
        store_rows(du_out + start * INNER, du, row, c, rows, INNER)
        by_conv_bias += tl.sum(du, axis=0)
        for back in tl.static_range(TAPS):
            seen = load_earlier(projected + start * 2 * INNER, row, back, c, rows, time, INNER, 2 * INNER)
            by_taps += tl.where((k == TAPS - 1 - back)[:, None], tl.sum(du * seen, axis=0)[None, :], 0.0)
    packed += (member * parts + part) * total
    tl.store(
        packed + conv_at + c[None, :] * TAPS + k[:, None],
        by_taps,
        mask=(k < TAPS)[:, None] & (c < INNER)[None, :],
    )
    tl.store(packed + conv_bias_at + c, by_conv_bias, mask=c < INNER)
    store_rows(packed + x_proj_at, by_low, r, c, R, INNER)
    store_rows(packed + x_proj_at + R * INNER, by_BC, s, c, 2 * N, INNER)
    mask = (r < R)[:, None] & (c < INNER)[None, :]
    tl.store(packed + dt_proj_at + c[None, :] * R + r[:, None], by_dt, mask=mask)
    tl.store(packed + dt_bias_at + c, by_dt_bias, mask=c < INNER)


@member_kernel
def project_backward(
    hidden, dout, du, dgate, norm, in_proj, conv, dhidden, packed, norm_stride, in_proj_stride, conv_stride, rows,
    time, total, norm_at, in_proj_at, eps,
    D: tl.constexpr, INNER: tl.constexpr, TAPS: tl.constexpr, D_PAD: tl.constexpr, I_PAD: tl.constexpr,
    ROWS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    member, part = tl.program_id(0).to(tl.int64), tl.program_id(1)
    parts = tl.num_programs(1)
    f, c = tl.arange(0, D_PAD), tl.arange(0, I_PAD)
    start = member * rows
    norm_weight = load_vector(norm + member * norm_stride, f, D)
    in_proj += member * in_proj_stride
    conv += member * conv_stride
    by_input = tl.zeros([I_PAD, D_PAD], tl.float32)
    by_gate = tl.zeros([I_PAD, D_PAD], tl.float32)
    by_norm = tl.zeros([D_PAD], tl.float32)
    share = tl.cdiv(tl.cdiv(rows, ROWS), parts)
    for block in range(part * share, (part + 1) * share):
        row = block * ROWS + tl.arange(0, ROWS)
        x = load_rows(hidden + start * D, row, f, rows, D)
        scale = tl.rsqrt(tl.sum(x * x, axis=1) / D + eps)
        scaled = x * scale[:, None]
        normed = scaled * norm_weight[None, :]
        dinput = tl.zeros([ROWS, I_PAD], tl.float32)
        for ahead in tl.static_range(TAPS):
            tap = tl.load(conv + c * TAPS + (TAPS - 1 - ahead), mask=c < INNER, other=0.0)
            there = (row < rows) & (row % time + ahead < time)
            mask = there[:, None] & (c < INNER)[None, :]
            at = du + start * INNER + (row + ahead)[:, None] * INNER + c[None, :]
            dinput += tap[None, :] * tl.load(at, mask=mask, other=0.0)
        dgate_tile = load_rows(dgate + start * INNER, row, c, rows, INNER)
        by_input += product(tl.trans(dinput), normed, PRECISION)
        by_gate += product(tl.trans(dgate_tile), normed, PRECISION)
        dnormed = product(dinput, load_rows(in_proj, c, f, INNER, D), PRECISION)
        dnormed += product(dgate_tile, load_rows(in_proj + INNER * D, c, f, INNER, D), PRECISION)
        by_norm += tl.sum(dnormed * scaled, axis=0)
        dscaled = dnormed * norm_weight[None, :]
        along = tl.sum(dscaled * scaled, axis=1) / D
        dx = (
            load_rows(dout + start * D, row, f, rows, D)
            + (dscaled - scaled * along[:, None]) * scale[:, None]
        )
        store_rows(dhidden + start * D, dx, row, f, rows, D)
    packed += (member * parts + part) * total
    tl.store(packed + norm_at + f, by_norm, mask=f < D)
    store_rows(packed + in_proj_at, by_input, c, f, INNER, D)
    store_rows(packed + in_proj_at + INNER * D, by_gate, c, f, INNER, D)
