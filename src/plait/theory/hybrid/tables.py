"""Tables behind a filler that changes nothing of them: the tasks that the field compares on.

    k0 v3 k1 v1 | k0 k0 k0 | k0 k1        a key behind a key is given nothing, so the values are asked for as before

Source: docs/theory.md, Theorem 11.5.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from plait.tasks import (
    MQAR,
    Dyck,
    FlipCounting,
    FollowBack,
    FuzzyRecall,
    KHopInduction,
    MatrixLookup,
    ModularCounting,
    NGramRetrieval,
    NoisyRecall,
    PositionRetrieval,
    SegmentedRecall,
    StringCopying,
    known_of,
)
from plait.theory.families.family import MOST_LENGTH, StateFamily
from plait.theory.families.field import MOST_FLIPS, field_families, told_range
from plait.theory.families.field_lookups import back_families, hop_families, position_families
from plait.theory.families.n_grams import gram_families, gram_filler

_FILLERS: Mapping[type, Callable[[Any], tuple[int, ...]]] = MappingProxyType(
    {
        MQAR: lambda task: (0,),  # a key
        FuzzyRecall: lambda task: (task.n_letters,),  # a capital, which is no letter of a key
        NoisyRecall: lambda task: (task.n_words,),  # noise
        MatrixLookup: lambda task: (task.n_words + 1,),  # a row that is asked for
        StringCopying: lambda task: (0,),  # the rest of the string
        Dyck: lambda task: (0, 1),  # opened and closed
        ModularCounting: lambda task: (0,),
        FlipCounting: lambda task: (0,),
        FollowBack: lambda task: (0,),
        KHopInduction: lambda task: (0,),  # the root of the trees
        NGramRetrieval: lambda task: (gram_filler(task),),
        PositionRetrieval: lambda task: (0,),  # a word that was listed
        SegmentedRecall: lambda task: (0,),  # a word that was followed
    }
)


def filled_tables(task: object, seq_len: int, reach: int) -> tuple[StateFamily, ...]:
    """The task's contents behind `reach >= 1` tokens of filler, or one more, that fit into `seq_len` tokens."""
    of_task = known_of(task, _FILLERS)
    if of_task is None or not 1 <= reach <= MOST_LENGTH or seq_len > MOST_LENGTH:
        return ()
    pattern = of_task(task)
    filler = pattern * -(-reach // len(pattern))
    room = seq_len - len(filler)
    if isinstance(task, FlipCounting):
        made = _flips(task, room)
    elif isinstance(task, FollowBack):
        made = back_families(task, room, behind=len(filler))
    elif isinstance(task, KHopInduction):
        made = hop_families(task, room, behind=len(filler))
    elif isinstance(task, PositionRetrieval):
        made = position_families(task, room, behind=len(filler))
    elif isinstance(task, NGramRetrieval):
        made = gram_families(task, room, behind=len(filler))
    else:
        made = field_families(task, room)
    return tuple(replace(family, filler=filler) for family in made if family.size > 1)


def table_levels(task: object, seq_len: int, reaches: Iterable[int]) -> list[int]:
    """Those of the reaches up to which a level of the task's tables lasts."""
    most, levels = 1, list[int]()
    for reach in sorted(reaches, reverse=True):
        contents = max((family.contents for family in filled_tables(task, seq_len, reach)), default=1)
        if contents > most:
            most = contents
            levels.append(reach)
    return levels[::-1]


def _flips(task: FlipCounting, room: int) -> Iterator[StateFamily]:
    """Up to `least` changes, the last bit being that of the filler; bits in turn ask how many. On short rows few are
    still to come."""
    least = task.least
    to_come = min(least, room - least - 1)
    if least > MOST_FLIPS or to_come < 1:
        return
    yield StateFamily(
        description=f"{told_range(least - to_come, least)} changes",
        size=to_come + 1,
        prefix_length=least + 1,
        suffixes=[[place % 2 for place in range(to_come)]],
        queries=[(0, position) for position in range(to_come)],
        codec={
            "kind": "list",
            "prefixes": [
                [max(0, flips - place) % 2 for place in range(least + 1)]
                for flips in range(least - to_come, least + 1)
            ],
        },
    )
