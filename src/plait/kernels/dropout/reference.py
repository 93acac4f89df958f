"""Dropout whose masks are a pure function of a stream, in plain PyTorch."""

import torch
from jaxtyping import Float
from torch import Tensor

from plait.random import Stream


def dropout(
    hidden: Float[Tensor, "*shape"], *, rate: float, stream: Stream, draw: int
) -> Float[Tensor, "*shape"]:
    """A share `rate` of `hidden` set to zero, the rest divided by `1 - rate`.

    An entry is kept where its word of the draw, counted within its member, is below `1 - rate` of 2^32.
    """
    shape = hidden.shape[len(stream.members) :]
    kept = stream.bernoulli(1.0 - rate, shape, draw=draw).to(hidden.device)
    return torch.where(kept, hidden / (1.0 - rate), 0.0)
