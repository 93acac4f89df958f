"""AdamW of many members in compiled code for the CPU (see `cpu.cpp`)."""

import ctypes

from jaxtyping import Bool, Float, Int
from torch import Tensor

from plait.kernels.adamw.reference import AdamWRule
from plait.kernels.common import call
from plait.native.library import INTEGER, POINTER

_ADAMW = call.Kernel("plait_adamw", (INTEGER, INTEGER, *(POINTER,) * 7, INTEGER))


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
    """What `dispatch.adamw` promises, of contiguous tensors."""
    constants = (rule.beta1, rule.beta2, rule.eps, rule.weight_decay, rule.clip, *rule.corrections(step))
    _ADAMW.of(parameters.dtype)(
        *parameters.shape, parameters.data_ptr(), gradients.data_ptr(), *(m.data_ptr() for m in moments),
        lr.data_ptr(), active.data_ptr(), (ctypes.c_double * 7)(*constants), call.threads(),
    )  # fmt: skip
