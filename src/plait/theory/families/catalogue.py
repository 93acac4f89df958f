"""Which families a task has, by length.

Needle: the word after marker A, or marker A just read (docs/theory.md, Theorem 2.9).

    contents   A w   (w any word)      or   a A           reading   a, and b
    answers    w w                          a b
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from plait.tasks import AssociativeRecall, DecodingRecall, MultiKeyRecall, Needle, SelectiveCopying, known_of
from plait.theory.families.decoding_recall import decoding_families
from plait.theory.families.family import StateFamily, Suffixes
from plait.theory.families.followers import associative_families
from plait.theory.families.multi_key_recall import multi_key_families
from plait.theory.families.selective_copying import selective_copying_families


def needle_families(task: Needle, seq_len: int | None) -> Iterator[StateFamily]:
    """The families that fit into `seq_len` tokens (None: any length)."""
    if seq_len is not None and seq_len < 4:
        return
    words, marker = task.n_words, task.n_words
    asked = Suffixes()
    first = asked.ask([0])
    word = {"at": [1], "values": 0, "reads": [first]}
    yield StateFamily(
        description="the word after marker A",
        size=words,
        prefix_length=2,
        suffixes=asked.suffixes[:],
        queries=asked.queries[:],
        codec={"kind": "slots", "base": [marker, 0], "slots": [word]},
        tables=[range(words)],
        answers=range(words),
    )
    if words == 1:
        return
    second = asked.ask([1])
    pending = {"at": [0, 1], "values": [[0, marker]], "reads": [first, second], "answers": [[0, 1]]}
    yield StateFamily(
        description="the word after marker A, or marker A just read",
        size=words + 1,
        prefix_length=2,
        suffixes=asked.suffixes,
        queries=asked.queries,
        codec={
            "kind": "union",
            "parts": [{"base": [0, marker], "slots": [pending]}, {"base": [marker, 0], "slots": [word]}],
        },
        tables=[range(words)],
        answers=range(words),
    )


_FAMILIES: Mapping[type, Callable[[Any, int | None], Iterator[StateFamily]]] = MappingProxyType(
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


def families(task: object, seq_len: int | None = None) -> Iterator[StateFamily]:
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
