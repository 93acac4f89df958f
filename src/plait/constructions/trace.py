"""One real forward pass of a model, with what stands between its layers."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from plait.kernels.common.plain import wide
from plait.kernels.neox.reference import attention_weights
from plait.layers import TransformerLayer, rope
from plait.model import HybridLM


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What a forward pass computed.

    Args:
        hidden: the residual stream after the embedding and after every layer.
        logits: the model's answer.
    """

    hidden: tuple[Float[Tensor, "*batch time d_model"], ...]
    logits: Float[Tensor, "*batch time vocab"]


@torch.no_grad()
def trace(model: HybridLM, tokens: Int[Tensor, "*batch time"]) -> Trace:
    """The model's own forward pass on these tokens, watched through hooks."""
    hidden: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if not hidden:
            hidden.append(inputs[0])
        hidden.append(output)

    handles = [layer.register_forward_hook(keep) for layer in model.layers]
    try:
        logits = model(tokens)
    finally:
        for handle in handles:
            handle.remove()
    return Trace(hidden=tuple(hidden), logits=logits)


@torch.no_grad()
def attention(
    model: HybridLM, layer: int, hidden: Float[Tensor, "*batch time d_model"]
) -> tuple[Float[Tensor, "*batch time time"], Float[Tensor, "*batch time time"]]:
    """Scores (minus infinity outside the window) and softmax weights of the one head of `layer` (1, 2, ..)."""
    block = model.layers[layer - 1]
    if not isinstance(block, TransformerLayer):
        raise ValueError(f"layer {layer} has no attention")
    head = block.attention.heads(block.input_layernorm(hidden))
    query, key, _ = head.squeeze(-3).chunk(3, dim=-1)  # query, key and value
    turn = block.attention.turn(0, hidden.shape[-2], hidden.device)
    query, key = rope.rotate(query, turn), rope.rotate(key, turn)
    weights = attention_weights(query, key, window=block.spec.window)
    scores = query.to(wide(query.dtype)) @ key.to(wide(key.dtype)).mT * block.spec.d_head**-0.5
    return scores.masked_fill(weights == 0.0, float("-inf")), weights


def logit_gaps(
    logits: Float[Tensor, "*batch time vocab"], targets: Int[Tensor, "*batch time"]
) -> Float[Tensor, "*batch time"]:
    """By how much the target's logit leads every other; negative where another token wins."""
    target = targets.unsqueeze(-1)
    others = logits.double().scatter(-1, target, float("-inf")).amax(-1)
    return logits.double().gather(-1, target).squeeze(-1) - others
