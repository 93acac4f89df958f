"""Dotted paths into a run: `model.d_model`, `task.numbers`, `train.lr`.

A slice of an experiment is the runs that have some values of some fields.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from plait.checks import in_line
from plait.checks.values import unknown
from plait.model import HybridConfig
from plait.tasks import DecodingRecall, task_to_json
from plait.tasks.base import BuiltInTask
from plait.tasks.packed import Packed
from plait.training.run import Run
from plait.training.start import Start

_PARTS = ("task", "model", "train", "start")


def known_paths(run: Run) -> tuple[str, ...]:
    """Every path that `with_fields` can set: the parts, and the own fields of those that the run has."""
    paths = list(_PARTS)
    for part in _PARTS:
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
    listed = [name for name in known if name.startswith(f"{part}.")] if part in _PARTS else known
    raise ValueError(unknown("field", path, listed))


def get_field(run: Run, path: str) -> Any:
    """The value at a path such as `model.d_model` or `task`.

    Raises:
        ValueError: the run has no such field.
    """
    part, _, name = path.partition(".")
    inner = getattr(run, part, None) if part in _PARTS else None
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
    parts = {part: changes.get(part, getattr(run, part)) for part in _PARTS}
    for part in _PARTS:
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


def swept_choices(
    sweep: Mapping[str, Sequence[Any]], known: Mapping[str, Any], slices: Sequence[Sequence[Where]]
) -> Iterator[dict[str, Any]]:
    """The choices of swept values that slices leave to a cell with these fields.

    At least one alternative of each slice must admit the choice; a field that the cell does not have has no value.
    """
    levels = [_possible(level, known, sweep) for level in slices]
    for values in itertools.product(*(_left_open(path, sweep[path], levels) for path in sweep)):
        given = dict(zip(sweep, values, strict=True))
        if all(any(_is_among(given, allowed) for allowed in level) for level in levels):
            yield given


_Admitted = Mapping[str, frozenset[Any]]
"""Swept field -> its values that an alternative admits; a field that it does not name keeps all."""


def _possible(
    level: Sequence[Where], known: Mapping[str, Any], sweep: Mapping[str, Sequence[Any]]
) -> list[_Admitted]:
    """The alternatives that admit a cell with these fields, by what they leave of the sweep."""
    return [
        {
            path: frozenset(value for value in values if any(same(wish, value) for wish in where[path]))
            for path, values in sweep.items()
            if path in where
        }
        for where in level
        if all(
            path in sweep or (path in known and any(same(value, known[path]) for value in wanted))
            for path, wanted in where.items()
        )
    ]


def _left_open(path: str, values: Sequence[Any], levels: Sequence[Sequence[_Admitted]]) -> list[Any]:
    """The values of a swept field that no slice refuses whatever the others are."""
    left = list(values)
    for level in levels:
        if all(path in allowed for allowed in level):
            left = [value for value in left if any(value in allowed[path] for allowed in level)]
    return left


def _is_among(given: Mapping[str, Any], allowed: _Admitted) -> bool:
    return all(given[path] in values for path, values in allowed.items())


_LONGEST = 200
"""Characters of a value that are shown; an own task's fields hold what its author likes."""

_UNNAMED = ("model.pattern", "model", "task", "start", "test.task")
"""Fields whose values speak for themselves."""

_NAMES = {
    "model.d_model": "width",
    "model.window": "window",
    "model.n_heads": "heads",
    "model.d_state": "states",
    "model.rotary_fraction": "rotary fraction",
    "train.lr": "learning rate",
    "task.n_words": "words",
    "task.p_bit": "bit proportion in training",
    "test.p_bit": "bit proportion in the test",
    "test.p_number": "number proportion in the test",
    "test.seq_len": "tokens of a test sequence",
    "start.noise": "relative noise at the start",
    "parameters": "parameters",
}


def field_name(path: str) -> str:
    """The field in words, as an axis or a column is titled."""
    return _NAMES.get(path, path.rsplit(".", maxsplit=1)[-1].replace("_", " "))


def value_text(value: Any) -> str:
    """A value in a few characters: a task's name, a model's pattern and width, what a start disturbs."""
    if isinstance(value, HybridConfig):
        return f"{value.pattern} d{value.d_model}"
    if isinstance(value, Start):
        return f"random {', '.join(value.random)}" if value.random else f"noise {value.noise:g}"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str | int | tuple) or value is None:
        return "full" if value is None else in_line(str(value), most=_LONGEST)
    if isinstance(value, Packed):
        share = f" p_bit {value.task.p_bit:g}" if isinstance(value.task, DecodingRecall) else ""
        return f"packed {value.task.name}{share} {'with' if value.separator else 'without'} separator"
    return str(task_to_json(value)["task"]).rpartition(":")[2]


def counted_text(value: Any) -> str:
    """`value_text` as prose has it: an integer with its thousands apart."""
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    return f"{value:,}" if is_integer else value_text(value)


_STEP_BIAS = "model.step_bias"
"""Without one the initial weights have steps of their own, where None elsewhere is the window of all tokens."""


def cell_label(settings: Mapping[str, Any], *, told: Callable[[Any], str] = value_text) -> str:
    """`SSM-TF d8`, `SSM-TF d8 window 20`: other fields than pattern and width carry their names.

    What belongs to an evaluation says so: `p_bit 0.1 test p_bit 0.9`.
    """
    words = []
    for path, value in settings.items():
        prefix = "" if path in _UNNAMED else "d" if path == "model.d_model" else f"{path.split('.')[-1]} "
        if prefix and path.startswith("test."):
            prefix = f"test {prefix}"
        words.append(f"{prefix}{'own' if value is None and path == _STEP_BIAS else told(value)}")
    return " ".join(words) or "the base run"
