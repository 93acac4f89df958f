"""Registers of one number from two channels, whose response to older bits falls faster than any one decay.

The response d_1^k - r d_2^k with d_1, d_2 a little above and below `d` vanishes at a lag `z` of choice: near
`d^k (1 - k / z)`. A grid over d and z finds the best; the proofs use nothing but its lead or gap.
"""

import math
from collections.abc import Callable
from functools import lru_cache

from plait.constructions.register import Register, scaled

MOST_BITS = 12
"""Levels are listed for every word at every point of the grid: up to this many bits."""

_APART = 0.06
"""By how much the two decays differ from their middle; the proof uses nothing but the gap found (Lemma 7.3)."""


def _grid(n_bits: int) -> list[tuple[float, float]]:
    """Decays and zeros worth trying; long registers have their best where the fine grid of short ones had it."""
    if n_bits < 6:
        return [(0.10 + 0.02 * row, 0.05 * 1.22**column) for row in range(32) for column in range(34)]
    return [(0.52 + 0.02 * row, n_bits * (1.2 + 0.07 * column)) for row in range(5) for column in range(5)]


def two_decays(decay: float, zero: float, n_bits: int) -> Register:
    """The register with decays around `decay` and no response at lag `zero`."""
    slow, fast = decay * (1.0 + _APART), decay * (1.0 - _APART)
    ratio = (slow / fast) ** zero
    return scaled(Register(n_bits=n_bits, decays=(slow, fast), maps=((1.0, -ratio),)))


@lru_cache(maxsize=64)
def largest_lead(n_bits: int) -> Register | None:
    """The one of the largest lead on the grid; None beyond `MOST_BITS`."""
    return _best(n_bits, lambda register: register.lead)


@lru_cache(maxsize=64)
def largest_gap(n_bits: int) -> Register | None:
    """The one of the widest gap between two words' numbers on the grid; None beyond `MOST_BITS`."""
    return _best(n_bits, lambda register: register.gap)


def _best(n_bits: int, quality: Callable[[Register], float]) -> Register | None:
    if not 2 <= n_bits <= MOST_BITS:
        return None
    best, most = None, -math.inf
    for decay, zero in _grid(n_bits):
        register = two_decays(decay, zero, n_bits)
        if (value := quality(register)) > most:
            best, most = register, value
    return best
