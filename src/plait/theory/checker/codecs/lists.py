"""Prefixes without a structure: a plain list of them, or fresh random ones, told apart two by two.

Two prefixes are told apart by a query to which both have a defined answer, not the same. N prefixes of one length that
are all told apart need N states. N prefixes drawn at random that all need different states are unlikely where there are
few: with |S| states the probability is at most `prod_(i < N) (1 - i / |S|)` (birthday bound).
Source: docs/theory.md, Theorems 4.1 and 4.7.
"""

import random
from collections.abc import Sequence

from plait.theory.checker.codecs.base import MOST_CELLS, MOST_LENGTH, Asked, AskQuery, Codec, Reader
from plait.theory.checker.document import Refused

MOST_ROWS = 8_192
_MOST_PAIRS = 20_000_000


class Listed(Codec):
    """The contents are the prefixes of the list."""

    def __init__(self, reader: Reader, asked: Asked) -> None:
        rows = reader.objects("prefixes")
        reader.done()
        if not 1 <= len(rows) <= MOST_ROWS:
            raise Refused(f"a list has 1 to {MOST_ROWS} prefixes, got {len(rows)}")
        self.prefixes = [
            reader.listed(row, "a prefix", below=reader.n_tokens, most=MOST_LENGTH) for row in rows
        ]
        self.length, self.size = len(self.prefixes[0]), len(rows)
        if any(len(prefix) != self.length for prefix in self.prefixes):
            raise Refused("the prefixes of a list must have one length")
        _check_cells(len(rows), reader.n_queries)
        self.reads, self.asked = list(range(reader.n_queries)), asked
        self._rows: list[list[int | None]] = []

    @property
    def work(self) -> int:
        return self.length + 4 * self.size * (1 + len(self.reads))

    @property
    def rows(self) -> list[list[int | None]]:
        """The right answers to every query about each prefix."""
        if not self._rows:
            self._rows = self.asked.tables(self.prefixes, self.reads)
        return self._rows

    def encode(self, index: int) -> list[int]:
        return self.prefixes[index]

    def decode(self, ask: AskQuery) -> int | None:
        fitting = [
            index
            for index, row in enumerate(self.rows)
            if all(right is None or ask(query) == right for query, right in enumerate(row))
        ]
        return fitting[0] if len(fitting) == 1 else None


class Random:
    """Random prefixes: fixed tokens, `free` tokens uniform among `letters`, fixed tokens."""

    def __init__(self, reader: Reader) -> None:
        self.before, self.after = reader.tokens("before"), reader.tokens("after")
        self.letters = reader.tokens("letters")
        self.free = reader.integer("free", least=1, most=MOST_LENGTH)
        self.draws = reader.integer("draws", least=2, most=MOST_ROWS)
        reader.done()
        if not self.letters:
            raise Refused("letters must be one or more tokens")
        _check_cells(self.draws, reader.n_queries)
        self.length = len(self.before) + self.free + len(self.after)

    def draw(self, choose: random.Random) -> list[int]:
        """One prefix; all are drawn alike, and independently."""
        return [*self.before, *choose.choices(self.letters, k=self.free), *self.after]

    @property
    def work(self) -> int:
        """Steps that drawing all of them takes."""
        return self.draws * (20 + 10 * self.free + self.length // 4)


def _check_cells(prefixes: int, queries: int) -> None:
    if prefixes * queries > MOST_CELLS:
        raise Refused(
            f"{prefixes} prefixes and {queries} queries are more answers than the limit of {MOST_CELLS}"
        )


def first_alike(rows: Sequence[Sequence[int | None]]) -> tuple[int, int] | None:
    """Two rows of answers that no query tells apart; None if there are none.

    Raises:
        Refused: too many pairs to compare one by one.
    """
    left = _MOST_PAIRS
    groups: list[tuple[list[int], int]] = [(list(range(len(rows))), 0)]
    while groups:
        group, column = groups.pop()
        if len(group) < 2:
            continue
        while column < len(rows[0]):
            values = {rows[i][column] for i in group}
            if None not in values and len(values) > 1:
                break
            column += 1
        else:
            left -= len(group) ** 2 * len(rows[0])
            if left < 0:
                raise Refused("too many undefined answers to compare the prefixes one by one")
            pair = _alike_pair(group, rows)
            if pair:
                return pair
            continue
        split: dict[object, list[int]] = {}
        for i in group:
            split.setdefault(rows[i][column], []).append(i)
        groups += [(part, column + 1) for part in split.values()]
    return None


def _alike_pair(group: list[int], rows: Sequence[Sequence[int | None]]) -> tuple[int, int] | None:
    for x, i in enumerate(group):
        for j in group[x + 1 :]:
            pairs = zip(rows[i], rows[j], strict=True)
            if not any(a is not None and b is not None and a != b for a, b in pairs):
                return i, j
    return None
