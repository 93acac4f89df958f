"""Layers side by side, `(SSM|TF)`: all read the same hidden states, and what they add is added up.

    hidden + (A(hidden) - hidden) + (B(hidden) - hidden),   where A(hidden) = hidden + mixer(norm(hidden))

This is the sum of Falcon-H1 (arXiv 2507.22448) with its multipliers at 1. Hymba (arXiv 2411.13676) norms and scales
what each side gives, under one output projection; the sum leaves every side the layer that it is alone, with its own
kernel and its own scale. Each side also keeps the norm of its own block. Where both norm alike (all built-in layers but
TF: RMSNorm), that is as much as one shared norm says, for its weight can be multiplied into the projections behind it.
"""

import dataclasses
import functools
from typing import Any, ClassVar, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.layers.protocol import Layer, State
from plait.layers.spec import APART, LayerSpec, Side, joined, sides_of
from plait.random import Stream


class ParallelLayer(nn.Module):
    """Holds what its sides hold; state and weights of side k are named `k.NAME` and `sides.k.NAME`."""

    members_axis: ClassVar[bool] = True
    uses_dropout: ClassVar[bool] = False
    names: ClassVar[tuple[str, ...]] = ()
    classes: ClassVar[tuple[type[nn.Module], ...]] = ()

    def __init__(self, spec: LayerSpec) -> None:
        super().__init__()
        self.parts: tuple[Side, ...] = sides_of(joined(self.names), spec)
        self.sides = nn.ModuleList(
            kind(part.spec) for kind, part in zip(self.classes, self.parts, strict=True)
        )

    def forward(
        self,
        hidden: Float[Tensor, "*members batch time d_model"],
        dropout_stream: Stream | None = None,
    ) -> Float[Tensor, "*members batch time d_model"]:
        outputs: list[Tensor] = []
        for side in self.sides:
            drops = dropout_stream is not None and getattr(side, "uses_dropout", False)
            outputs.append(side(hidden, dropout_stream) if drops else side(hidden))
        return _together(hidden, outputs)

    def compiled(self, hidden: Float[Tensor, "*members batch time d_model"]) -> bool:
        """Whether every side runs such hidden states in a compiled kernel."""
        return all(hasattr(side, "compiled") and cast(Any, side).compiled(hidden) for side in self.sides)

    def reference_forward(
        self, hidden: Float[Tensor, "*members batch time d_model"]
    ) -> Float[Tensor, "*members batch time d_model"]:
        """The layer in plain PyTorch operations."""
        return _together(hidden, [getattr(side, "reference_forward", side)(hidden) for side in self.sides])

    def init_state(self, batch: int | tuple[int, ...], *, dtype: torch.dtype, device: torch.device) -> State:
        """The sides' states; `batch` may be `(members, batch)` where all sides have a members axis."""
        return {
            f"{place}.{name}": value
            for place, side in enumerate(self._layers())
            for name, value in side.init_state(cast(int, batch), dtype=dtype, device=device).items()
        }

    def step(
        self, hidden: Float[Tensor, "*members batch d_model"], state: State
    ) -> tuple[Float[Tensor, "*members batch d_model"], State]:
        outputs: list[Tensor] = []
        after: State = {}
        for place, side in enumerate(self._layers()):
            before = f"{place}."
            own = {name.removeprefix(before): held for name, held in state.items() if name.startswith(before)}
            output, own = side.step(hidden, own)
            outputs.append(output)
            after |= {before + name: held for name, held in own.items()}
        return _together(hidden, outputs), after

    def state_size(self, seq_len: int) -> dict[str, int]:
        """The sums over the sides."""
        held: dict[str, int] = {}
        for side in self._layers():
            for kind, n in side.state_size(seq_len).items():
                held[kind] = held.get(kind, 0) + n
        return held

    def reset_parameters(self, stream: Stream) -> None:
        """Each side as it begins alone; the first from the very stream, so as it would at this place of the pattern."""
        for place, side in enumerate(self._layers()):
            side.reset_parameters(dataclasses.replace(stream, step=stream.step + APART * place))

    def _layers(self) -> tuple[Layer, ...]:
        return tuple(cast(Layer, side) for side in self.sides)


@functools.cache
def side_by_side(names: tuple[str, ...], classes: tuple[type[nn.Module], ...]) -> type[ParallelLayer]:
    """The class of layers with these sides, under their name in a pattern."""
    attributes: dict[str, Any] = {
        "names": names,
        "classes": classes,
        "members_axis": all(cast(Any, kind).members_axis for kind in classes),
        "uses_dropout": any(getattr(kind, "uses_dropout", False) for kind in classes),
        "__doc__": ParallelLayer.__doc__,
    }
    return type(joined(names), (ParallelLayer,), attributes)


def _together(hidden: Tensor, outputs: list[Tensor]) -> Tensor:
    total = outputs[0]
    for output in outputs[1:]:
        total = total + (output - hidden)
    return total
