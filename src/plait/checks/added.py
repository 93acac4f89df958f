"""Fields that came after members were stored: declared so that nothing stored before changes its identity."""

import dataclasses
from typing import Any, TypeVar

_ADDED = "plait.added"

_Value = TypeVar("_Value")


def added_field(neutral: _Value) -> _Value:
    """A dataclass field whose default is what every member stored before had, and which the identity leaves out there.

        rotary_odd: str = added_field("paired")      # members stored before had pairs, and keep their ids

    A value other than `neutral` enters the identity like any field. The neutral value can never change.
    """
    return dataclasses.field(default=neutral, metadata={_ADDED: True})


def neutral_fields(part: object) -> frozenset[str]:
    """The added fields of a dataclass instance that hold their neutral value; none for anything else."""
    if not dataclasses.is_dataclass(part) or isinstance(part, type):
        return frozenset()
    return frozenset(
        field.name
        for field in dataclasses.fields(part)
        if field.metadata.get(_ADDED) and _same(getattr(part, field.name), field.default)
    )


def _same(value: Any, neutral: Any) -> bool:
    """Equal and of one type but for 1 and 1.0, so that False is no 0."""
    return isinstance(value, bool) == isinstance(neutral, bool) and value == neutral
