"""What the checker's rules are made of: what a task's parameters may be, and rules that read a row from its start.

The work of reading rows for every suffix is counted (`RowRule.work`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Protocol

from plait.theory.checker.document import Refused

_MOST_WORDS = 2**24
"""As tasks take them (`plait.tasks.base.MOST_WORDS`), written a second time; so are all limits of the rules."""


def is_positive(value: object) -> bool:
    """An integer of at least 1 and below 2^31."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**31


def positive(params: dict[str, Any], name: str, *, most: int = _MOST_WORDS) -> int:
    """The parameter as an integer of at least 1.

    Raises:
        Refused: it is none, or above `most`.
    """
    if not is_positive(params[name]) or params[name] > most:
        limit = "2^24" if most == _MOST_WORDS else str(most)
        raise Refused(
            f"{name} must be an integer of at least 1 and at most {limit}, got {params[name]!r:.60}"
        )
    return params[name]


def positive_list(params: dict[str, Any], name: str) -> list[int]:
    """The parameter as distinct integers of at least 1.

    Raises:
        Refused: it is no such list, or empty, or too long.
    """
    values = params[name]
    if not isinstance(values, list) or not values or len(values) > 100_000:
        raise Refused(f"{name} must be a list of integers")
    if not all(is_positive(value) for value in values) or len(set(values)) < len(values):
        raise Refused(f"{name} must be distinct integers of at least 1")
    return values


def check_probability(params: dict[str, Any], name: str) -> None:
    """Raises:
    Refused: no number in [0, 1].
    """
    value = params[name]
    if isinstance(value, bool) or not isinstance(value, int | Fraction) or not 0 <= value <= 1:
        raise Refused(f"{name} must be a probability, got {value!r:.60}")


def one_of(params: dict[str, Any], name: str, choices: tuple[str, ...]) -> str:
    """The parameter, one of the choices.

    Raises:
        Refused: another.
    """
    if params[name] not in choices:
        raise Refused(f"{name} must be one of {', '.join(choices)}, got {params[name]!r:.60}")
    return params[name]


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
