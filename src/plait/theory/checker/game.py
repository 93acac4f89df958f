"""The retrieval game: fresh contents are written, asked about, and read back; what share comes back right.

If `decode(answers to encode(i)) = i` for a share p of the indices i, then p |U| prefixes are told apart two by two, for
decoding reads nothing but defined answers; so a model that is right on all of them carries p |U| states.
Source: docs/theory.md, Theorem 4.1.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from plait.theory.checker.codecs.base import Codec, UndefinedAnswer
from plait.theory.checker.document import Refused
from plait.theory.checker.own_task import OwnTask
from plait.theory.checker.row_rule import RowRule, Rule

MOST_EXHAUSTIVE = 10_000
"""Contents up to which all are tried, none drawn."""
MOST_WORK = 150_000_000
"""Steps that one certificate may take, as `cost` and each codec's and rule's `work` count what loops of Python do."""

CONTENTS_TOGETHER = 100
"""Contents that are written and asked about together."""

_Lookup = Callable[[int], "int | None"]
"""The answer to a query about one prefix, by the query's number."""


@dataclass(frozen=True, kw_only=True)
class Board:
    """A rule with the suffixes and the queries (suffix, position in it) of a certificate.

    The `filler` stands between every prefix and every suffix.
    """

    rule: Rule | OwnTask
    suffixes: list[list[int]]
    queries: list[tuple[int, int]]
    filler: Sequence[int] = ()

    def tables(self, prefixes: Sequence[list[int]], reads: Sequence[int]) -> list[list[int | None]]:
        """The answers to some queries about each prefix."""
        queries = [self.queries[read] for read in reads]
        if isinstance(self.rule, OwnTask):
            return self.rule.tables([[*prefix, *self.filler] for prefix in prefixes], self.suffixes, queries)
        return [list(map(self._lookup(self.rule, prefix), reads)) for prefix in prefixes]

    def opened(self, prefixes: Sequence[list[int]]) -> list[_Lookup]:
        """For each prefix its answers; a suffix is walked when it is first asked about, if the rule allows it."""
        if isinstance(self.rule, OwnTask):
            return [row.__getitem__ for row in self.tables(prefixes, range(len(self.queries)))]
        return [self._lookup(self.rule, prefix) for prefix in prefixes]

    def _lookup(self, rule: Rule, prefix: list[int]) -> _Lookup:
        walk = rule.open([*prefix, *self.filler])
        walked: dict[int, list[int | None]] = {}

        def lookup(query: int) -> int | None:
            suffix, position = self.queries[query]
            targets = walked.get(suffix)
            if targets is None:
                targets = walked[suffix] = walk(self.suffixes[suffix])
            return targets[position]

        return lookup

    def cost(self, prefixes: int, length: int, reads: Sequence[int] | None = None) -> int:
        """Steps that the answers to some queries (None: all) about prefixes of `length` tokens take at most."""
        length += len(self.filler)
        if reads is None:
            lengths, asked = self._lengths, len(self.queries)
        else:
            suffixes = {self.queries[read][0] for read in reads}
            lengths, asked = [len(self.suffixes[suffix]) for suffix in suffixes], len(reads)
        if isinstance(self.rule, OwnTask):
            # An answer is put into its row.
            return self.rule.work(prefixes, length, lengths) + 3 * prefixes * asked
        again = length if isinstance(self.rule, RowRule) else 0
        # 40 to begin one, beside what the rule does.
        walks = sum(40 + self.rule.work(again + tokens) for tokens in lengths)
        # 60 to begin a prefix, 6 an answer.
        return prefixes * (60 + self.rule.work(length) + walks + 6 * asked)

    @cached_property
    def _lengths(self) -> list[int]:
        """Of the suffixes that some query is about."""
        return [len(self.suffixes[suffix]) for suffix in {suffix for suffix, _ in self.queries}]

    def cost_of(self, codec: Codec) -> int:
        """Steps that one content takes: written, asked about, read."""
        # 150 for a content drawn and compared.
        return 150 + codec.work + -(-self.cost(CONTENTS_TOGETHER, codec.length) // CONTENTS_TOGETHER)


def check_work(steps: int, what: str) -> None:
    """Raises:
    Refused: more steps than the limit.
    """
    if steps > MOST_WORK:
        raise Refused(f"{what} is more work than the limit: {steps:.2g} steps of {MOST_WORK:.2g}")


def contents_right(
    board: Board, codec: Codec, indices: Iterable[int], *, answers: frozenset[int] | None = None
) -> int:
    """How many of the contents come back right.

    Args:
        indices: the contents, drawn as they are needed.
        answers: if given, a content counts only if every query has a defined answer, and one of these.
    """
    right, drawn = 0, iter(indices)
    while some := list(islice(drawn, CONTENTS_TOGETHER)):
        written = [(index, codec.encode(index)) for index in some]
        fit = [(index, prefix) for index, prefix in written if prefix and len(prefix) == codec.length]
        lookups = board.opened([prefix for _, prefix in fit])
        for (index, _), lookup in zip(fit, lookups, strict=True):
            right += _comes_back(codec, index, lookup, len(board.queries), answers)
    return right


def _comes_back(
    codec: Codec,
    index: int,
    lookup: _Lookup,
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
