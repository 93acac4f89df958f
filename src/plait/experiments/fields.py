"""Dotted paths into a run: `model.d_model`, `task.numbers`, `train.lr`.

A slice of an experiment is the runs that have some values of some fields.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from plait.checks.values import unknown
from plait.tasks.base import BuiltInTask
from plait.training.run import Run

PARTS = ("task", "model", "train", "start")


def known_paths(run: Run) -> tuple[str, ...]:
    """Every path that `with_fields` can set: the parts, and the own fields of those that the run has."""
    paths = list(PARTS)
    for part in PARTS:
        value = getattr(run, part)
        fields = dataclasses.fields(value) if dataclasses.is_dataclass(value) else ()
        paths += [f"{part}.{field.name}" for field in fields if field.init]
    return tuple(paths)


def check_path(run: Run, path: str) -> None:
    """Raises:
    ValueError: the run has no such field; the message names the nearest and lists the part's own.
    """
    known = known_paths(run)
    if path in known:
        return
    part = path.split(".", maxsplit=1)[0]
    listed = [name for name in known if name.startswith(f"{part}.")] if part in PARTS else known
    raise ValueError(unknown("field", path, listed))


def get_field(run: Run, path: str) -> Any:
    part, _, name = path.partition(".")
    inner = getattr(run, part, None) if part in PARTS else None
    if name and hasattr(inner, name):
        return getattr(inner, name)
    check_path(run, path)
    return inner


def with_fields(run: Run, changes: Mapping[str, Any]) -> Run:
    """`run` with every change made at once, so that fields which only fit together can be set together.

    A changed task takes its own vocabulary into the model.
    """
    for path in changes:
        check_path(run, path)
    parts = {part: changes.get(part, getattr(run, part)) for part in PARTS}
    for part in PARTS:
        inner = {path.split(".")[1]: value for path, value in changes.items() if path.startswith(f"{part}.")}
        if part == "model" and parts["task"] is not run.task and "model" not in changes:
            inner.setdefault("vocab_size", None)
        if inner:
            parts[part] = dataclasses.replace(parts[part], **inner)
    return Run(**parts)


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
