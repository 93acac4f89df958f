"""A mixer of your own that is any `torch.nn.Module`, in a pattern as `my_module:AttentionFree-TF`.

    y_t = out(sigmoid(q_t) * sum_{s <= t} exp(k_s) v_s / sum_{s <= t} exp(k_s))

Copy this file, put it where Python finds it, and put your module in the place of this one: `(batch, time, d_model)`
goes in and comes out. Norm, residual, streaming, first weights and members follow. Source: arXiv 2105.14103.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from plait.layers import LayerSpec, ModuleMixer


class AttentionFreeModule(nn.Module):
    """Knows nothing of plait."""

    def __init__(self, d_model: int, width: int) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(d_model, width) for _ in range(3))
        self.out = nn.Linear(width, d_model)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.k(x).exp()
        mean = (weight * self.v(x)).cumsum(dim=-2) / weight.cumsum(dim=-2)
        return self.out(self.q(x).sigmoid() * mean)


@dataclass(frozen=True, kw_only=True)
class AttentionFree(ModuleMixer):
    """A running mean of values, weighted by their keys."""

    together = True  # members as one, each as alone to rounding
    width: int = 16

    def build(self, spec: LayerSpec) -> nn.Module:
        return AttentionFreeModule(spec.d_model, self.width)
