"""Any `torch.nn.Module` as a mixer: a frozen dataclass of its options that builds it; needs no PyTorch to be named.

    @dataclass(frozen=True, kw_only=True)
    class Recurrent(ModuleMixer):
        units: int = 8

        def build(self, spec):                      # (batch, time, d_model) -> the same, causal
            return GRUThenLinear(spec.d_model, self.units)

Norm, residual, state, step, sizes, first weights and members follow (`plait.layers.module_layer`); slower than a mixer
that is drawn (`plait.layers.mixer`) or a layer with a step of its own (`plait.layers.protocol`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from torch import nn

    from plait.layers.spec import LayerSpec


@dataclass(frozen=True, kw_only=True)
class ModuleMixer:
    """What builds the module between norm and residual; a subclass names its source and its options.

    Attributes:
        together: whether members run as one, through `torch.func.vmap`: faster, and each is then what it is alone to
            rounding only. Without it they run in turn, and each is what it is alone to the last bit.
    """

    together: ClassVar[bool] = False

    def build(self, spec: LayerSpec) -> nn.Module:
        """The module, with its first weights; called with `(batch, time, d_model)` it gives the same shape.

        Raises:
            ValueError: options that do not fit the dimensions.
        """
        raise NotImplementedError
