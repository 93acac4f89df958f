"""The tasks whose answer stands at a counted place, once more: copying, going back by numbers, n-grams."""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

from plait.theory.checker.document import Refused
from plait.theory.checker.row_rule import RowRule, check_probability, is_positive, positive, positive_list


class FollowBackRule(RowRule):
    """Going back by the latest number, `hops` times, each by the number that was the latest where it begins."""

    task = "plait.tasks.follow_back:FollowBack"
    parameters = ("n_words", "numbers", "p_number", "hops")

    def __init__(self, params: dict[str, Any]) -> None:
        self.n_words = positive(params, "n_words")
        self.numbers = positive_list(params, "numbers")
        self.n_tokens = self.n_words + len(self.numbers)
        check_probability(params, "p_number")
        self.hops = positive(params, "hops", most=1000)
        self.steps = 3 + 2 * self.hops  # a token: its own, and two a hop

    def targets(self, row: Sequence[int]) -> list[int | None]:
        reached: list[int | None] = list(row)  # by no hop
        for _ in range(self.hops):
            back, further = len(row), list[int | None]()
            for place, token in enumerate(row):
                if token >= self.n_words:
                    back = self.numbers[token - self.n_words]
                further.append(reached[place - back] if back <= place else None)
            reached = further
        return reached


class StringCopyingRule(RowRule):
    """The row up to the first separator once more, from the separator on."""

    task = "plait.tasks.string_copying:StringCopying"
    parameters = ("n_words",)

    def __init__(self, params: dict[str, Any]) -> None:
        self.separator = positive(params, "n_words")
        self.n_tokens = self.separator + 1

    def targets(self, row: Sequence[int]) -> list[int | None]:
        end = row.index(self.separator) if self.separator in row else len(row)
        targets: list[int | None] = [*[None] * end, *row[:end], *[None] * len(row)]
        return targets[: len(row)]


class NGramRetrievalRule(RowRule):
    """The n words behind the latest occurrence of a query before the first question mark, those that have n there."""

    task = "plait.tasks.n_gram_retrieval:NGramRetrieval"
    parameters = ("n_words", "n")

    def __init__(self, params: dict[str, Any]) -> None:
        self.mark = positive(params, "n_words")
        self.n = positive(params, "n", most=32)
        if self.mark**self.n > 2**32:
            raise Refused(f"n_words^n must be at most 2^32, got {self.mark}^{self.n}")
        self.n_tokens = self.mark + 1
        self.steps = 4 + 2 * self.n  # a token: its own, and two for each of n words

    def targets(self, row: Sequence[int]) -> list[int | None]:
        n, targets = self.n, list[int | None]([None] * len(row))
        marks = [place for place, token in enumerate(row) if token == self.mark]
        if not marks:
            return targets
        haystack = tuple(row[: marks[0]])
        begins = {haystack[at : at + n]: at for at in range(len(haystack) - 2 * n + 1)}
        for mark, following in zip(marks, [*marks[1:], len(row)], strict=True):
            at = begins.get(tuple(row[mark + 1 : mark + 1 + n])) if mark + n < following else None
            for place in range(mark + n, min(mark + 2 * n, following)):
                targets[place] = None if at is None else haystack[at + place - mark]
        return targets


class DyckRule(RowRule):
    """The bracket that closes the latest opening one that led to the present depth."""

    task = "plait.tasks.dyck:Dyck"
    parameters = ("n_kinds", "depth")

    def __init__(self, params: dict[str, Any]) -> None:
        self.n_tokens = 2 * positive(params, "n_kinds", most=2**20)
        self.depth = positive(params, "depth", most=2**20)

    def targets(self, row: Sequence[int]) -> list[int | None]:
        depths = list(accumulate(-1 if token % 2 else 1 for token in row))
        latest: dict[int, int] = {}
        targets: list[int | None] = []
        for token, depth in zip(row, depths, strict=True):
            if token % 2 == 0:
                latest[depth] = token
            opened = latest.get(depth) if depth in range(self.depth + 1) else None
            targets.append(None if opened is None else opened + 1)
        return targets


class FlipCountingRule(RowRule):
    """Whether at least so many neighbours differ so far."""

    task = "plait.tasks.flip_counting:FlipCounting"
    parameters = ("least", "p_flip")
    n_tokens = 2

    def __init__(self, params: dict[str, Any]) -> None:
        self.least = params["least"]
        if not is_positive(self.least):
            raise Refused(f"least must be an integer of at least 1, got {self.least!r:.60}")
        check_probability(params, "p_flip")

    def targets(self, row: Sequence[int]) -> list[int | None]:
        flips = accumulate((one != other for one, other in pairwise(row)), initial=0)
        return [int(n >= self.least) for n, _ in zip(flips, row, strict=False)]


class ModularCountingRule(RowRule):
    """The sum so far modulo a number."""

    task = "plait.tasks.modular_counting:ModularCounting"
    parameters = ("modulus",)

    def __init__(self, params: dict[str, Any]) -> None:
        self.modulus = self.n_tokens = positive(params, "modulus", most=2**20)
        if self.modulus < 2:
            raise Refused("modulus must be at least 2")

    def targets(self, row: Sequence[int]) -> list[int | None]:
        return [total % self.modulus for total in accumulate(row)]
