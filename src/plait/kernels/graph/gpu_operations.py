"""The kernels of `gpu_kernels.py` as functions of `(members, batch, time, width)` that can be differentiated."""
# pyright: standard, reportIncompatibleMethodOverride=false, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false

from typing import Any

import torch
import triton
from torch import Tensor
from torch.autograd.function import once_differentiable

from plait.kernels.common import call
from plait.kernels.common.gpu_tiles import by_rows, padded
from plait.kernels.graph import gpu_kernels as kernels

_PRECISION = "tf32x3"
_WIDEST = 64
"""Columns of a tile."""
_TILE = 1024
"""Numbers of a tile of a program that multiplies nothing."""


class LinearMap(torch.autograd.Function):
    """`(x, weight (members, out, in), bias or None)`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        x, weight = by_rows(x), call.by_member(weight)
        ctx.save_for_backward(x, weight)
        ctx.biased = bias is not None
        return _times(x, weight, bias, turned=False)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        dy = by_rows(dy)
        members, n_out, n_in = weight.shape
        out, inside = _block(n_out), _block(n_in)
        by_weight = weight.new_empty(weight.shape)
        kernels.multiply_weight[members, triton.cdiv(n_out, out), triton.cdiv(n_in, inside)](
            dy, x, by_weight, _rows(x), n_in, n_out, dy.stride(-2), x.stride(-2), OUT=out, IN=inside,
            **_launch(out * inside),
        )  # fmt: skip
        by_bias = summed(dy) if ctx.biased else None
        return _times(dy, weight, None, turned=True), by_weight, by_bias


def _times(x: Tensor, weight: Tensor, bias: Tensor | None, *, turned: bool) -> Tensor:
    """By the transposed weight, or with `turned` by itself."""
    members, n_out, n_in = weight.shape
    steps = 1, n_in
    if turned:
        n_in, n_out, steps = n_out, n_in, (steps[1], steps[0])
    found = x.new_empty(*x.shape[:-1], n_out)
    out, inside = _block(n_out), _block(n_in)
    launch = _launch(out * inside)
    held = weight if bias is None else call.by_member(bias)
    kernels.multiply[members, triton.cdiv(_rows(x), launch["ROWS"]), triton.cdiv(n_out, out)](
        x, weight, held, found, weight.stride(0), held.stride(0), _rows(x), n_in, n_out, x.stride(-2), *steps,
        BIAS=bias is not None, OUT=out, IN=inside, **launch,
    )  # fmt: skip
    return found


class Spread(torch.autograd.Function):
    """A weight `(members, size)` as a signal: the same at all tokens of the axes `(members, batch, time)`."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, axes: tuple[int, ...]) -> Tensor:
        return weight[:, None, None, :].expand(*axes, -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None]:
        return summed(by_rows(dy)), None


class Convolution(torch.autograd.Function):
    """`(x, weight (members, width, 1, taps), bias or None)`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        x, weight = by_rows(x), call.by_member(weight)
        ctx.save_for_backward(x, weight)
        ctx.biased = bias is not None
        return _convolved(x, weight, bias, later=False)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        dy = by_rows(dy)
        by_weight = weight.new_empty(weight.shape)
        width, taps = weight.shape[1], weight.shape[-1]
        columns = _columns(width)
        kernels.convolve_weight[len(weight), triton.cdiv(width, columns), taps](
            dy, x, by_weight, _rows(x), x.shape[-2], width, dy.stride(-2), x.stride(-2), TAPS=taps,
            COLUMNS=columns, ROWS=_TILE // columns, num_warps=4,
        )  # fmt: skip
        return _convolved(dy, weight, None, later=True), by_weight, summed(dy) if ctx.biased else None


def _convolved(x: Tensor, weight: Tensor, bias: Tensor | None, *, later: bool) -> Tensor:
    width, taps = weight.shape[1], weight.shape[-1]
    columns, found = _columns(width), x.new_empty(x.shape)
    held = weight if bias is None else call.by_member(bias)
    rows = _TILE // columns
    kernels.convolve[len(weight), triton.cdiv(_rows(x), rows), triton.cdiv(width, columns)](
        x, weight, held, found, weight.stride(0), held.stride(0), _rows(x), x.shape[-2], width, x.stride(-2),
        TAPS=taps, BIAS=bias is not None, LATER=later, ROWS=rows, COLUMNS=columns, num_warps=4,
    )  # fmt: skip
    return found


class Normalise(torch.autograd.Function):
    """`(x, groups, divisor of the squares, eps, whether means are subtracted)`, without weights."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, groups: int, per: float, eps: float, centred: bool) -> Tensor:
        x = by_rows(x)
        ctx.save_for_backward(x)
        ctx.given = groups, per, eps, centred
        grid, sizes, launch = _parts(x, groups)
        found = x.new_empty(x.shape)
        kernels.normalise[grid](x, found, *sizes, x.stride(-2), per, eps, CENTRED=centred, **launch)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        groups, per, eps, centred = ctx.given
        dy, found = by_rows(dy), x.new_empty(x.shape)
        grid, sizes, launch = _parts(x, groups)
        apart = x.stride(-2), dy.stride(-2)
        kernels.normalise_backward[grid](x, dy, found, *sizes, *apart, per, eps, CENTRED=centred, **launch)
        return found, None, None, None, None


def _parts(x: Tensor, groups: int) -> tuple[tuple[int], tuple[int, int, int], dict[str, int]]:
    """Programs, sizes and what a kernel over the parts of rows is compiled with."""
    width = x.shape[-1] // groups
    columns = padded(width, 1)
    parts, held = x.numel() // width, max(1, _TILE // columns)
    launch = {"PARTS": held, "COLUMNS": columns, "num_warps": 4}
    return (triton.cdiv(parts, held),), (parts, groups, width), launch


class Recurrence(torch.autograd.Function):
    """`h <- a h + b` from zeros."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        a, b = by_rows(a), by_rows(b)
        h = b.new_empty(b.shape)
        sizes = b.shape[-2], b.shape[-1]
        kernels.recur[_sequences(b)](a, b, h, *sizes, a.stride(-2), b.stride(-2), COLUMNS=32, num_warps=1)
        ctx.save_for_backward(a, h)
        return h

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dh: Tensor) -> tuple[Tensor, Tensor]:
        a, h = ctx.saved_tensors
        da, db = h.new_empty(h.shape), h.new_empty(h.shape)
        sizes = h.shape[-2], h.shape[-1]
        kernels.recur_backward[_sequences(h)](
            a, h, dh.contiguous(), da, db, *sizes, a.stride(-2), COLUMNS=32, num_warps=1
        )
        return da, db


class Stabilise(torch.autograd.Function):
    """Log f and log i over their running maximum, and that maximum's negative, which has no derivative."""

    @staticmethod
    def forward(ctx: Any, log_f: Tensor, log_i: Tensor) -> Tensor:
        log_f, log_i = by_rows(log_f), by_rows(log_i)
        members, batch, time, heads = log_f.shape
        found = log_f.new_empty(members, batch, time, 3 * heads)
        kernels.stabilise[(members * batch,)](
            log_f, log_i, found, time, heads, log_f.stride(-2), log_i.stride(-2), HEADS=padded(heads, 1), num_warps=1
        )  # fmt: skip
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor]:
        by_f, by_i, _ = dy.chunk(3, dim=-1)
        return by_f, by_i


def summed(x: Tensor) -> Tensor:
    """Over all rows of a member: `(members, width)`."""
    width, columns = x.shape[-1], _columns(x.shape[-1])
    found = x.new_empty(len(x), width)
    kernels.sum_rows[len(x), triton.cdiv(width, columns)](
        x, found, _rows(x), width, x.stride(-2), ROWS=_TILE // columns, COLUMNS=columns, num_warps=4
    )
    return found


def _rows(x: Tensor) -> int:
    return x.shape[1] * x.shape[2]


def _sequences(x: Tensor) -> tuple[int, int]:
    return x.shape[0] * x.shape[1], triton.cdiv(x.shape[-1], 32)


def _block(width: int) -> int:
    return min(padded(width), _WIDEST)


def _columns(width: int) -> int:
    return min(padded(width, 8), _WIDEST)


def _launch(numbers: int) -> dict[str, Any]:
    """By the numbers of the tile of weights."""
    rows, warps = (32, 1) if numbers <= 512 else (32, 2) if numbers <= 1024 else (64, 4)
    return {"ROWS": rows, "PRECISION": _PRECISION, "num_warps": warps, "num_stages": 1}
