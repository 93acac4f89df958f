"""Dropout whose masks are a pure function of a stream, in plain PyTorch."""

import torch
from jaxtyping import Float
from torch import Tensor

from plait.kernels.dropout.drops import Drops


def dropout(hidden: Float[Tensor, "*shape"], drops: Drops) -> Float[Tensor, "*shape"]:
    """What `dispatch.dropout` promises.

    An entry is kept where its word of the draw, counted within its member, is below `1 - rate` of 2^32.
    """
    stream, kept = drops.stream, 1.0 - drops.rate
    shape = hidden.shape[len(stream.members) :]
    keep = stream.bernoulli(kept, shape, draw=drops.draw).to(hidden.device)
    return torch.where(keep, hidden / kept, 0.0)
