"""What a measured accuracy proves about the state that a model uses.

Answers within a row depend on each other, rows do not: by Hoeffding's inequality on rows, the true accuracy is at least
the measured one less a margin, unless something of a small probability happened. Source: docs/theory.md, 13.5.
"""

import math
from dataclasses import dataclass

from plait.theory import bits_proved

ALPHA = 1e-3
"""Chance that the margin is too small."""


@dataclass(frozen=True, kw_only=True)
class ProvedBits:
    """Bits that an accuracy proves.

    Args:
        accuracy: as measured.
        margin: that sampling may be off by, at confidence 1 - ALPHA.
        bits: needed for `accuracy - margin` on average over the task's distribution; 0 where it says nothing.
    """

    accuracy: float
    margin: float
    bits: float


def proved_by(task: object, seq_len: int, accuracy: float, *, rows: int, scored: float) -> ProvedBits:
    """The bits of state that were used, if `accuracy` was measured on so many rows of `scored` positions on average.

    For a mean over several models, each on rows of its own, it is the most that some one of them used.

    Raises:
        ValueError: as `bits_proved`.
    """
    # For a row, right answers less the true accuracy times the scored ones: of mean 0, in an interval of seq_len. And
    # the scored ones alone may be fewer than on average. Each is off with half of ALPHA.
    off = seq_len / max(scored, 1.0) * math.sqrt(math.log(2 / ALPHA) / (2 * max(rows, 1)))
    margin = off / (1 - off) if off < 1 else 1.0
    return ProvedBits(
        accuracy=accuracy,
        margin=margin,
        bits=bits_proved(task, seq_len, max(0.0, min(1.0, accuracy - margin))),
    )
