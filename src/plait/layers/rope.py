"""Rotary positions of GPT-NeoX (Su et al., "RoFormer", arXiv 2104.09864), on the first dimensions of a head.

With r = d_rotary the frequencies are base^(-k/r) for k = 0, 2, .. < r; the first half of the turning
dimensions is paired with the second. An odd r therefore turns r + 1 dimensions, as the `transformers` block
does.
"""

import functools

import torch
from jaxtyping import Float
from torch import Tensor


def turning_dimensions(d_rotary: int) -> int:
    """Dimensions of a head that depend on the position: `d_rotary`, rounded up to an even number."""
    return 2 * ((d_rotary + 1) // 2)


def angles(positions: Float[Tensor, " time"], *, d_rotary: int, base: float) -> Float[Tensor, "time half"]:
    """Position times frequency in float64: no length that fits in memory spoils them."""
    powers = torch.arange(0, d_rotary, 2, dtype=torch.float64, device=positions.device) / max(d_rotary, 1)
    return positions.unsqueeze(-1) * base**-powers


def rotate(
    vectors: Float[Tensor, "*batch time d_head"], turn: Float[Tensor, "time half"]
) -> Float[Tensor, "*batch time d_head"]:
    """`vectors` with their first `2 * turn.shape[-1]` dimensions turned by the angles of their position."""
    half = turn.shape[-1]
    if half == 0:
        return vectors
    cos, sin = turn.cos().to(vectors.dtype), turn.sin().to(vectors.dtype)
    first, second, rest = vectors[..., :half], vectors[..., half : 2 * half], vectors[..., 2 * half :]
    return torch.cat((first * cos - second * sin, second * cos + first * sin, rest), dim=-1)


def distances(
    count: int, *, d_rotary: int, base: float, dtype: torch.dtype
) -> tuple[Float[Tensor, "half at_least_count"], Float[Tensor, "half at_least_count"]]:
    """Cosines and sines of the angles between positions 0, 1, .. apart, for `count` distances or more."""
    return _distances(max(64, 1 << (count - 1).bit_length()), d_rotary, base, dtype)


@functools.lru_cache(maxsize=64)
def _distances(count: int, d_rotary: int, base: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    turn = angles(torch.arange(count, dtype=torch.float64), d_rotary=d_rotary, base=base).T
    return turn.cos().to(dtype).contiguous(), turn.sin().to(dtype).contiguous()
