"""From written blocks to a model."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from plait.model import HybridConfig, HybridLM


def assemble(
    config: HybridConfig,
    *,
    embedding: Float[Tensor, "vocab d_model"],
    blocks: Sequence[dict[str, Tensor]],
    final_gain: float,
    dtype: torch.dtype,
) -> HybridLM:
    """The model of these weights, rounded once to `dtype`, in evaluation mode.

    `embedding` has a row for every token that may occur; the specials after them get zeros.
    """
    assert config.vocab_size is not None
    specials = embedding.new_zeros(config.vocab_size - embedding.shape[0], config.d_model)
    tensors = {
        "embedding.weight": torch.cat((embedding, specials)),
        "final_norm.weight": embedding.new_full((config.d_model,), final_gain),
        "final_norm.bias": embedding.new_zeros(config.d_model),
    }
    for index, block in enumerate(blocks):
        tensors |= {f"layers.{index}.{name}": tensor for name, tensor in block.items()}
    model = HybridLM(config, seed=None, dtype=dtype)
    model.load_state_dict({name: tensor.to(dtype) for name, tensor in tensors.items()})
    return model.eval()
