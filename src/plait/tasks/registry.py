"""Tasks by name: the built-in ones, and a user's own as `module:NAME`; also how a task is written as JSON.

parse_task("selective-copying", {"numbers": [1, 2]})        a built-in task with its parameters
parse_task("my_pkg.my_task:MyTask", {"n_words": 8})         a class with the members of `Task`
parse_task("my_pkg.my_task:make", {"n_words": 8})           a function that gives a task
parse_task("my_pkg.my_program:PROGRAM")                     a task itself
task_to_json(task)  ->  {"task": name, "params": {...}}     and back by task_from_json

What is known of the tasks of plait is known of exactly their classes.

A subclass may answer otherwise, and a class may call itself what it likes: either is a user's own task, of which
nothing is known but what its members say. So closed forms, families, constructions and shortcuts ask here, and never
by `isinstance` or by a name.
"""

import dataclasses
import inspect
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar, cast

from plait.checks import neutral_fields, one_line, resolve, shortened, stored_name, unknown
from plait.tasks.associative_recall import AssociativeRecall
from plait.tasks.base import BuiltInTask, Task
from plait.tasks.decoding_recall import DecodingRecall
from plait.tasks.dyck import Dyck
from plait.tasks.flip_counting import FlipCounting
from plait.tasks.follow_back import FollowBack
from plait.tasks.fuzzy_recall import FuzzyRecall
from plait.tasks.k_hop_induction import KHopInduction
from plait.tasks.matrix_lookup import MatrixLookup
from plait.tasks.modular_counting import ModularCounting
from plait.tasks.mqar import MQAR
from plait.tasks.multi_key_recall import MultiKeyRecall
from plait.tasks.n_gram_retrieval import NGramRetrieval
from plait.tasks.needle import Needle
from plait.tasks.noisy_recall import NoisyRecall
from plait.tasks.position_retrieval import PositionRetrieval
from plait.tasks.segmented_recall import SegmentedRecall
from plait.tasks.selective_copying import SelectiveCopying
from plait.tasks.string_copying import StringCopying

TASKS: Mapping[str, type[Task]] = MappingProxyType(
    {
        task.name: task
        for task in (
            SelectiveCopying,
            DecodingRecall,
            AssociativeRecall,
            MultiKeyRecall,
            Needle,
            MQAR,
            FuzzyRecall,
            NoisyRecall,
            SegmentedRecall,
            MatrixLookup,
            KHopInduction,
            FollowBack,
            NGramRetrieval,
            PositionRetrieval,
            StringCopying,
            Dyck,
            FlipCounting,
            ModularCounting,
        )
    }
)
"""The built-in tasks by the name that the command line knows them by."""

_MEMBERS = ("vocab_size", "token_names", "sample", "targets")


def parse_task(name: str, params: Mapping[str, object] | None = None) -> Task:
    """The task of that name with these parameters, which may come from JSON (lists become tuples).

    Args:
        name: a key of `TASKS`, or `module:NAME`, found as `plait.checks.resolve` says.
        params: the keyword arguments of the class or function; a task itself takes none.

    Raises:
        ValueError: an unknown task, module, name or parameter, a missing one, a value that the task refuses,
            or what lacks a member of `Task`.
    """
    own = isinstance(name, str) and ":" in name
    found: Any = (
        resolve(name, "task", wanted="class or task", accepts=_gives_a_task) if own else TASKS.get(name)
    )
    if found is None:
        raise ValueError(f"{unknown('task', name, TASKS)} (a task of your own: module:Class)")
    given = {key: _read(value) for key, value in (params or {}).items()}
    if not callable(found):
        if given:
            raise ValueError(
                f"task {name} stands there ready made and takes no parameters, got {shortened(given)}"
            )
        _check_members(name, found)
    else:
        _check_parameters(name, found, given)
        try:
            task: Any = found(**given)
        except ValueError:
            raise
        except (Exception, SystemExit) as error:  # a user's constructor may fail in any way
            raise ValueError(f"task {name} refused {shortened(given)}: {one_line(error)}") from error
        _check_members(name, task)
        found = task
    if hasattr(found, "named"):  # it is not known again by its class and attributes
        found.named(name, given)
    return found


def task_name(task: Task) -> str:
    """The name by which `parse_task` finds the task's class again.

    Raises:
        ValueError: a class that cannot be imported from a module.
    """
    if (own := _naming(task)) is not None:
        return own[0]
    task_class = type(task)
    for name, known in TASKS.items():
        if known is task_class:
            return name
    if task_class.__module__ == "__main__" or "<locals>" in task_class.__qualname__:
        raise ValueError(
            f"a task is stored as module:Class, so {task_class.__qualname__} must stand at the top of a "
            f"module that can be imported, got {task_class.__module__}"
        )
    return stored_name(f"{task_class.__module__}:{task_class.__qualname__}")


def task_to_json(task: Task, *, neutral: bool = True) -> dict[str, object]:
    """`{"task": name, "params": {...}}` with every parameter, defaults included, as plain JSON values.

    Args:
        neutral: whether added fields that hold their neutral value (`plait.checks.added_field`) stand there too, its
            own and those of tasks among its parameters.

    Raises:
        ValueError: as `task_name`, or a class whose parameters cannot be read back from its attributes.
    """
    if (own := _naming(task)) is not None:
        return {"task": own[0], "params": {name: _plain(value, neutral) for name, value in own[1].items()}}
    names = [name for name, _ in _parameters(type(task))]
    lacking = [name for name in names if not hasattr(task, name)]
    if lacking:
        raise ValueError(
            f"to be stored, {type(task).__name__} must keep its parameters as attributes (a dataclass does), "
            f"got none named {', '.join(lacking)}"
        )
    left_out = frozenset() if neutral else neutral_fields(task)
    params = {name: _plain(getattr(task, name), neutral) for name in names if name not in left_out}
    return {"task": task_name(task), "params": params}


def task_from_json(document: Mapping[str, object]) -> Task:
    """The task that `task_to_json` wrote.

    Raises:
        ValueError: not such a document, or as `parse_task`.
    """
    name, params = document.get("task"), document.get("params", {})
    if set(document) - {"task", "params"} or not isinstance(name, str) or not isinstance(params, Mapping):
        raise ValueError(
            f'a task must read {{"task": name, "params": {{..}}}}, got {shortened(dict(document))}'
        )
    return parse_task(name, params)


def _naming(task: Task) -> tuple[str, Mapping[str, object]] | None:
    """Name and parameters of a task that says them itself, as a compiled program does."""
    return getattr(task, "naming", None)


def _gives_a_task(value: object) -> bool:
    """Whether it may be one: a class, a function, or an object with the members of a task."""
    made = inspect.isclass(value) or inspect.isfunction(value)
    return made or all(hasattr(value, member) for member in _MEMBERS)


def _parameters(task_class: Callable[..., object]) -> list[tuple[str, bool]]:
    """The constructor's keyword parameters, each with whether it must be given."""
    parameters = list(inspect.signature(task_class).parameters.values())
    keywords = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [(p.name, p.default is inspect.Parameter.empty) for p in parameters if p.kind in keywords]


def _check_parameters(name: str, task_class: Callable[..., object], given: Mapping[str, object]) -> None:
    known = _parameters(task_class)
    for key in given:
        if key not in dict(known):
            raise ValueError(f"task {name}: {unknown('parameter', key, dict(known))}")
    missing = [key for key, required in known if required and key not in given]
    if missing:
        raise ValueError(f"task {name} needs the parameter {', '.join(missing)}")


def _check_members(name: str, task: Task) -> None:
    lacking = [member for member in _MEMBERS if not hasattr(task, member)]
    if lacking:
        raise ValueError(f"task {name} needs the members {', '.join(_MEMBERS)}, lacks {', '.join(lacking)}")
    size, names = task.vocab_size, task.token_names
    n_names = len(names) if isinstance(names, tuple | list) else None
    if not isinstance(size, int) or size < 1 or n_names != size:
        raise ValueError(
            f"task {name} needs a vocab_size >= 1 and a tuple of as many token_names, "
            f"got {size!r} and {n_names}"
        )
    if others := [token for token in names if not isinstance(token, str)]:
        raise ValueError(f"task {name}: token_names must be strings, got {shortened(others[0])}")


def _read(value: object) -> object:
    """JSON as parameters have it: lists as tuples, `{"task": .., "params": ..}` as the task."""
    if isinstance(value, Mapping) and set(value) <= {"task", "params"} and "task" in value:
        return task_from_json(value)
    return tuple(_read(item) for item in value) if isinstance(value, list | tuple) else value


def _plain(value: object, neutral: bool) -> object:
    if all(hasattr(value, member) for member in _MEMBERS):
        return task_to_json(cast(Task, value), neutral=neutral)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        left_out = frozenset() if neutral else neutral_fields(value)
        names = [field.name for field in dataclasses.fields(value) if field.name not in left_out]
        return {name: _plain(getattr(value, name), neutral) for name in names}
    return [_plain(item, neutral) for item in value] if isinstance(value, list | tuple) else value


_Known = TypeVar("_Known")


def is_built_in(task: object) -> bool:
    """Whether the task's class is one of this package's, not derived from one."""
    return any(type(task) is known for known in TASKS.values())


def is_ours(task: object) -> bool:
    """Whether the task's class stands in this package, those of experiments included: its samples and targets need no
    checks, though nothing else may be known of it."""
    task_class = type(task)
    module = sys.modules.get(task_class.__module__)
    in_package = task_class.__module__.partition(".")[0] == __name__.partition(".")[0]
    return (
        in_package
        and issubclass(task_class, BuiltInTask)
        and getattr(module, task_class.__qualname__, None) is task_class
    )


def known_of(task: object, table: Mapping[type, _Known]) -> _Known | None:
    """What the table holds for exactly the task's class; None where it holds nothing."""
    return next((known for task_class, known in table.items() if type(task) is task_class), None)
