"""Prefixes that a table of suffixes tells apart, two by two: a plain list of them, or fresh random ones.

Prefixes p and p' are told apart by a query to which both have a defined answer, not the same. N prefixes of one length
that are all told apart need N states. N prefixes drawn at random that all need different states are unlikely where
there are few: with |S| states the probability is at most `prod_(i < N) (1 - i / |S|)` (birthday bound).
Source: docs/theory.md, Theorems 4.1 and 4.7.
"""

from collections.abc import Sequence

from plait.theory.check.codecs.base import MOST_LENGTH, Reader
from plait.theory.check.document import Refused

MOST_ROWS = 8_192
_MOST_PAIRS = 20_000_000


def listed(reader: Reader) -> list[list[int]]:
    """The prefixes of a list codec.

    Raises:
        Refused: none, too many, or not all of one length.
    """
    rows = reader.objects("prefixes")
    reader.done()
    if not 1 <= len(rows) <= MOST_ROWS:
        raise Refused(f"a list has 1 to {MOST_ROWS} prefixes, got {len(rows)}")
    prefixes = [reader.checked(row, "a prefix", below=reader.n_tokens, most=MOST_LENGTH) for row in rows]
    if len({len(prefix) for prefix in prefixes}) != 1:
        raise Refused("the prefixes of a list must have one length")
    return prefixes


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
        self.length = len(self.before) + self.free + len(self.after)

    def draw(self, choose) -> list[int]:
        """One prefix; `choose(n)` gives a uniform integer below n."""
        free = [self.letters[choose(len(self.letters))] for _ in range(self.free)]
        return [*self.before, *free, *self.after]


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
