"""What the heads of a GPT-NeoX layer are told beside their weights."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor


class Heads(NamedTuple):
    """Attention heads whose first dimensions turn with the position.

    Attributes:
        count: heads of a layer.
        window: tokens that a query sees, itself included; None = all.
        turned: dimensions of a head that turn: 2 * pairs, or 2 * pairs - 1 as `plait.layers.rope` says.
        cos, sin: of the angle of each pair of dimensions at each position; for a stream, at each distance, as many as
            the window or all tokens, whichever is less, and more if you like.
    """

    count: int
    window: int | None
    turned: int
    cos: Float[Tensor, "pairs positions"]
    sin: Float[Tensor, "pairs positions"]

    def reach(self, tokens: int) -> int:
        """How many of so many tokens the last one sees."""
        return tokens if self.window is None else min(tokens, self.window)

    def kept(self, tokens: int) -> int:
        """How many of so many tokens the next one sees."""
        return tokens if self.window is None else min(tokens, self.window - 1)
