"""The short convolution on a GPU as an operation of its own, which torch.compile calls and does not look into.

Gradients of the weights are sums over parts of sequences in a fixed order, so every call gives the same bits. The plain
version is `reference.py`.
"""
# pyright: standard, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false

from typing import Any

import torch
from torch import Tensor

MOST_TAPS = 4
_PART = 64
"""Tokens of a program."""
_CHANNELS = 128
_INDICES = 2**31
"""Elements of one sequence that the kernels can address."""


def usable(x: Tensor, weight: Tensor) -> bool:
    """Whether `short_convolution` can take these where Triton is: 16 bits or float32, on a GPU, at most 4 taps."""
    types = (torch.bfloat16, torch.float16, torch.float32)
    fits = weight.shape[-1] <= MOST_TAPS and x.shape[-2] * x.shape[-1] < _INDICES
    return fits and x.ndim == 3 and x.is_cuda and x.dtype in types


def short_convolution(x: Tensor, weight: Tensor, bias: Tensor | None, *, silu: bool) -> Tensor:
    """What `reference.short_convolution` gives, summed in float32; differentiable once."""
    return _convolved(x, weight, bias, silu)


@torch.library.custom_op("plait::short_convolution", mutates_args=())
def _convolved(x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool) -> Tensor:
    from plait.kernels.common.gpu_tiles import by_rows
    from plait.kernels.short_convolution.gpu_kernels import convolve

    x, weight = by_rows(x), weight.contiguous()
    out = x.new_empty(x.shape)
    grid, launch = _launch(x, weight, bias, silu)
    held = weight if bias is None else bias.contiguous()
    convolve[grid](x, weight, held, out, x.shape[1], x.shape[2], x.stride(1), **launch)
    return out


@torch.library.custom_op("plait::short_convolution_backward", mutates_args=())
def _by_inputs(
    dy: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool
) -> tuple[Tensor, Tensor, Tensor]:
    from plait.kernels.common.gpu_tiles import by_rows
    from plait.kernels.short_convolution.gpu_kernels import convolve_backward

    x, dy, weight = by_rows(x), by_rows(dy), weight.contiguous()
    dx = x.new_empty(x.shape)
    grid, launch = _launch(x, weight, bias, silu)
    held = weight if bias is None else bias.contiguous()
    parts = x.new_empty(*grid[:2], MOST_TAPS + 1, x.shape[2], dtype=torch.float32)
    convolve_backward[grid](
        x, weight, held, dy, dx, parts, x.shape[1], x.shape[2], x.stride(1), dy.stride(1), **launch
    )
    total = parts.flatten(0, 1).sum(0)
    by_weight, by_bias = weight.new_empty(weight.shape), weight.new_empty(weight.shape[:1])
    by_weight.copy_(total[MOST_TAPS - weight.shape[-1] : MOST_TAPS].mT.unsqueeze(1))
    return dx, by_weight, by_bias.copy_(total[MOST_TAPS])


def _launch(
    x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool
) -> tuple[tuple[int, int, int], dict[str, Any]]:
    """The programs, and what the kernels are compiled with."""
    grid = len(x), -(-x.shape[1] // _PART), -(-x.shape[2] // _CHANNELS)
    return grid, {
        "TAPS": weight.shape[-1], "BIAS": bias is not None, "SILU": silu, "PART": _PART, "CHANNELS": _CHANNELS,
        "num_warps": 1,
    }  # fmt: skip


@_convolved.register_fake
def _(x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool) -> Tensor:
    return x.new_empty(x.shape)


@_by_inputs.register_fake
def _(
    dy: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool
) -> tuple[Tensor, Tensor, Tensor]:
    return x.new_empty(x.shape), weight.new_empty(weight.shape), weight.new_empty(weight.shape[:1])


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, weight, bias, silu = inputs
    ctx.save_for_backward(x, weight, bias)
    ctx.silu = silu


def _differentiate(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
    x, weight, bias = ctx.saved_tensors
    dx, by_weight, by_bias = _by_inputs(dy, x, weight, bias, ctx.silu)
    return dx, by_weight, None if bias is None else by_bias, None


_convolved.register_autograd(_differentiate, setup_context=_keep)
