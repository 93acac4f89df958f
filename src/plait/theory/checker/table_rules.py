"""Rules of what stands behind a key: recalls that walk a row once, with a table of what each key holds."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from plait.theory.checker.document import Refused
from plait.theory.checker.parameters import check_probability, one_of, positive
from plait.theory.checker.row_rule import Tokens, Walk

MOST_KEY_CELLS = 1_000_000
"""Letters of all the keys of a row, written out one by one."""


class MultiKeyRecall:
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


class AssociativeRecall(MultiKeyRecall):
    """The token after the latest earlier occurrence of the same word."""

    task = "plait.tasks.associative_recall:AssociativeRecall"
    parameters = ("n_words",)

    def __init__(self, params: dict[str, Any]) -> None:
        super().__init__({"n_words": params["n_words"], "key_length": 1})
        self.first = 0


class MQAR:
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
