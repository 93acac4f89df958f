"""AdamW with per-member learning rates and per-member gradient clipping, over flat parameters.

Source: Loshchilov and Hutter, arXiv 1711.05101, in the order of operations of `torch.optim.AdamW`; clipping as
`torch.nn.utils.clip_grad_norm_` does it, each member by its own norm.
"""

import ctypes

from jaxtyping import Bool, Float, Int
from torch import Tensor

from plait.kernels.adamw import reference
from plait.kernels.adamw.reference import AdamWRule
from plait.kernels.common import call
from plait.native.library import INTEGER, POINTER, triton_takes


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
    if triton_takes(parameters, gradients, *moments):
        from plait.kernels.adamw.gpu import adamw as update
    else:
        update = _compiled if call.usable(parameters, gradients, *moments) else reference.adamw
    update(parameters, gradients, moments, lr=lr, active=active, rule=rule, step=step)


_ADAMW = call.Kernel("plait_adamw", (INTEGER, INTEGER, *(POINTER,) * 7, INTEGER))


def _compiled(
    parameters: Tensor,
    gradients: Tensor,
    moments: tuple[Tensor, Tensor],
    *,
    lr: Tensor,
    active: Tensor,
    rule: AdamWRule,
    step: int | Tensor,
) -> None:
    """`cpu.cpp`, of contiguous tensors."""
    constants = (rule.beta1, rule.beta2, rule.eps, rule.weight_decay, rule.clip, *rule.corrections(step))
    _ADAMW.of(parameters.dtype)(
        *parameters.shape, parameters.data_ptr(), gradients.data_ptr(), *(m.data_ptr() for m in moments),
        lr.data_ptr(), active.data_ptr(), (ctypes.c_double * 7)(*constants), call.threads(),
    )  # fmt: skip
