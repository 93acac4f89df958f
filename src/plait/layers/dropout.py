"""Dropout whose masks are a pure function of a stream: each member of an ensemble has its own."""

from jaxtyping import Float
from torch import Tensor

from plait.kernels.dropout import Drops
from plait.kernels.dropout import dropout as dropped
from plait.random import Stream


def dropout(
    hidden: Float[Tensor, "*shape"], *, rate: float, stream: Stream | None, draw: int
) -> Float[Tensor, "*shape"]:
    """A share `rate` of `hidden` set to zero, the rest divided by `1 - rate`; unchanged without a stream.

    Raises:
        ValueError: the stream has members and `hidden` does not start with as many.
    """
    return dropped(hidden, drops_of(rate, stream, draw))


def drops_of(rate: float, stream: Stream | None, draw: int) -> Drops | None:
    """None where nothing drops."""
    return None if stream is None or rate == 0.0 else Drops(rate, stream, draw)
