"""Rotary frequencies that tell distances apart, and by how much.

With weights g (sum 1) on frequencies w the score of distance t for the number n is
sum_f g_f cos(w_f (t - n)): 1 at t = n, at most 1 - margin elsewhere (docs/theory-constructions.md, Lemma 6.4).
"""

import math
from dataclasses import dataclass

import torch

from plait.layers.rope import turning_dimensions

LARGEST_BASE = 2.0**31 - 2.0


@dataclass(frozen=True, kw_only=True)
class Frequencies:
    """Rotary pairs of one head.

    Args:
        base: the config's `rotary_base`.
        n_pairs: pairs that turn; pair k has frequency `base ** (-k / n_pairs)`.
        used: the pairs that carry the control.
    """

    base: float
    n_pairs: int
    used: tuple[int, ...]

    @property
    def values(self) -> tuple[float, ...]:
        """Radians a position of the used pairs."""
        return tuple(self.base ** (-pair / self.n_pairs) for pair in self.used)

    def fraction(self, d_head: int) -> float:
        """The config's `rotary_fraction`: half a dimension more, so that rounding down cannot fall short."""
        fraction = min(1.0, (2 * self.n_pairs + 0.5) / d_head)
        assert turning_dimensions(int(fraction * d_head)) == 2 * self.n_pairs
        return fraction

    def margin(self, offsets: range) -> float:
        """1 minus the largest mean cosine at an offset of the range that is not 0."""
        k = torch.arange(offsets.start, offsets.stop, dtype=torch.float64)
        k = k[k != 0]
        cosines = torch.stack([torch.cos(w * k) for w in self.values]).mean(0)
        return 1.0 - float(cosines.max()) if len(k) else 2.0


def frequencies(n: int, *, period: float) -> Frequencies:
    """`n` frequencies whose slowest turns once in `period` positions.

    Raises:
        ValueError: the period is too long for a rotary base.
    """
    slowest = 2.0 * math.pi / period
    n_pairs = max(n, 2)
    base = max(slowest, 1e-300) ** (-n_pairs / (n_pairs - 1))
    if not base < LARGEST_BASE:
        raise ValueError(f"distances up to {period:.0f} need a rotary base of {base:.3g}, above 2^31")
    return Frequencies(base=base, n_pairs=n_pairs, used=(1,) if n == 1 else tuple(range(n)))
