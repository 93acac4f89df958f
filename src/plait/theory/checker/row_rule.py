"""A rule that reads a row from its beginning for every suffix; the work of that is counted (`RowRule.work`)."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Protocol

Tokens = Sequence[int]
Walk = Callable[[Tokens], "list[int | None]"]


class Rule(Protocol):
    """A task as the checker knows it: tokens are in [0, n_tokens)."""

    n_tokens: int

    def open(self, prefix: Tokens) -> Walk:
        """The targets at every position of any suffix behind the prefix."""
        ...

    def work(self, tokens: int) -> int:
        """Steps that reading so many tokens of a prefix, or walking so many of a suffix, may take."""
        ...


class RowRule(ABC):
    """A task by the targets of whole rows: tokens are in [0, n_tokens), what is undefined is None."""

    n_tokens: int
    steps = 4
    """Steps that one token of a row takes."""

    @abstractmethod
    def targets(self, row: Sequence[int]) -> list[int | None]:
        """The target of each position."""

    def open(self, prefix: Sequence[int]) -> Callable[[Sequence[int]], list[int | None]]:
        """The targets at every position of any suffix behind the prefix."""
        return lambda suffix: self.targets([*prefix, *suffix])[len(prefix) :]

    def work(self, tokens: int) -> int:
        """Steps that the targets of a row of so many tokens take; whoever walks a suffix counts the prefix too."""
        return self.steps * tokens
