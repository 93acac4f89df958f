"""AdamW with per-member learning rates and per-member gradient clipping, over flat parameters.

Source: Loshchilov and Hutter, arXiv 1711.05101, in the order of operations of `torch.optim.AdamW`; clipping as
`torch.nn.utils.clip_grad_norm_` does it, each member by its own norm.
"""

import ctypes
from dataclasses import astuple, dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from plait.kernels import call
from plait.native import gpu


@dataclass(frozen=True, kw_only=True)
class AdamWRule:
    """What all members share: momenta, floor of the denominator, weight decay, and the largest gradient norm."""

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.1
    clip: float = 1.0


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
    """One update in place of the active members; `step` counts from 1, `lr` is float64.

    A tensor `step` is read where it lies.

    A member whose gradient is not finite is not updated, and `active` turns false for it.
    """
    if gpu.usable(parameters, gradients, *moments):
        from plait.kernels.triton import adamw as on_gpu

        held = step if isinstance(step, Tensor) else torch.full_like(active, step, dtype=torch.int64)
        on_gpu.adamw(parameters, gradients, moments, lr=lr, active=active, step=held, constants=astuple(rule))
        return
    count = step.double() if isinstance(step, Tensor) else step
    correction = 1.0 - rule.beta1**count, 1.0 - rule.beta2**count
    if call.usable(parameters, gradients, *moments):
        constants = (rule.beta1, rule.beta2, rule.eps, rule.weight_decay, rule.clip, *correction)
        call.function("plait_adamw", parameters.dtype)(
            *parameters.shape, parameters.data_ptr(), gradients.data_ptr(), *(m.data_ptr() for m in moments),
            lr.data_ptr(), active.data_ptr(), (ctypes.c_double * 7)(*constants), call.threads(),
        )  # fmt: skip
        return
    norm = torch.linalg.vector_norm(gradients, dim=1, dtype=torch.float64)
    active &= norm.isfinite()
    factor = (rule.clip / (norm + 1e-6)).clamp(max=1.0).to(gradients.dtype).unsqueeze(1)
    first, second = moments
    gradient = gradients * factor
    new_first = first * rule.beta1 + gradient * (1.0 - rule.beta1)
    new_second = second * rule.beta2 + gradient * gradient * (1.0 - rule.beta2)
    rate = lr.unsqueeze(1)
    shrink = (1.0 - rate * rule.weight_decay).to(gradients.dtype)
    pace = (rate / correction[0]).to(gradients.dtype)
    denominator = new_second.sqrt() * (1.0 / correction[1] ** 0.5) + rule.eps
    updated = parameters * shrink - pace * new_first / denominator
    keep = active.unsqueeze(1)
    for old, new in ((parameters, updated), (first, new_first), (second, new_second)):
        old.copy_(torch.where(keep, new, old))
