"""The retrieval game: fresh contents are written, asked about, and read back; what share comes back right.

If `decode(answers to encode(i)) = i` for a share p of the indices i, then p |U| prefixes are told apart two by two, for
decoding reads nothing but defined answers; so a model that is right on all of them carries p |U| states.
Source: docs/theory.md, Theorem 4.1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from plait.theory.checker.codecs.base import Codec, UndefinedAnswer
from plait.theory.checker.document import Refused
from plait.theory.checker.own_task import OwnTask
from plait.theory.checker.rules import Rule

MOST_EXHAUSTIVE = 10_000
MOST_WORK = 400_000_000
_CHUNK = 100


@dataclass(frozen=True, kw_only=True)
class Board:
    """A rule with the suffixes and the queries (suffix, position in it) of a certificate."""

    rule: Rule
    suffixes: list[list[int]]
    queries: list[tuple[int, int]]

    def tables(self, prefixes: Sequence[list[int]], reads: Sequence[int]) -> list[list[int | None]]:
        """The answers to some queries about each prefix."""
        queries = [self.queries[read] for read in reads]
        if isinstance(self.rule, OwnTask):
            return self.rule.tables(prefixes, self.suffixes, queries)
        asks = map(self.rule.open, prefixes)
        return [[ask(self.suffixes[s], p) for s, p in queries] for ask in asks]

    def opened(self, prefixes: Sequence[list[int]]) -> list[Callable[[int], "int | None"]]:
        """For each prefix, the answer to a query by its number; asked only when needed, if the rule allows it."""
        if isinstance(self.rule, OwnTask):
            return [row.__getitem__ for row in self.tables(prefixes, range(len(self.queries)))]

        def lazy(prefix: list[int]) -> Callable[[int], int | None]:
            ask = self.rule.open(prefix)
            return lambda query: ask(self.suffixes[self.queries[query][0]], self.queries[query][1])

        return [lazy(prefix) for prefix in prefixes]

    def cost(self, work: int) -> int:
        """Steps that one content takes: `work` to write and read it, and one a token of each query."""
        return work + sum(position + 4 for _, position in self.queries)


def play(board: Board, codec: Codec, indices: Sequence[int], *, answers: frozenset[int] | None = None) -> int:
    """How many of the contents come back right.

    Args:
        indices: the contents.
        answers: if given, a content counts only if every query has a defined answer, and one of these.

    Raises:
        Refused: more work than the limit.
    """
    if board.cost(codec.work) * len(indices) > MOST_WORK:
        raise Refused(f"checking {len(indices)} contents is more work than the limit")
    right = 0
    for begin in range(0, len(indices), _CHUNK):
        written = [(index, codec.encode(index)) for index in indices[begin : begin + _CHUNK]]
        fit = [(index, prefix) for index, prefix in written if prefix and len(prefix) == codec.length]
        lookups = board.opened([prefix for _, prefix in fit])
        for (index, _), lookup in zip(fit, lookups, strict=True):
            right += _comes_back(codec, index, lookup, len(board.queries), answers)
    return right


def _comes_back(
    codec: Codec,
    index: int,
    lookup: Callable[[int], "int | None"],
    n_queries: int,
    answers: frozenset[int] | None,
) -> bool:
    def ask(query: int) -> int:
        answer = lookup(query)
        if answer is None:
            raise UndefinedAnswer
        return answer

    try:
        if codec.decode(ask) != index:
            return False
    except UndefinedAnswer:
        return False
    return answers is None or all(lookup(query) in answers for query in range(n_queries))
