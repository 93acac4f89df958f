"""AdamW with per-member learning rates and per-member gradient clipping, over flat parameters.

Source: Loshchilov and Hutter, arXiv 1711.05101, in the order of operations of `torch.optim.AdamW`; clipping as
`torch.nn.utils.clip_grad_norm_` does it, each member by its own norm.
"""

from jaxtyping import Bool, Float, Int
from torch import Tensor

from plait.kernels.adamw import cpu, reference
from plait.kernels.adamw.reference import AdamWRule
from plait.kernels.common import call
from plait.native import gpu as device


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
    if device.usable(parameters, gradients, *moments):
        from plait.kernels.adamw import gpu as by
    else:
        by = cpu if call.usable(parameters, gradients, *moments) else reference
    by.adamw(parameters, gradients, moments, lr=lr, active=active, rule=rule, step=step)
