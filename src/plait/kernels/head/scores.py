"""What the head says of a batch."""

from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor


class Scores(NamedTuple):
    """Per member: mean cross-entropy in nats over its scored tokens, and how many of them the largest logit got."""

    loss: Float[Tensor, "members"]
    correct: Int[Tensor, "members"]
    scored: Int[Tensor, "members"]
