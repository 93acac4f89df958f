"""A score that falls with the distance, on one slow rotary frequency (docs/theory-constructions.md, Lemma 7.5).

sharpness * cos(w t + pi / 4) with w = pi / (2 window) falls on the window from cos(pi/4) to cos(3 pi/4), by at
least sharpness * 2 sin(w / 2) sin(pi / 4 + w / 2) at every step.
"""

import math
from dataclasses import dataclass

from plait.constructions.rotary import Frequencies, frequencies

RESERVE = 4.0
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
    reserve: float = RESERVE

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
