"""How sharply heads look, on which rotary frequencies: shared by all attention layers of a model.

Pair 0 turns once a radian and looks a fixed number of places back; slower pairs tell distances apart, the slowest
tells later from earlier.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch

from plait.compiler.lookups import AtDistance, Match, Mean, Previous
from plait.compiler.statement import Statement
from plait.constructions.rotary import Frequencies, frequencies

HEAD_RESERVE = 3.0
"""Heads are three times as sharp as exact arithmetic needs: two thirds of a score's margin are for rounding."""

MATCH_RESERVE = 8.0
"""What tells two matches apart is eight times as sharp: its error grows with that, the room for it a bit more."""

SHARE = 0.25
"""Of a match's lead in content, kept for what keys and queries err by."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """A head that looks at a distance.

    Args:
        sharpness: what the cosines are multiplied by.
        margin: the least lead of the place's cosine over every other in the window.
        miss: the softmax mass that may fall beside it.
    """

    sharpness: float
    margin: float
    miss: float


@dataclass(frozen=True, kw_only=True)
class MatchLook:
    """A head that looks for the latest or earliest match.

    Args:
        sharpness: what the product of codes is multiplied by.
        recency: sharpness of the cosine that prefers one of two matches.
        nats: by how much, at least, for each place between them.
        kept: what rounding must leave of it.
        miss: the softmax mass that may fall beside the match.
    """

    sharpness: float
    recency: float
    nats: float
    kept: float
    miss: float


@dataclass(frozen=True, kw_only=True)
class Turns:
    """Rotary frequencies for all heads of a program.

    Args:
        heads: statements that look back.
        seq_len: tokens of a sequence.
        n_frequencies: pairs that tell distances apart.
        misses: for each head, the softmax mass that may fall beside its place.
    """

    heads: tuple[Statement, ...]
    seq_len: int
    n_frequencies: int
    misses: tuple[float, ...]

    def window(self, statement: Statement) -> int:
        """Tokens that the statement's head must see, its own included."""
        if isinstance(statement, AtDistance):
            return min(statement.reach + 1, self.seq_len)
        if isinstance(statement, Previous):
            return statement.distance + 1
        if isinstance(statement, Mean):
            return statement.last
        assert isinstance(statement, Match)
        return self.seq_len if statement.last is None else min(statement.last, self.seq_len)

    @cached_property
    def _period(self) -> float | None:
        reaches = [one.reach for one in self.heads if isinstance(one, AtDistance)]
        return max(reaches) + 1.0 if reaches else None

    @cached_property
    def _memory(self) -> int | None:
        windows = [self.window(one) for one in self.heads if isinstance(one, Match)]
        return max(2, *windows) if windows else None

    @cached_property
    def frequencies(self) -> Frequencies:
        """Of all pairs; `used` are those that tell distances apart."""
        if self._period is None and self._memory is None:
            steps = any(isinstance(one, Previous) for one in self.heads)
            # The first pair turns by 1 at any base: 10,000 is that of RoPE.
            return Frequencies(base=10000.0, n_pairs=1 if steps else 0, used=())
        if self._memory is None:
            assert self._period is not None
            return frequencies(self.n_frequencies, period=max(self._period, 2.0))
        slow = math.pi / (2.0 * self._memory)
        if self._period is None:
            return frequencies(1, period=2.0 * math.pi / slow)
        # s for distances, s^2 for recency, where s^2 is slow enough.
        turn = min(2.0 * math.pi / max(self._period, 2.0), math.sqrt(slow))
        # Pair k of 3 has frequency base^(-k/3).
        return Frequencies(base=turn**-3.0, n_pairs=3, used=(1,))

    @property
    def distances(self) -> Frequencies:
        return self.frequencies

    @property
    def recent_pair(self) -> int:
        return self.frequencies.n_pairs - 1

    @property
    def slow(self) -> float:
        """Radians a position of the pair that tells later from earlier."""
        pairs = self.frequencies
        return pairs.base ** (-self.recent_pair / pairs.n_pairs)

    def miss(self, statement: Statement) -> float:
        return self.misses[self.heads.index(statement)]

    def look_at(self, statement: AtDistance | Previous) -> Look:
        """The head of a lookup at a distance: by the cosines of what else is in its window."""
        window, miss = self.window(statement), self.miss(statement)
        if isinstance(statement, Previous):
            offsets = torch.arange(window, dtype=torch.float64) - statement.distance
            margin = 1.0 - float(torch.cos(offsets[offsets != 0]).max())
        else:
            numbers = [int(number) for number in statement.inputs[1].domain]  # type: ignore[arg-type]
            margin = self.frequencies.margin(range(-max(numbers), window - min(numbers)))
        sharpness = HEAD_RESERVE * math.log(max(window - 1, 1) / miss) / margin
        return Look(sharpness=sharpness, margin=margin, miss=miss)

    def look_for_match(self, statement: Match, lead: float) -> MatchLook:
        """Lemma 7.5, with the window and the frequency of this model.

        Args:
            lead: of a match's product of codes over every other.
        """
        window, miss, slow = self.window(statement), self.miss(statement), self.slow
        kept = math.log(2.0 / miss + 1.0)
        nats = MATCH_RESERVE * kept
        # 7.5: the cosine falls by nats at every step; content leads by the whole fall, nats and ln K.
        recency = nats / (2.0 * math.sin(slow / 2.0) * math.sin(math.pi / 4.0 + slow / 2.0))
        content = math.sqrt(2.0) * recency + nats + math.log(max(window, 2))
        sharpness = content / ((1.0 - SHARE) * lead)
        return MatchLook(sharpness=sharpness, recency=recency, nats=nats, kept=kept, miss=miss)
