"""Rotary positions of GPT-NeoX (Su et al., "RoFormer", arXiv 2104.09864), on the first dimensions of a head.

With r = d_rotary the frequencies are base^(-k/r) for k = 0, 2, .. < r; the first half of the turning
dimensions is paired with the second. An odd r therefore turns r + 1 dimensions, as the `transformers` block
does.

The program released with arXiv 2603.08859 has r dimensions also where r is odd: its table of angles (f, f) is cut to
r columns, and "half" of them is rounded down. With r = 3 that is (q0, q1, q2) cos(f0, f1, f0) + (-q1, -q2, q0)
sin(f0, f1, f0), with r = 1 a factor cos t - sin t: no rotation, and scores that depend on more than distances.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from plait.deferred import deferred

if TYPE_CHECKING:
    import torch
    from jaxtyping import Float
    from torch import Tensor

    from plait.kernels.neox import reference
else:
    torch = deferred("torch")
    reference = deferred("plait.kernels.neox.reference")


POSITIONS = ("rope", "none", "alibi", "hard-alibi")
"""How attention knows positions: by rotation, not at all, or by a bias of every head (`kernels/neox/reference.py`)."""

ODD = ("paired", "released")
"""What an odd `d_rotary` does: one dimension more turns, or what the released program computes."""


def turning_dimensions(d_rotary: int, *, odd: str = "paired") -> int:
    """Dimensions of a head that depend on the position: `d_rotary`, rounded up to an even number if "paired"."""
    return d_rotary if odd == "released" else 2 * ((d_rotary + 1) // 2)


def angles(positions: Float[Tensor, " time"], *, d_rotary: int, base: float) -> Float[Tensor, "time half"]:
    """Position times frequency in float64: no length that fits in memory spoils them."""
    powers = torch.arange(0, d_rotary, 2, dtype=torch.float64, device=positions.device) / max(d_rotary, 1)
    return positions.unsqueeze(-1) * base**-powers


def rotate(
    vectors: Float[Tensor, "*batch time d_head"], turn: Float[Tensor, "time half"], turned: int | None = None
) -> Float[Tensor, "*batch time d_head"]:
    """`vectors` with their first `turned` dimensions turned by the angles of their position.

    `turned` is twice the number of angles (also where it is None), or one less: then as the released program has it.
    """
    turned = 2 * turn.shape[-1] if turned is None else turned
    return reference.rotate_by(vectors, turn.cos(), turn.sin(), turned)


def distances(
    count: int, *, d_rotary: int, base: float, dtype: torch.dtype
) -> tuple[Float[Tensor, "half at_least_count"], Float[Tensor, "half at_least_count"]]:
    """Cosines and sines of the angles between positions 0, 1, .. apart, for `count` distances or more."""
    return _distances(max(64, 1 << (count - 1).bit_length()), d_rotary, base, dtype)


@functools.lru_cache(maxsize=64)  # lengths are powers of two, for few widths and types
def _distances(count: int, d_rotary: int, base: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    turn = angles(torch.arange(count, dtype=torch.float64), d_rotary=d_rotary, base=base).T
    return turn.cos().to(dtype).contiguous(), turn.sin().to(dtype).contiguous()
