"""How many of the last tokens a model's output can depend on.

    window 3      .  .  .  x  x  y      window 2 above it      .  .  x  x  x  y       3 + 2 - 1 = 4 tokens

Source: docs/theory.md, Theorem 3.1.
"""

from dataclasses import dataclass

from plait.layers import DrawnLayer, MambaLayer, TransformerLayer
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

    A layer of a user's own counts as reading without limit, unless it carries nothing at all.
    """
    tokens = 1
    windows: list[str] = []
    for index, (name, layer) in enumerate(zip(model.config.layers, model.each_layer(), strict=True)):
        if isinstance(layer, MambaLayer):
            return Field(tokens=None, why=f"layer {index} ({name}) is recurrent: it reads without limit")
        if isinstance(layer, DrawnLayer):
            reach = layer.graph.reach
            if reach is None:
                return Field(
                    tokens=None, why=f"layer {index} ({name}) carries a state: it reads without limit"
                )
            tokens += reach
            windows += [str(reach + 1)] if reach else []
        elif isinstance(layer, TransformerLayer):
            if layer.spec.window is None:
                return Field(
                    tokens=None, why=f"layer {index} ({name}) has an open window: it reads every token"
                )
            tokens += layer.spec.window - 1
            windows.append(str(layer.spec.window))
        elif any(layer.state_size(length).get(part) for length in (1, 2) for part in _PARTS):
            return Field(tokens=None, why=f"layer {index} ({name}) is your own: it may read without limit")
    why = f"windows of {', '.join(windows)} tokens" if windows else "no layer reads but the present"
    return Field(tokens=tokens, why=f"{why}: the output depends on the last {tokens} tokens")


_PARTS = ("ssm_state", "conv_tail", "kv_cache")
