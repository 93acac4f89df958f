"""The tasks' definitions once more, in plain Python over lists of ints; only the checker uses them.

A rule is opened on a prefix, read once, and then answers queries (suffix, position in the suffix): the target at that
position of prefix + suffix, or None where it is undefined. Source: arXiv 2603.08859 as restated in docs/theory.md, 1.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, Protocol

from plait.theory.checker.document import Refused

MOST_WORDS = 2**24

Tokens = Sequence[int]
Ask = Callable[[Tokens, int], "int | None"]


class Rule(Protocol):
    """A task as the checker knows it: tokens are in [0, n_tokens)."""

    n_tokens: int

    def open(self, prefix: Tokens) -> Ask:
        """The questions that can be asked about a prefix."""
        ...


class SelectiveCopying:
    """The token n places back, n being the value of the latest number token."""

    defaults = {"n_words": 26, "numbers": [5, 6, 7, 8, 9], "p_number": 0, "variant": "uniform"}  # noqa: RUF012

    def __init__(self, params: dict[str, Any]) -> None:
        self.n_words = _positive(params, "n_words")
        numbers = params["numbers"]
        if not isinstance(numbers, list) or not numbers or len(numbers) > 100_000:
            raise Refused("numbers must be a list of integers")
        if not all(_is_positive(n) for n in numbers) or len(set(numbers)) < len(numbers):
            raise Refused("numbers must be distinct integers of at least 1")
        self.numbers = numbers
        self.n_tokens = self.n_words + len(numbers)
        _check_probability(params, "p_number")
        _one_of(params, "variant", ("uniform", "adversarial", "repetitive"))

    def open(self, prefix: Tokens) -> Ask:
        values = [self.numbers[token - self.n_words] for token in prefix if token >= self.n_words]
        latest = values[-1] if values else None

        def ask(suffix: Tokens, position: int) -> int | None:
            back = latest
            for token in suffix[: position + 1]:
                if token >= self.n_words:
                    back = self.numbers[token - self.n_words]
            if back is None:
                return None
            place = len(prefix) + position - back
            if place < 0:
                return None
            return prefix[place] if place < len(prefix) else suffix[place - len(prefix)]

        return ask


class MultiKeyRecall:
    """The token after the latest earlier occurrence of the last k words, those that end before position k left out."""

    defaults = {"n_words": 8, "key_length": 2}  # noqa: RUF012
    first = None

    def __init__(self, params: dict[str, Any]) -> None:
        self.n_tokens = _positive(params, "n_words")
        self.key_length = _positive(params, "key_length")

    def open(self, prefix: Tokens) -> Ask:
        k = self.key_length
        first = k if self.first is None else self.first
        followers = {
            tuple(prefix[end - k + 1 : end + 1]): prefix[end + 1] for end in range(first, len(prefix) - 1)
        }

        def ask(suffix: Tokens, position: int) -> int | None:
            begin = max(0, len(prefix) - k)
            row = [*prefix[begin:], *suffix[: position + 1]]
            last = len(row) - 1
            key = tuple(row[last - k + 1 :])
            if len(key) < k or begin + last < first:
                return None
            for end in range(last - 1, k - 2, -1):
                if (
                    begin + end >= first
                    and end >= len(prefix) - begin - 1
                    and tuple(row[end - k + 1 : end + 1]) == key
                ):
                    return row[end + 1]
            return followers.get(key)

        return ask


class AssociativeRecall(MultiKeyRecall):
    """The token after the latest earlier occurrence of the same word."""

    defaults = {"n_words": 32}  # noqa: RUF012
    first = 0

    def __init__(self, params: dict[str, Any]) -> None:
        super().__init__({"n_words": params["n_words"], "key_length": 1})


class DecodingRecall:
    """The token after the latest earlier occurrence of the word that the last n_bits bits spell.

    Of the variant `last`, rows are words and then n_bits bits, and the last position alone is scored.
    """

    defaults = {"n_bits": 5, "p_bit": 0, "variant": "interleaved"}  # noqa: RUF012

    def __init__(self, params: dict[str, Any]) -> None:
        self.n_bits = _positive(params, "n_bits")
        if self.n_bits > 20:
            raise Refused("n_bits must be at most 20")
        self.n_words = 2**self.n_bits
        self.n_tokens = self.n_words + 2
        _check_probability(params, "p_bit")
        self.last_only = _one_of(params, "variant", ("interleaved", "last")) == "last"

    def open(self, prefix: Tokens) -> Ask:
        followers = dict(pairwise(prefix))
        bits = [token - self.n_words for token in prefix if token >= self.n_words][-self.n_bits :]

        def ask(suffix: Tokens, position: int) -> int | None:
            read = suffix[: position + 1]
            spelled = [*bits, *(token - self.n_words for token in read if token >= self.n_words)]
            word = 0
            for bit in spelled[-self.n_bits :]:
                word = 2 * word + bit
            if self.last_only and (
                position + 1 < len(suffix)
                or len(spelled) != self.n_bits
                or any(token < self.n_words for token in [*prefix, *read][-self.n_bits :])
            ):
                return None
            for place in range(position - 1, -1, -1):
                if read[place] == word:
                    return read[place + 1]
            return read[0] if prefix and prefix[-1] == word else followers.get(word)

        return ask


class Needle:
    """The word after marker A, in rows with one marker A, a word after it, and marker B nowhere before that."""

    defaults = {"n_words": 100, "score_marker": False}  # noqa: RUF012

    def __init__(self, params: dict[str, Any]) -> None:
        self.n_words = _positive(params, "n_words")
        self.n_tokens = self.n_words + 2
        if not isinstance(params["score_marker"], bool):
            raise Refused("score_marker must be true or false")

    def open(self, prefix: Tokens) -> Ask:
        marker, end = self.n_words, self.n_words + 1

        def ask(suffix: Tokens, position: int) -> int | None:
            row = [*prefix, *suffix[: position + 1]]
            places = [i for i, token in enumerate(row) if token == marker]
            if len(places) != 1 or end in row[:-1]:
                return None
            after = row[places[0] + 1 : places[0] + 2]
            return after[0] if after and after[0] < self.n_words else None

        return ask


RULES = {
    "selective-copying": SelectiveCopying,
    "associative-recall": AssociativeRecall,
    "multi-key-recall": MultiKeyRecall,
    "decoding-recall": DecodingRecall,
    "needle": Needle,
}


def rule_of(name: str, params: dict[str, Any]) -> Rule:
    """The rule of a task of plait.

    Raises:
        Refused: an unknown task or parameter, or a value out of range.
    """
    if name not in RULES:
        raise Refused(f"unknown task {name!r}; known: {', '.join(RULES)}")
    defaults = RULES[name].defaults
    unknown = sorted(set(params) - set(defaults))
    if unknown:
        raise Refused(f"unknown parameter {unknown[0]!r} of {name}; known: {', '.join(defaults)}")
    return RULES[name]({**defaults, **params})


def _is_positive(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**31


def _positive(params: dict[str, Any], name: str) -> int:
    if not _is_positive(params[name]) or params[name] > MOST_WORDS:
        raise Refused(f"{name} must be an integer of at least 1 and at most 2^24, got {params[name]!r:.60}")
    return params[name]


def _check_probability(params: dict[str, Any], name: str) -> None:
    value = params[name]
    if isinstance(value, bool) or not isinstance(value, int | Fraction) or not 0 <= value <= 1:
        raise Refused(f"{name} must be a probability, got {value!r:.60}")


def _one_of(params: dict[str, Any], name: str, choices: tuple[str, ...]) -> str:
    if params[name] not in choices:
        raise Refused(f"{name} must be one of {', '.join(choices)}, got {params[name]!r:.60}")
    return params[name]
