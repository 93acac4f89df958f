"""A chunked model over sequences that are cut into pieces."""

import torch
from torch import Tensor

from plait.model import HybridLM
from plait.model.chunked import ChunkedModel


def logits_in_pieces(model: HybridLM, tokens: Tensor, pieces: tuple[int, ...]) -> Tensor:
    """Logits after each token, from pieces of these lengths, state by state."""
    chunked = ChunkedModel(model)
    state, parts = chunked.start(len(tokens)), []
    for part in tokens.split(pieces, dim=1):
        logits, state = chunked.advance(part, state)
        parts.append(logits)
    return torch.cat(parts, dim=1)
