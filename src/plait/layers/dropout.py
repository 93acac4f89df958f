"""Dropout whose masks are a pure function of a stream: each member of an ensemble has its own."""

from jaxtyping import Float
from torch import Tensor

from plait.kernels import dropout as kernels
from plait.kernels.dropout import reference
from plait.random import Stream


def dropout(
    hidden: Float[Tensor, "*shape"], *, rate: float, stream: Stream | None, draw: int
) -> Float[Tensor, "*shape"]:
    """A share `rate` of `hidden` set to zero, the rest divided by `1 - rate`; unchanged without a stream.

    Raises:
        ValueError: the stream has members and `hidden` does not start with as many.
    """
    if stream is None or rate == 0.0:
        return hidden
    n = len(stream.members)
    if tuple(hidden.shape[:n]) != stream.members:
        raise ValueError(
            f"a dropout stream of {stream.members[0]} members needs hidden states that start with that axis, "
            f"got shape {tuple(hidden.shape)}"
        )
    if kernels.usable(hidden, stream):
        return kernels.dropout(hidden, rate=rate, stream=stream, draw=draw)
    return reference.dropout(hidden, rate=rate, stream=stream, draw=draw)
