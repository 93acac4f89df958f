"""AdamW over flat parameters on a GPU; what `cpu.cpp` is on the CPU.

A small member is a program's work. A large one is cut into parts: their squares first, then the member's rates from all
of them, then the update of each part by itself.
"""
# pyright: standard, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false

import math
from dataclasses import astuple

import torch
import triton
import triton.language as tl
from jaxtyping import Bool, Float, Int
from torch import Tensor

from plait.kernels.adamw.reference import AdamWRule

_BLOCK = 1024
_WHOLE = 2**18
"""Largest member that one program updates."""
_PART = 2**14
"""Weights of a program's part of a larger one, at least."""
_MOST_PARTS = 8192
"""Of one member."""


@triton.jit
def _update(
    parameters, gradients, first, second, lr, active, step, size,
    beta1: tl.constexpr, beta2: tl.constexpr, eps: tl.constexpr, weight_decay: tl.constexpr, clip: tl.constexpr,
    LOG1: tl.constexpr, LOG2: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    member = tl.program_id(0).to(tl.int64)
    start = member * size
    squares = tl.zeros([BLOCK], tl.float64)
    for begin in range(0, size, BLOCK):
        index = begin + tl.arange(0, BLOCK)
        gradient = tl.load(gradients + start + index, mask=index < size, other=0.0)
        squares += gradient.to(tl.float64) * gradient.to(tl.float64)
    square = tl.sum(squares, axis=0)
    finite = square < float("inf")
    keep = (tl.load(active + member) != 0) & finite
    tl.store(active + member, keep)
    rate = tl.load(lr + member)
    count = tl.load(step).to(tl.float64)
    correction1, correction2 = 1.0 - tl.exp(count * LOG1), 1.0 - tl.exp(count * LOG2)
    factor = tl.minimum(1.0, clip / (tl.sqrt(square) + 1e-6)).to(tl.float32)
    shrink = (1.0 - rate * weight_decay).to(tl.float32)
    pace = (rate / correction1).to(tl.float32)
    root = (1.0 / tl.sqrt(correction2)).to(tl.float32)
    for begin in range(0, size, BLOCK):
        index = begin + tl.arange(0, BLOCK)
        inside = (index < size) & keep
        gradient = tl.load(gradients + start + index, mask=inside, other=0.0) * factor
        m = tl.load(first + start + index, mask=inside, other=0.0) * beta1 + gradient * (1.0 - beta1)
        v = tl.load(second + start + index, mask=inside, other=0.0) * beta2 + gradient * gradient * (
            1.0 - beta2
        )
        weight = tl.load(parameters + start + index, mask=inside, other=0.0)
        weight = weight * shrink - pace * m / (tl.sqrt(v) * root + eps)
        tl.store(first + start + index, m, mask=inside)
        tl.store(second + start + index, v, mask=inside)
        tl.store(parameters + start + index, weight, mask=inside)


@triton.jit
def _square(gradients, squares, size, part, BLOCK: tl.constexpr):
    member, own = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    start, last = member * size, tl.minimum((own + 1) * part, size)
    total = tl.zeros([BLOCK], tl.float64)
    for begin in range(own * part, last, BLOCK):
        index = begin + tl.arange(0, BLOCK)
        gradient = tl.load(gradients + start + index, mask=index < last, other=0.0).to(tl.float64)
        total += gradient * gradient
    tl.store(squares + member * tl.num_programs(1) + own, tl.sum(total, axis=0))


@triton.jit
def _rates(
    squares, factors, lr, active, step, n_parts,
    weight_decay: tl.constexpr, clip: tl.constexpr, LOG1: tl.constexpr, LOG2: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    member = tl.program_id(0)
    total = tl.zeros([BLOCK], tl.float64)
    for begin in range(0, n_parts, BLOCK):
        index = begin + tl.arange(0, BLOCK)
        total += tl.load(squares + member * n_parts + index, mask=index < n_parts, other=0.0)
    square = tl.sum(total, axis=0)
    tl.store(active + member, (tl.load(active + member) != 0) & (square < float("inf")))
    rate, count = tl.load(lr + member), tl.load(step).to(tl.float64)
    correction1, correction2 = 1.0 - tl.exp(count * LOG1), 1.0 - tl.exp(count * LOG2)
    factors += 4 * member
    tl.store(factors, tl.minimum(1.0, clip / (tl.sqrt(square) + 1e-6)).to(tl.float32))
    tl.store(factors + 1, (1.0 - rate * weight_decay).to(tl.float32))
    tl.store(factors + 2, (rate / correction1).to(tl.float32))
    tl.store(factors + 3, (1.0 / tl.sqrt(correction2)).to(tl.float32))


@triton.jit
def _update_part(
    parameters, gradients, first, second, factors, active, size,
    beta1: tl.constexpr, beta2: tl.constexpr, eps: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    member = tl.program_id(1).to(tl.int64)
    index = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    factors += 4 * member
    inside = (index < size) & (tl.load(active + member) != 0)
    index += member * size
    gradient = tl.load(gradients + index, mask=inside, other=0.0) * tl.load(factors)
    m = tl.load(first + index, mask=inside, other=0.0) * beta1 + gradient * (1.0 - beta1)
    v = tl.load(second + index, mask=inside, other=0.0) * beta2 + gradient * gradient * (1.0 - beta2)
    weight = tl.load(parameters + index, mask=inside, other=0.0)
    weight = weight * tl.load(factors + 1) - tl.load(factors + 2) * m / (
        tl.sqrt(v) * tl.load(factors + 3) + eps
    )
    tl.store(first + index, m, mask=inside)
    tl.store(second + index, v, mask=inside)
    tl.store(parameters + index, weight, mask=inside)


def adamw(
    parameters: Float[Tensor, "members size"],
    gradients: Float[Tensor, "members size"],
    moments: tuple[Float[Tensor, "members size"], Float[Tensor, "members size"]],
    *,
    lr: Float[Tensor, "members"],
    active: Bool[Tensor, "members"],
    rule: AdamWRule,
    step: int | Int[Tensor, ""],
) -> None:
    """What `dispatch.adamw` promises, of contiguous tensors; a tensor `step` stays on the device."""
    held = step if isinstance(step, Tensor) else torch.full_like(active, step, dtype=torch.int64)
    members, size = parameters.shape
    logarithms = {"LOG1": math.log(rule.beta1), "LOG2": math.log(rule.beta2)}
    if size <= _WHOLE:
        _update[members,](
            parameters, gradients, *moments, lr, active, held, size, *astuple(rule), **logarithms, BLOCK=_BLOCK,
            num_warps=4,
        )  # fmt: skip
        return
    part = _BLOCK * triton.cdiv(max(_PART, triton.cdiv(size, _MOST_PARTS)), _BLOCK)
    n_parts = triton.cdiv(size, part)
    squares = torch.empty(members, n_parts, dtype=torch.float64, device=parameters.device)
    factors = torch.empty(members, 4, dtype=torch.float32, device=parameters.device)
    _square[members, n_parts](gradients, squares, size, part, BLOCK=_BLOCK, num_warps=4)
    _rates[members,](
        squares, factors, lr, active, held, n_parts, weight_decay=rule.weight_decay, clip=rule.clip, **logarithms,
        BLOCK=_BLOCK, num_warps=4,
    )  # fmt: skip
    # A grid's first axis alone may have more than 65,535 programs.
    _update_part[triton.cdiv(size, _BLOCK), members](
        parameters, gradients, *moments, factors, active, size, beta1=rule.beta1, beta2=rule.beta2, eps=rule.eps,
        BLOCK=_BLOCK, num_warps=4,
    )  # fmt: skip
