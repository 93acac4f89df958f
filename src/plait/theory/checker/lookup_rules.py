"""The recalls once more: rows are walked with a table of what each key holds, up to what the position asks for."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from plait.theory.checker.document import Refused
from plait.theory.checker.row_rule import RowRule, Tokens, Walk, check_probability, one_of, positive


class FuzzyRecallRule(RowRule):
    """The capital that stood last behind two tokens like the present one and the one before it."""

    task = "plait.tasks.fuzzy_recall:FuzzyRecall"
    parameters = ("n_letters", "p_value")

    def __init__(self, params: dict[str, Any]) -> None:
        self.n_letters = positive(params, "n_letters", most=2**15)
        self.n_tokens = 2 * self.n_letters
        check_probability(params, "p_value")

    def targets(self, row: Sequence[int]) -> list[int | None]:
        small = [token if token < self.n_letters else None for token in row]
        pairs = [None, *pairwise(small)]
        behind: dict[object, int] = {}
        targets: list[int | None] = []
        for token, before, pair in zip(row, [None, *pairs], pairs, strict=False):
            is_small = token < self.n_letters
            if not is_small and before is not None:
                behind[before] = token
            targets.append(behind.get(pair) if is_small and pair is not None else None)
        return targets


class NoisyRecallRule(RowRule):
    """The associative recall of the row without its noise."""

    task = "plait.tasks.noisy_recall:NoisyRecall"
    parameters = ("n_words", "n_noise", "p_noise")

    def __init__(self, params: dict[str, Any]) -> None:
        self.n_words = positive(params, "n_words")
        self.n_tokens = self.n_words + positive(params, "n_noise")
        check_probability(params, "p_noise")

    def targets(self, row: Sequence[int]) -> list[int | None]:
        targets: list[int | None] = [None] * len(row)
        places = [place for place, token in enumerate(row) if token < self.n_words]
        follower: dict[int, int] = {}
        for number, place in enumerate(places):
            if number:
                follower[row[places[number - 1]]] = row[place]
            targets[place] = follower.get(row[place])
        return targets


class SegmentedRecallRule(RowRule):
    """What followed a token first, of the pairs whose second token is in the present segment."""

    task = "plait.tasks.segmented_recall:SegmentedRecall"
    parameters = ("n_words", "n_segments", "p_end")

    def __init__(self, params: dict[str, Any]) -> None:
        self.semicolon = positive(params, "n_words")
        self.n_tokens = self.semicolon + 1
        self.n_segments = positive(params, "n_segments", most=2**16)
        check_probability(params, "p_end")

    def targets(self, row: Sequence[int]) -> list[int | None]:
        targets: list[int | None] = []
        first: dict[tuple[int, int], int] = {}
        segment, before = 0, -1
        for token in row:
            segment += token == self.semicolon
            if (segment, before) not in first:
                first[segment, before] = token
            targets.append(first.get((segment, token)) if segment < self.n_segments else None)
            before = token
        return targets


class MatrixLookupRule(RowRule):
    """The latest word in the row and column that were named last."""

    task = "plait.tasks.matrix_lookup:MatrixLookup"
    parameters = ("n_words", "rows", "columns")

    def __init__(self, params: dict[str, Any]) -> None:
        self.n_words = positive(params, "n_words")
        self.rows, self.columns = (positive(params, name, most=2**15) for name in ("rows", "columns"))
        self.n_tokens = self.n_words + 1 + self.rows + self.columns

    def targets(self, row: Sequence[int]) -> list[int | None]:
        names = range(self.n_words + 1, self.n_words + 1 + self.rows)
        lines: list[dict[int, int]] = [{}]
        begun = asked_line = asked_column = -1
        targets: list[int | None] = []
        for place, token in enumerate(row):
            if token == self.n_words:
                lines.append({})
                begun = place
            elif token in names:
                asked_line = token - names.start
            elif token >= names.stop:
                asked_column = token - names.stop + 1
            elif place - begun <= self.columns:
                lines[-1][place - begun] = token
            known = -1 < asked_line < len(lines)
            targets.append(lines[asked_line].get(asked_column) if known else None)
        return targets


class KHopInductionRule(RowRule):
    """The word behind the latest earlier occurrence of the word behind .. of the word at the position."""

    task = "plait.tasks.k_hop_induction:KHopInduction"
    parameters = ("n_words", "hops")

    def __init__(self, params: dict[str, Any]) -> None:
        self.n_tokens = positive(params, "n_words")
        self.hops = positive(params, "hops", most=1000)
        self.steps = 3 + self.hops  # a token: its own, and one a hop

    def targets(self, row: Sequence[int]) -> list[int | None]:
        reached: list[int | None] = list(row)  # by no hop
        for _ in range(self.hops):
            since: dict[int, int | None] = {}
            further: list[int | None] = []
            for place, token in enumerate(row):
                if place:
                    since[row[place - 1]] = reached[place]
                further.append(since.get(token))
            reached = further
        return reached


class PositionRetrievalRule(RowRule):
    """Where a word stood first before the first question mark, by the name of that position."""

    task = "plait.tasks.position_retrieval:PositionRetrieval"
    parameters = ("n_words", "n_positions")

    def __init__(self, params: dict[str, Any]) -> None:
        self.mark = positive(params, "n_words", most=2**16)
        self.n_positions = positive(params, "n_positions", most=self.mark)
        self.n_tokens = self.mark + 1 + self.n_positions

    def targets(self, row: Sequence[int]) -> list[int | None]:
        end = row.index(self.mark) if self.mark in row else len(row)
        first: dict[int, int] = {}
        for place in reversed(range(min(end, self.n_positions))):
            if row[place] < self.mark:
                first[row[place]] = self.mark + 1 + place
        return [None] * end + [first.get(token) for token in row[end:]]


MOST_KEY_CELLS = 1_000_000
"""Letters of all the keys of a row, written out one by one."""


class MultiKeyRecallRule:
    """The token after the latest earlier occurrence of the last k words, those that end before position k left out."""

    task = "plait.tasks.multi_key_recall:MultiKeyRecall"
    parameters = ("n_words", "key_length")

    def __init__(self, params: dict[str, Any]) -> None:
        self.n_tokens = positive(params, "n_words")
        self.key_length = self.first = positive(params, "key_length")

    def work(self, tokens: int) -> int:
        return tokens * (8 + min(self.key_length, MOST_KEY_CELLS) // 4)

    def open(self, prefix: Tokens) -> Walk:
        k, first = self.key_length, self.first
        _check_keys(len(prefix), k)
        row = tuple(prefix)
        before = {row[end - k + 1 : end + 1]: row[end + 1] for end in range(first, len(row) - 1)}
        begin = max(0, len(prefix) - k)
        tail = prefix[begin:]

        def walk(suffix: Tokens) -> list[int | None]:
            row = (*tail, *suffix)
            _check_keys(len(row), k)
            since: dict[Tokens, int] = {}
            targets: list[int | None] = []
            key = row[len(tail) - k : len(tail)] if len(tail) == k and begin + k > first else None
            for place in range(len(tail), len(row)):
                if key is not None:
                    since[key] = row[place]
                known = place + 1 >= k and begin + place >= first
                key = row[place - k + 1 : place + 1] if known else None
                targets.append(None if key is None else since.get(key, before.get(key)))
            return targets

        return walk


class AssociativeRecallRule(MultiKeyRecallRule):
    """The token after the latest earlier occurrence of the same word."""

    task = "plait.tasks.associative_recall:AssociativeRecall"
    parameters = ("n_words",)

    def __init__(self, params: dict[str, Any]) -> None:
        super().__init__({"n_words": params["n_words"], "key_length": 1})
        self.first = 0


class MQARRule:
    """The value that stood right behind the key at the position, the latest time before it or the first."""

    task = "plait.tasks.mqar:MQAR"
    parameters = ("n_keys", "n_values", "n_fillers", "n_pairs", "p_query", "keep", "variant")

    def __init__(self, params: dict[str, Any]) -> None:
        self.n_keys, n_values, n_fillers, n_pairs = (positive(params, name) for name in self.parameters[:4])
        self.values = range(self.n_keys, self.n_keys + n_values)
        self.n_tokens = self.values.stop + n_fillers
        check_probability(params, "p_query")
        self.first = one_of(params, "keep", ("latest", "first")) == "first"
        if one_of(params, "variant", ("distinct", "repeated")) == "distinct" and n_pairs > self.n_keys:
            raise Refused(f"n_pairs must be at most n_keys = {self.n_keys}, got {n_pairs}")

    def work(self, tokens: int) -> int:
        return 3 * tokens

    def open(self, prefix: Tokens) -> Walk:
        before = self._given(pairwise(prefix))
        last = prefix[-1:]

        def walk(suffix: Tokens) -> list[int | None]:
            since: dict[int, int] = {}
            targets: list[int | None] = []
            sides = (before, since) if self.first else (since, before)
            previous = last[0] if last else self.n_tokens
            for token in suffix:
                if previous < self.n_keys and token in self.values and not (self.first and previous in since):
                    since[previous] = token
                targets.append(sides[0].get(token, sides[1].get(token)))
                previous = token
            return targets

        return walk

    def _given(self, pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
        """Of each key its value, by the pairs of neighbours."""
        given: dict[int, int] = {}
        for key, value in pairs:
            if key < self.n_keys and value in self.values and not (self.first and key in given):
                given[key] = value
        return given


def _check_keys(length: int, k: int) -> None:
    if length >= k and length * k > MOST_KEY_CELLS:
        raise Refused(f"keys of {k} tokens in rows of {length} are more than the limit")
