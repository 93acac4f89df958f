"""Slices of an experiment: the runs that have some values of some fields."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from plait.tasks.base import BuiltInTask

Where = Mapping[str, Sequence[Any]]
"""Field -> the values of it that are admitted."""


def same(value: Any, other: Any) -> bool:
    """Equal; numbers also to 1%, so that 0.00316 finds 10^-2.5; a built-in task also by its name."""
    if isinstance(value, str) and isinstance(other, BuiltInTask):
        return value == other.name
    numbers = [float(v) for v in (value, other) if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) == 2 and isinstance(value, float) | isinstance(other, float):
        return math.isclose(*numbers, rel_tol=0.01)
    return value == other


Admitted = Mapping[str, frozenset[Any]] | None
"""The values of each swept field; None for no run at all."""


def admitted(where: Where, known: Mapping[str, Any], sweep: Mapping[str, Sequence[Any]]) -> Admitted:
    """What a slice leaves of the swept values of a cell with these fields; a field that it does not have has no value.

    Every swept field that the slice does not name keeps all of its values.
    """
    for path, wanted in where.items():
        if path not in sweep and not (path in known and any(same(value, known[path]) for value in wanted)):
            return None
    return {
        path: frozenset(value for value in values if any(same(wish, value) for wish in where[path]))
        for path, values in sweep.items()
        if path in where
    }


def is_among(given: Mapping[str, Any], allowed: Admitted) -> bool:
    return allowed is not None and all(given[path] in values for path, values in allowed.items())
