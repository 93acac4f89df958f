"""AdamW of many members in plain PyTorch."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class AdamWRule:
    """What all members share: momenta, floor of the denominator, weight decay, and the largest gradient norm."""

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8  # these three are PyTorch's
    weight_decay: float = 0.1  # this, and the clip, are those of `Train`
    clip: float = 1.0

    def corrections(self, step: int | Tensor) -> tuple[float | Tensor, float | Tensor]:
        """By how much the two moments fall short after so many steps."""
        count = step.double() if isinstance(step, Tensor) else step
        return 1.0 - self.beta1**count, 1.0 - self.beta2**count


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
    """What `dispatch.adamw` promises."""
    correction = rule.corrections(step)
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
