"""Which families a task has, by length."""

from collections.abc import Iterator
from functools import singledispatch

from plait.tasks import AssociativeRecall, DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying
from plait.theory.families.decoding_recall import decoding_families
from plait.theory.families.family import Family
from plait.theory.families.followers import associative_families, multi_key_families
from plait.theory.families.needle import needle_families
from plait.theory.families.selective_copying import selective_copying_families


@singledispatch
def families(task: object, seq_len: int | None = None) -> Iterator[Family]:
    """The families of a task that fit into `seq_len` tokens, prefix and suffix together (None: any length).

    Raises:
        ValueError: a task without a family.
    """
    raise ValueError(
        f"{type(task).__name__} has no family of its own; find_state_bits searches for one, given its targets"
    )


families.register(SelectiveCopying, selective_copying_families)
families.register(AssociativeRecall, associative_families)
families.register(MultiKeyRecall, multi_key_families)
families.register(DecodingRecall, decoding_families)
families.register(Needle, needle_families)


def has_family(task: object) -> bool:
    """Whether the task is one whose families are known."""
    return families.dispatch(type(task)) is not families.dispatch(object)
