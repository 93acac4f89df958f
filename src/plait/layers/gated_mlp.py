"""A perceptron as a layer of its own, so that any mixer can have one or none: `GDN-MLP`.

    hidden + down_proj(silu(gate_proj) up_proj),   or without a gate   hidden + down_proj(silu(up_proj))

Source: Shazeer, arXiv 2002.05202 (SwiGLU); parameters are named as in `transformers.models.llama`.
"""

from dataclasses import dataclass

from plait.kernels.graph import Signal
from plait.layers import starts
from plait.layers.mixer import Mixer, check_flags, check_sizes
from plait.layers.spec import LayerSpec


@dataclass(frozen=True, kw_only=True)
class MLP(Mixer):
    """Holds nothing.

    Attributes:
        units: hidden ones; None for `d_mlp` of the config.
        gated: whether each unit is a product of two.
    """

    units: int | None = None
    gated: bool = True

    def __post_init__(self) -> None:
        check_sizes(self, "units")
        check_flags(self, "gated")

    def draw(self, x: Signal, spec: LayerSpec) -> Signal:
        units, start = self.units or spec.d_mlp, starts.normal(0.02)
        if units < 1:
            raise ValueError("at least one unit is needed, and d_mlp is 0")
        inside = x.linear("mixer.up_proj", units, initial=start)
        gate = x.linear("mixer.gate_proj", units, initial=start) if self.gated else inside
        inside = inside * gate.silu() if self.gated else gate.silu()
        return inside.linear("mixer.down_proj", spec.d_model, initial=start)
