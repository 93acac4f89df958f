"""What values a signal may take: finitely many, each one a text, an integer, a truth value, a fraction, or a tuple."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

Value: TypeAlias = str | int | bool | Fraction | tuple["Value", ...]

MOST_VALUES = 2**16
"""Values of a signal, and entries of a table, at most."""

MOST_LETTERS = 200
"""Of a name, or of a text that is a value."""

MOST_NUMBER = 2**53
"""Numbers up to here are told apart in float64."""


def check_value(value: object, what: str) -> Value:
    """The value itself, if signals may take it.

    Raises:
        ValueError: another type, or a text of more than `MOST_LETTERS`.
    """
    if isinstance(value, str) and len(value) > MOST_LETTERS:
        raise ValueError(
            f"{what} gives a text of {len(value):,} characters, at most {MOST_LETTERS} are taken"
        )
    if isinstance(value, str | int | Fraction):
        return value
    if isinstance(value, tuple):
        return tuple(check_value(part, what) for part in value)
    raise ValueError(
        f"{what} gives {value!r}, which must be a text, an integer, a truth value, a fraction or a tuple of these"
    )


def domain_of(values: Iterable[Value | None], known: Sequence[Value] = ()) -> tuple[Value, ...]:
    """The different values: in the order of `known` if all are among them, numbers by size, others as they come."""
    found = dict.fromkeys(value for value in values if value is not None)
    order = {value: place for place, value in enumerate(known)}
    if all(value in order for value in found):
        return tuple(sorted(found, key=order.__getitem__))
    if all(isinstance(value, int | Fraction) for value in found):
        return tuple(sorted(found, key=_number))
    return tuple(found)


def amounts_of(domain: Sequence[Value], what: str) -> tuple[int, ...]:
    """The values as integers, true as 1.

    Raises:
        ValueError: a value that is none.
    """
    for value in domain:
        if not isinstance(value, int):
            raise ValueError(f"{what} needs integers or truth values, got the value {value!r}")
    return tuple(int(value) for value in domain if isinstance(value, int))


def index_in(domain: Sequence[Value]) -> dict[Value, int]:
    return {value: place for place, value in enumerate(domain)}


def value_to_json(value: Value | None) -> Any:
    """Plain JSON; tuples and fractions become objects with one field."""
    if isinstance(value, tuple):
        return {"tuple": [value_to_json(part) for part in value]}
    if isinstance(value, Fraction):
        return {"fraction": [value.numerator, value.denominator]}
    return value


def value_from_json(document: object) -> Value | None:
    """What `value_to_json` wrote.

    Raises:
        ValueError: anything else.
    """
    if document is None or isinstance(document, str | int):
        return document
    if isinstance(document, Mapping) and list(document) == ["tuple"] and isinstance(document["tuple"], list):
        parts = [value_from_json(part) for part in document["tuple"]]
        return tuple(part for part in parts if part is not None)
    if isinstance(document, Mapping) and list(document) == ["fraction"]:
        match document["fraction"]:
            case [int(over), int(under)] if under > 0:
                return Fraction(over, under)
            case _:
                pass
    raise ValueError(
        f"a value must be a text, an integer, a truth value, a fraction or a tuple, got {document!r}"
    )


def _number(value: Value) -> Fraction:
    assert isinstance(value, int | Fraction)
    return Fraction(value)
