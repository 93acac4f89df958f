"""AdamW over flat parameters on a GPU, a program a member; what `cpu.py` is on the CPU."""
# pyright: standard, reportMissingImports=false, reportIndexIssue=false, reportArgumentType=false, reportOperatorIssue=false

import math
from dataclasses import astuple

import torch
import triton
import triton.language as tl
from jaxtyping import Bool, Float, Int
from torch import Tensor

from plait.kernels.adamw.rule import AdamWRule

_BLOCK = 1024


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
    _update[members,](
        parameters, gradients, *moments, lr, active, held, size, *astuple(rule), LOG1=math.log(rule.beta1),
        LOG2=math.log(rule.beta2), BLOCK=_BLOCK, num_warps=4,
    )  # fmt: skip
