"""What the parameters of a task may be, as the checker reads them from a certificate."""

from fractions import Fraction
from typing import Any

from plait.theory.checker.document import Refused

MOST_WORDS = 2**24


def is_positive(value: object) -> bool:
    """An integer of at least 1 and below 2^31."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**31


def positive(params: dict[str, Any], name: str, *, most: int = MOST_WORDS) -> int:
    """The parameter as an integer of at least 1.

    Raises:
        Refused: it is none, or above `most`.
    """
    if not is_positive(params[name]) or params[name] > most:
        limit = "2^24" if most == MOST_WORDS else str(most)
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
    value = params[name]
    if isinstance(value, bool) or not isinstance(value, int | Fraction) or not 0 <= value <= 1:
        raise Refused(f"{name} must be a probability, got {value!r:.60}")


def one_of(params: dict[str, Any], name: str, choices: tuple[str, ...]) -> str:
    if params[name] not in choices:
        raise Refused(f"{name} must be one of {', '.join(choices)}, got {params[name]!r:.60}")
    return params[name]
