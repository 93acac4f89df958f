"""Rotary frequencies that tell distances apart, and by how much.

With weights g (sum 1) on frequencies w the score of distance t for the number n is
sum_f g_f cos(w_f (t - n)): 1 at t = n, at most 1 - margin elsewhere (docs/theory-constructions.md, Lemma 6.4).

`Recency` is a score that falls with the distance, on one slow rotary frequency (Lemma 7.5):
sharpness * cos(w t + pi / 4) with w = pi / (2 window) falls on the window from cos(pi/4) to cos(3 pi/4), by at
least sharpness * 2 sin(w / 2) sin(pi / 4 + w / 2) at every step.
"""

import math
from dataclasses import dataclass

import torch

from plait.layers.rope import turning_dimensions

LARGEST_BASE = 2.0**31 - 2.0
"""Of a rotary base that a config may have."""


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
    # 6.4: pair n - 1 of n turns at base^(-(n - 1)/n); 1e-300 stands for a period beyond all floats.
    base = max(slowest, 1e-300) ** (-n_pairs / (n_pairs - 1))
    if not base < LARGEST_BASE:
        raise ValueError(f"distances up to {period:.0f} need a rotary base of {base:.3g}, above 2^31")
    return Frequencies(base=base, n_pairs=n_pairs, used=(1,) if n == 1 else tuple(range(n)))


RECENCY_RESERVE = 4.0
"""Recency is four times as sharp as exact arithmetic needs: three quarters are for rounding (Lemma 7.5)."""


@dataclass(frozen=True, kw_only=True)
class Recency:
    """Prefers the later of two matches by `nats` a position, over a window of `window` positions.

    Args:
        window: positions, the query's own included.
        miss: the softmax mass that may fall beside the latest match (Lemma 7.5).
        reserve: how many times as sharp it is as exact arithmetic needs.
    """

    window: int
    miss: float
    reserve: float = RECENCY_RESERVE

    @property
    def kept(self) -> float:
        """The nats that rounding leaves: earlier matches then take e^-kept / (1 - e^-kept), all others e^-kept,
        together at most `miss`."""
        return math.log(2.0 / self.miss + 1.0)

    @property
    def nats(self) -> float:
        """What the weights give."""
        return self.reserve * self.kept

    @property
    def turns(self) -> Frequencies:
        # 7.5: w = pi/(2K), a quarter turn over the window.
        return frequencies(1, period=4.0 * self.window)

    @property
    def sharpness(self) -> float:
        w = self.turns.values[0]
        # 7.5: cos(a) - cos(a + w) = 2 sin(w/2) sin(a + w/2), least at either end, a = pi/4.
        return self.nats / (2.0 * math.sin(w / 2.0) * math.sin(math.pi / 4.0 + w / 2.0))

    @property
    def content_lead(self) -> float:
        """By how much a match must lead on content: the whole fall, and `nats` over all others together."""
        # 7.5: from cos(pi/4) to cos(3 pi/4) the score falls by less than sqrt 2 of the sharpness.
        return math.sqrt(2.0) * self.sharpness + self.nats + math.log(self.window)
