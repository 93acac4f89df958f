"""The tasks: samplers and exact targets, those of arXiv 2603.08859 first."""

from plait.tasks.associative_recall import AssociativeRecall
from plait.tasks.base import SPECIALS, BuiltInTask, Composition, Targets, Task, sample_labelled
from plait.tasks.decoding_recall import DecodingRecall
from plait.tasks.exact import is_built_in, known_of
from plait.tasks.mqar import MQAR
from plait.tasks.multi_key_recall import MultiKeyRecall
from plait.tasks.needle import Needle
from plait.tasks.registry import TASKS, parse_task, task_from_json, task_name, task_to_json
from plait.tasks.selective_copying import SelectiveCopying

__all__ = [
    "MQAR",
    "SPECIALS",
    "TASKS",
    "AssociativeRecall",
    "BuiltInTask",
    "Composition",
    "DecodingRecall",
    "MultiKeyRecall",
    "Needle",
    "SelectiveCopying",
    "Targets",
    "Task",
    "is_built_in",
    "known_of",
    "parse_task",
    "sample_labelled",
    "task_from_json",
    "task_name",
    "task_to_json",
]
