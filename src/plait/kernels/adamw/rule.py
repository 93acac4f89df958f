"""What all members share in AdamW."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class AdamWRule:
    """What all members share: momenta, floor of the denominator, weight decay, and the largest gradient norm."""

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.1
    clip: float = 1.0

    def corrections(self, step: int | Tensor) -> tuple[float | Tensor, float | Tensor]:
        """By how much the two moments fall short after so many steps."""
        count = step.double() if isinstance(step, Tensor) else step
        return 1.0 - self.beta1**count, 1.0 - self.beta2**count
