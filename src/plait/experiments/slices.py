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


def admits(where: Where, changes: Mapping[str, Any]) -> bool:
    """Whether fields have an admitted value each; one that a run does not have has none."""
    return all(
        path in changes and any(same(value, changes[path]) for value in wanted)
        for path, wanted in where.items()
    )
