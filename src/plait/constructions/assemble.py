"""From written blocks to the parameters of a model."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def assemble(
    embedding: Float[Tensor, "tokens d_model"],
    blocks: Sequence[dict[str, Tensor]],
    *,
    vocab_size: int,
    final_gain: float,
) -> dict[str, Tensor]:
    """Every parameter, in float64.

    Args:
        embedding: a row for every token that may occur; the specials after them get zeros.
        blocks: each layer's parameters.
        vocab_size: all tokens, specials included.
        final_gain: every weight of the last norm.
    """
    d_model = embedding.shape[1]
    specials = torch.zeros(vocab_size - embedding.shape[0], d_model, dtype=torch.float64)
    weights = {
        "embedding.weight": torch.cat((embedding, specials)),
        "final_norm.weight": torch.full((d_model,), final_gain, dtype=torch.float64),
        "final_norm.bias": torch.zeros(d_model, dtype=torch.float64),
    }
    for index, block in enumerate(blocks):
        weights |= {f"layers.{index}.{name}": tensor for name, tensor in block.items()}
    return weights
