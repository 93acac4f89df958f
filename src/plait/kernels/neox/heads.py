"""What the heads of a GPT-NeoX layer are told beside their weights."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

BIASED = ("alibi", "hard-alibi")


class Heads(NamedTuple):
    """Attention heads whose first dimensions turn with the position.

    Attributes:
        count: heads of a layer.
        window: tokens that a query sees, itself included; None = all.
        turned: dimensions of a head that turn: 2 * pairs, or 2 * pairs - 1 as `plait.layers.rope` says.
        positions: "rope" (by `cos` and `sin`), "none", or a bias of every head (see `bias`): "alibi" or "hard-alibi".
        cos, sin: of the angle of each pair of dimensions at each position; for a stream, at each distance, as many as
            the window or all tokens, whichever is less, and more if you like.
    """

    count: int
    window: int | None
    turned: int
    cos: Float[Tensor, "pairs positions"]
    sin: Float[Tensor, "pairs positions"]
    positions: str = "rope"

    @property
    def biased(self) -> bool:
        """Whether scores have a bias, which the compiled kernels do not know."""
        return self.positions in BIASED

    def reach(self, tokens: int) -> int:
        """How many of so many tokens the last one sees."""
        return tokens if self.window is None else min(tokens, self.window)

    def kept(self, tokens: int) -> int:
        """How many of so many tokens the next one sees."""
        return tokens if self.window is None else min(tokens, self.window - 1)


def bias(
    positions: str, n_heads: int, distance: Int[Tensor, "queries keys"], dtype: torch.dtype
) -> Float[Tensor, "n_heads queries keys"]:
    """What is added to the scores of each head at each distance (tokens back, 0 for the query's own place).

    alibi        -m distance, with m = 2^(-8 h / H) for head h = 1 .. H (Press et al., arXiv 2108.12409)
    hard-alibi   head h of the first half sees the last h tokens alone, its own included; the others have no bias
                 (Jelassi et al., "Repeat After Me", arXiv 2402.01032)
    """
    head = torch.arange(1, n_heads + 1, device=distance.device).view(-1, 1, 1)
    if positions == "alibi":
        return -(2.0 ** (-8.0 * head.to(dtype) / n_heads)) * distance
    unseen = (head <= n_heads // 2) & (distance >= head)
    return torch.zeros(unseen.shape, dtype=dtype, device=distance.device).masked_fill_(unseen, float("-inf"))
