"""How many of the last tokens a model's output can depend on.

    window 3      .  .  .  x  x  y      window 2 above it      .  .  x  x  x  y       3 + 2 - 1 = 4 tokens

Source: docs/theory.md, Theorem 3.1.
"""

from dataclasses import dataclass
from typing import cast

from torch import nn

from plait.layers import DrawnLayer, Layer, MambaLayer, TransformerLayer
from plait.layers.parallel import ParallelLayer
from plait.model import HybridLM


@dataclass(frozen=True, kw_only=True)
class Field:
    """Attributes:
    tokens: the output at a position depends on this many last tokens, its own included; None where no layer's
        window limits it.
    why: how it comes about, in words.
    """

    tokens: int | None
    why: str


def receptive_field(model: HybridLM) -> Field:
    """`1 + sum(window - 1)` over the attention layers; a recurrent layer, or an open window, voids it.

    Of layers side by side the widest window counts. A layer of a user's own counts as reading without limit, unless it
    carries nothing at all.
    """
    tokens = 1
    windows: list[str] = []
    for index, (name, layer) in enumerate(zip(model.config.layers, model.each_layer(), strict=True)):
        reach = _reach(cast(nn.Module, layer))
        if isinstance(reach, str):
            return Field(tokens=None, why=f"layer {index} ({name}) {reach}")
        tokens += reach or 0
        windows += [] if reach is None else [str(reach + 1)]
    why = f"windows of {', '.join(windows)} tokens" if windows else "no layer reads but the present"
    return Field(tokens=tokens, why=f"{why}: the output depends on the last {tokens} tokens")


def _reach(layer: nn.Module) -> int | str | None:
    """How many tokens before the present one it reads: None for a layer without a window, or why there is no limit."""
    if isinstance(layer, ParallelLayer):
        found = [_reach(side) for side in layer.sides]
        limitless = next((reach for reach in found if isinstance(reach, str)), None)
        return limitless or max((r for r in found if isinstance(r, int)), default=None)
    if isinstance(layer, MambaLayer):
        return "is recurrent: it reads without limit"
    if isinstance(layer, DrawnLayer):
        return (
            "carries a state: it reads without limit"
            if layer.graph.reach is None
            else layer.graph.reach or None
        )
    if isinstance(layer, TransformerLayer):
        window = layer.spec.window
        return "has an open window: it reads every token" if window is None else window - 1
    own = cast(Layer, layer)
    if any(own.state_size(length).get(part) for length in (1, 2) for part in _PARTS):
        return "is your own: it may read without limit"
    return None


_PARTS = ("ssm_state", "conv_tail", "kv_cache")
