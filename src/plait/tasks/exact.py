"""What is known of the tasks of plait is known of exactly their classes.

A subclass may answer otherwise, and a class may call itself what it likes: either is a user's own task, of which
nothing is known but what its members say. So closed forms, families, constructions and shortcuts ask here, and never
by `isinstance` or by a name.
"""

import sys
from collections.abc import Mapping
from typing import TypeVar

from plait.tasks.base import BuiltInTask
from plait.tasks.registry import TASKS

Known = TypeVar("Known")


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


def known_of(task: object, table: Mapping[type, Known]) -> Known | None:
    """What the table holds for exactly the task's class; None where it holds nothing."""
    return next((known for task_class, known in table.items() if type(task) is task_class), None)
