"""A task as stored rows name it: its parameters can be read and compared, no code is imported."""

import dataclasses
import functools
import keyword
from collections.abc import Mapping
from typing import Any, cast

from plait.checks import is_own_name, shortened
from plait.tasks import Task
from plait.training.identity import canonical_json

_TAKEN = ("naming", "token_names", "sample", "targets")
"""What a parameter cannot be called, for a task has it."""


def named_task(document: Mapping[str, Any], vocab_size: int | None) -> Task:
    """A task of this name (`module:Class`) and these parameters, which knows no more than they say.

    Args:
        document: `{"task": name, "params": {..}}`.
        vocab_size: that of the model that was trained on it.

    Raises:
        ValueError: no such document, or parameters that no class can have.
    """
    name, params = document.get("task"), document.get("params", {})
    if not isinstance(name, str) or not is_own_name(name) or not isinstance(params, Mapping):
        raise ValueError(f"not the task of a row: {shortened(dict(document))}")
    made: Any = _class(name, tuple(params))(**{field: _value(value) for field, value in params.items()})
    object.__setattr__(made, "vocab_size", vocab_size)
    return cast(Task, made)


@functools.lru_cache(maxsize=256)  # classes of foreign tasks in the folders of one process
def _class(name: str, fields: tuple[str, ...]) -> type:
    """Equal for tasks of one class, so that they are of one kind."""
    wrong = [
        field
        for field in fields
        if not field.isidentifier() or field.startswith("_") or keyword.iskeyword(field) or field in _TAKEN
    ]
    if wrong:
        raise ValueError(
            f"the task {name} of a row has parameters that no class can have: {shortened(wrong)}"
        )

    def naming(task: Any) -> tuple[str, Mapping[str, object]]:
        return name, {field: getattr(task, field) for field in fields}

    return dataclasses.make_dataclass(
        name.rpartition(":")[2].replace(".", "_"),
        [(field, object) for field in fields],
        frozen=True,
        kw_only=True,
        namespace={"naming": property(naming)},
    )


def _value(value: Any) -> Any:
    """As a table shows it and a set takes it."""
    if isinstance(value, list):
        return tuple(_value(item) for item in cast(list[Any], value))
    return canonical_json(value) if isinstance(value, dict) else value
