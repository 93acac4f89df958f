"""The tasks: samplers and exact targets, those of arXiv 2603.08859 first."""

from plait.tasks.associative_recall import AssociativeRecall
from plait.tasks.base import SPECIALS, BuiltInTask, Composition, Targets, Task, sample_labelled
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
from plait.tasks.registry import (
    TASKS,
    is_built_in,
    known_of,
    parse_task,
    task_from_json,
    task_name,
    task_to_json,
)
from plait.tasks.segmented_recall import SegmentedRecall
from plait.tasks.selective_copying import SelectiveCopying
from plait.tasks.string_copying import StringCopying

__all__ = [
    "MQAR",
    "SPECIALS",
    "TASKS",
    "AssociativeRecall",
    "BuiltInTask",
    "Composition",
    "DecodingRecall",
    "Dyck",
    "FlipCounting",
    "FollowBack",
    "FuzzyRecall",
    "KHopInduction",
    "MatrixLookup",
    "ModularCounting",
    "MultiKeyRecall",
    "NGramRetrieval",
    "Needle",
    "NoisyRecall",
    "PositionRetrieval",
    "SegmentedRecall",
    "SelectiveCopying",
    "StringCopying",
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
