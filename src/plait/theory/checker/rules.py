"""The tasks' definitions once more, in plain Python over lists of ints; only the checker uses them.

A rule is opened on a prefix, read once, and then walks any suffix: the target at each of its positions behind that
prefix, or None where it is undefined. Source: arXiv 2603.08859 and
those that the tasks name, as restated in docs/theory.md, 1.
"""

from itertools import pairwise
from typing import Any

from plait.theory.checker.document import Refused
from plait.theory.checker.lookup_rules import (
    AssociativeRecallRule,
    FuzzyRecallRule,
    KHopInductionRule,
    MatrixLookupRule,
    MQARRule,
    MultiKeyRecallRule,
    NoisyRecallRule,
    PositionRetrievalRule,
    SegmentedRecallRule,
)
from plait.theory.checker.place_rules import (
    DyckRule,
    FlipCountingRule,
    FollowBackRule,
    ModularCountingRule,
    NGramRetrievalRule,
    StringCopyingRule,
)
from plait.theory.checker.row_rule import (
    Rule,
    Tokens,
    Walk,
    check_probability,
    one_of,
    positive,
    positive_list,
)


class SelectiveCopyingRule:
    """The token n places back, n being the value of the latest number token."""

    task = "plait.tasks.selective_copying:SelectiveCopying"
    parameters = ("n_words", "numbers", "p_number", "variant")

    def __init__(self, params: dict[str, Any]) -> None:
        self.n_words = positive(params, "n_words")
        self.numbers = numbers = positive_list(params, "numbers")
        self.n_tokens = self.n_words + len(numbers)
        check_probability(params, "p_number")
        one_of(params, "variant", ("uniform", "adversarial", "repetitive"))

    def work(self, tokens: int) -> int:
        return 2 * tokens

    def open(self, prefix: Tokens) -> Walk:
        values = [self.numbers[token - self.n_words] for token in prefix if token >= self.n_words]
        latest, length = values[-1] if values else None, len(prefix)

        def walk(suffix: Tokens) -> list[int | None]:
            back = latest
            targets: list[int | None] = []
            for position, token in enumerate(suffix):
                if token >= self.n_words:
                    back = self.numbers[token - self.n_words]
                place = -1 if back is None else length + position - back
                if place < 0:
                    targets.append(None)
                else:
                    targets.append(prefix[place] if place < length else suffix[place - length])
            return targets

        return walk


class DecodingRecallRule:
    """The token after the latest earlier occurrence of the word that the last n_bits bits spell.

    Of the variant `last`, rows are words and then n_bits bits, and the last position alone is scored.
    """

    task = "plait.tasks.decoding_recall:DecodingRecall"
    parameters = ("n_bits", "p_bit", "variant")

    def __init__(self, params: dict[str, Any]) -> None:
        self.n_bits = positive(params, "n_bits")
        if self.n_bits > 20:
            raise Refused("n_bits must be at most 20")
        self.n_words = 2**self.n_bits
        self.n_tokens = self.n_words + 2
        check_probability(params, "p_bit")
        self.last_only = one_of(params, "variant", ("interleaved", "last")) == "last"

    def work(self, tokens: int) -> int:
        return 3 * tokens

    def open(self, prefix: Tokens) -> Walk:
        before = dict(pairwise(prefix))
        register, last = 0, prefix[-1] if prefix else None
        bits = [token - self.n_words for token in prefix if token >= self.n_words]
        for bit in bits:
            register = (2 * register + bit) % self.n_words
        ending = prefix[-self.n_bits :]

        def walk(suffix: Tokens) -> list[int | None]:
            word, previous = register, last
            since: dict[int | None, int] = {}
            targets: list[int | None] = []
            for token in suffix:
                since[previous], previous = token, token
                if token >= self.n_words:
                    word = (2 * word + token - self.n_words) % self.n_words
                targets.append(since.get(word, before.get(word)))
            if self.last_only:
                end = [*ending, *suffix[-self.n_bits :]][-self.n_bits :]
                all_bits = len(bits) + sum(token >= self.n_words for token in suffix)
                in_order = all_bits == self.n_bits == sum(token >= self.n_words for token in end)
                targets = [*[None] * (len(targets) - 1), targets[-1] if in_order else None]
            return targets

        return walk


class NeedleRule:
    """The word after marker A, in rows with one marker A, a word after it, and marker B nowhere before that."""

    task = "plait.tasks.needle:Needle"
    parameters = ("n_words", "score_marker")

    def __init__(self, params: dict[str, Any]) -> None:
        self.n_words = positive(params, "n_words")
        self.n_tokens = self.n_words + 2
        if not isinstance(params["score_marker"], bool):
            raise Refused("score_marker must be true or false")

    def work(self, tokens: int) -> int:
        return 3 * tokens

    def open(self, prefix: Tokens) -> Walk:
        started, _ = self._read(("before", None), prefix)

        def walk(suffix: Tokens) -> list[int | None]:
            return self._read(started, suffix)[1]

        return walk

    def _read(
        self, state: tuple[str, int | None], tokens: Tokens
    ) -> tuple[tuple[str, int | None], list[int | None]]:
        """The state after the tokens (before A, after A, with its word, or out of order), and the targets."""
        where, word = state
        targets: list[int | None] = []
        for token in tokens:
            if where == "before":
                where = {self.n_words: "after", self.n_words + 1: "out of order"}.get(token, where)
            elif where == "after":
                where, word = ("with", token) if token < self.n_words else ("out of order", None)
            elif where == "with" and token == self.n_words:
                where = "out of order"
            targets.append(word if where == "with" else None)
            if where == "with" and token == self.n_words + 1:
                where = "out of order"  # marker B ends a row
        return (where, word), targets


RULES = {
    "selective-copying": SelectiveCopyingRule,
    "associative-recall": AssociativeRecallRule,
    "multi-key-recall": MultiKeyRecallRule,
    "decoding-recall": DecodingRecallRule,
    "needle": NeedleRule,
    "mqar": MQARRule,
    "fuzzy-recall": FuzzyRecallRule,
    "noisy-recall": NoisyRecallRule,
    "segmented-recall": SegmentedRecallRule,
    "matrix-lookup": MatrixLookupRule,
    "k-hop-induction": KHopInductionRule,
    "follow-back": FollowBackRule,
    "n-gram-retrieval": NGramRetrievalRule,
    "position-retrieval": PositionRetrievalRule,
    "string-copying": StringCopyingRule,
    "dyck": DyckRule,
    "flip-counting": FlipCountingRule,
    "modular-counting": ModularCountingRule,
}


def rule_of(name: str, params: dict[str, Any]) -> Rule:
    """The rule of a task of plait.

    Raises:
        Refused: an unknown task, an unknown parameter or one that lacks, or a value out of range.
    """
    if name not in RULES:
        raise Refused(f"unknown task {name!r:.80}; known: {', '.join(RULES)}")
    known = RULES[name].parameters
    unknown = sorted(set(params) - set(known))
    if unknown:
        raise Refused(f"unknown parameter {unknown[0]!r} of {name}; known: {', '.join(known)}")
    lacking = [parameter for parameter in known if parameter not in params]
    if lacking:
        raise Refused(f"the certificate lacks the parameter {lacking[0]!r} of {name}")
    return RULES[name](params)
