"""A family of contents that a model must be able to tell apart after reading it, ready to be put into a certificate.

Most are tables that are written: each slot of a base holds one of some values, and is read by itself (docs/theory.md,
Theorem 2.12).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

_Query = tuple[int, int]
"""Number of a suffix, position in it."""

MOST_KEYS = 5_000
"""Keys beyond which a family is not written out (the checker's own limit)."""

MOST_LENGTH = 20_000
"""Tokens beyond which a family is not written out (the checker's own limit)."""

LONGEST = 2**24
"""Tokens of an input that is written down to find what attention must see."""


@dataclass(frozen=True, kw_only=True)
class StateFamily:
    """`size` contents written as prefixes of one length, and the queries that tell them apart.

    Args:
        description: what is chosen freely, for people.
        size: how many contents the codec numbers.
        prefix_length: tokens before the cut.
        suffixes: what may follow the cut.
        queries: (suffix, position in it) of each question.
        codec: how contents are written and read, as the checker's codecs want it.
        tables: lists of tokens that the codec refers to by number.
        answers: the tokens that can be right answers, if every query has a defined one; else None.
        share: at least this share of the contents fits into the prefix and is read back.
        confidence: 1 where `share` is proved.
        filler: tokens between prefix and suffix, the same for all contents.
    """

    description: str
    size: int
    prefix_length: int
    suffixes: Sequence[Sequence[int]]
    queries: Sequence[_Query]
    codec: Mapping[str, object]
    tables: Sequence[Sequence[int]] = field(default=())
    answers: Sequence[int] | None = None
    share: Fraction = Fraction(1)
    confidence: Fraction = Fraction(1)
    filler: Sequence[int] = field(default=())

    @property
    def length(self) -> int:
        """Tokens that prefix, filler and longest suffix take together."""
        return self.prefix_length + len(self.filler) + max(len(suffix) for suffix in self.suffixes)

    @property
    def contents(self) -> int:
        """Contents that are told apart: `share` of `size`, rounded up."""
        return -(-self.share.numerator * self.size // self.share.denominator)


class Suffixes:
    """A growing list of suffixes and queries without repetitions."""

    def __init__(self) -> None:
        self.suffixes: list[list[int]] = []
        self.queries: list[_Query] = []
        self._suffix_number: dict[tuple[int, ...], int] = {}
        self._query_number: dict[_Query, int] = {}

    def ask(self, suffix: Sequence[int], position: int | None = None) -> int:
        """The number of the query at a position of a suffix (default: its last)."""
        key = tuple(suffix)
        number = self._suffix_number.setdefault(key, len(self.suffixes))
        if number == len(self.suffixes):
            self.suffixes.append(list(key))
        query = (number, len(key) - 1 if position is None else position)
        if query not in self._query_number:
            self._query_number[query] = len(self.queries)
            self.queries.append(query)
        return self._query_number[query]


def table_family(
    description: str,
    *,
    base: Sequence[int],
    slots: Sequence[int],
    suffix: Sequence[int],
    reads: Sequence[int],
    values: Sequence[int],
    answers: Sequence[int] | None = None,
) -> StateFamily:
    """Each slot of the base holds one of the values, and is read at its own position of the suffix."""
    return asked_family(
        description,
        base=base,
        slots=slots,
        suffixes=[list(suffix)],
        queries=[(0, position) for position in reads],
        values=values,
        answers=answers,
    )


def asked_family(
    description: str,
    *,
    base: Sequence[int],
    slots: Sequence[int],
    suffixes: Sequence[Sequence[int]],
    queries: Sequence[tuple[int, int]] | None = None,
    values: Sequence[int],
    answers: Sequence[int] | None = None,
) -> StateFamily:
    """Each slot of the base holds one of the values, and is read by a query of its own: at the end of a suffix of its
    own, if none are given."""
    row = {"values": 0} if answers is None else {"values": 0, "answers": 1}
    return StateFamily(
        description=description,
        size=len(values) ** len(slots),
        prefix_length=len(base),
        suffixes=suffixes,
        queries=queries or [(number, len(suffix) - 1) for number, suffix in enumerate(suffixes)],
        codec={
            "kind": "slots",
            "base": list(base),
            "slots": [{"at": [at], "reads": [number], **row} for number, at in enumerate(slots)],
        },
        tables=[values] if answers is None else [values, answers],
        answers=values if answers is None else answers,
    )
