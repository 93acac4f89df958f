"""Which families a task has, by length."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from plait.tasks import AssociativeRecall, DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying, known_of
from plait.theory.families.decoding_recall import decoding_families
from plait.theory.families.family import Family
from plait.theory.families.followers import associative_families, multi_key_families
from plait.theory.families.needle import needle_families
from plait.theory.families.selective_copying import selective_copying_families

_FAMILIES: Mapping[type, Callable[[Any, int | None], Iterator[Family]]] = MappingProxyType(
    {
        SelectiveCopying: selective_copying_families,
        AssociativeRecall: associative_families,
        MultiKeyRecall: multi_key_families,
        DecodingRecall: decoding_families,
        Needle: needle_families,
    }
)


def has_family(task: object) -> bool:
    """Whether the task is one whose families are known."""
    return known_of(task, _FAMILIES) is not None


def families(task: object, seq_len: int | None = None) -> Iterator[Family]:
    """The families of a task that fit into `seq_len` tokens, prefix and suffix together (None: any length).

    Raises:
        ValueError: a task without a family.
    """
    found = known_of(task, _FAMILIES)
    if found is None:
        raise ValueError(
            f"{type(task).__name__} has no family of its own; find_state_bits searches for one, given its targets"
        )
    return found(task, seq_len)
