"""Tables that are written and read back: the tasks that the field compares on.

    matrix lookup    a b ; c d | r1 c0                    every entry chosen freely, then a cell asked for
    copying          b a d c   | sep . . .                every word chosen freely, then said again

Source: docs/theory.md, Theorem 2.12.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from plait.tasks import (
    MQAR,
    AssociativeRecall,
    Dyck,
    FlipCounting,
    FuzzyRecall,
    MatrixLookup,
    ModularCounting,
    NoisyRecall,
    StringCopying,
    known_of,
)
from plait.theory.families.family import StateFamily, asked_family, table_family
from plait.theory.families.field_lookups import LOOKUPS
from plait.theory.families.followers import associative_families

MOST_FLIPS = 200
"""Counts beyond which no list of rows is written out."""


def field_families(task: object, seq_len: int) -> tuple[StateFamily, ...]:
    """What is known of the task's contents that fit into `seq_len` tokens; nothing for other tasks."""
    made = known_of(task, _FAMILIES)
    return () if made is None else tuple(family for family in made(task, seq_len) if family.size > 1)


def _copying(task: StringCopying, seq_len: int) -> Iterator[StateFamily]:
    length = seq_len // 2
    if length:
        yield table_family(
            f"a string of {length} words",
            base=[0] * length,
            slots=range(length),
            suffix=[task.n_words, *[0] * (length - 1)],
            reads=range(length),
            values=range(task.n_words),
        )


def _matrix(task: MatrixLookup, seq_len: int) -> Iterator[StateFamily]:
    """Whole rows as far as they fit, or else a part of one."""
    rows = min(task.rows, (seq_len - 1) // (task.columns + 1))
    columns = task.columns if rows else seq_len - 2
    rows = max(1, rows)
    if columns < 1:
        return
    first_row, first_column = task.n_words + 1, task.n_words + 1 + task.rows
    base = ([*[0] * columns, task.n_words] * rows)[:-1]
    yield asked_family(
        f"the entries of {rows} rows and {columns} columns",
        base=base,
        slots=[place for place in range(len(base)) if place % (columns + 1) < columns],
        suffixes=[
            [first_row + row, first_column + column] for row in range(rows) for column in range(columns)
        ],
        values=range(task.n_words),
    )


def _mqar(task: MQAR, seq_len: int) -> Iterator[StateFamily]:
    keys = min(task.n_keys, (seq_len - 1) // 2)  # each with its value, and one that is asked for
    if keys:
        yield asked_family(
            f"the values of {keys} keys",
            base=[token for key in range(keys) for token in (key, task.n_keys)],
            slots=range(1, 2 * keys, 2),
            suffixes=[[key] for key in range(keys)],
            values=range(task.n_keys, task.n_keys + task.n_values),
        )


def _fuzzy(task: FuzzyRecall, seq_len: int) -> Iterator[StateFamily]:
    """Keys of one letter first, two tokens to write and two to ask for; then keys of two, three and three."""
    n = task.n_letters
    singles = min(n, max(0, seq_len - 3) // 2)
    pairs = min(n * n, max(0, seq_len - 4 - 2 * singles) // 3)
    keys = [(letter,) for letter in range(singles)] + [divmod(number, n) for number in range(pairs)]
    base, slots = [n], list[int]()
    for key in keys:
        base += [*key, n]
        slots.append(len(base) - 1)
    if keys:
        yield asked_family(
            f"the values of {len(keys)} keys of one letter and two",
            base=base,
            slots=slots,
            suffixes=[[n, *key] for key in keys],
            values=range(n, 2 * n),
        )


def _dyck(task: Dyck, seq_len: int) -> Iterator[StateFamily]:
    """An opening and a closing bracket come back to the depth where the innermost open one is asked for."""
    depth = min(task.depth, (seq_len - 1) // 2)
    if depth:
        yield table_family(
            f"{depth} open brackets",
            base=[0] * depth,
            slots=range(depth - 1, -1, -1),
            suffix=[0, 1, *[1] * (depth - 1)],
            reads=range(1, depth + 1),
            values=range(0, 2 * task.n_kinds, 2),
            answers=range(1, 2 * task.n_kinds, 2),
        )


def _sum(task: ModularCounting, seq_len: int) -> Iterator[StateFamily]:
    if seq_len > 1:
        values = range(task.modulus)
        yield table_family("the sum so far", base=[0], slots=[0], suffix=[0], reads=[0], values=values)


def _flips(task: FlipCounting, seq_len: int) -> Iterator[StateFamily]:
    """The last bit and how many changes are still to come, or that none is; bits in turn ask for both. On short rows
    few changes are still to come."""
    least = task.least
    written = least + (seq_len > 2 * least)
    to_come = min(least, seq_len - written)
    if least > MOST_FLIPS or to_come < 1:
        return
    rows = [
        [(first + max(0, place - written + 1 + flips)) % 2 for place in range(written)]
        for flips in range(least - to_come, least)
        for first in (0, 1)
    ]
    if written > least:
        rows.append([place % 2 for place in range(written)])
    asked = [[(first + place) % 2 for place in range(to_come)] for first in (0, 1)]
    yield StateFamily(
        description=f"the last bit and {told_range(least - to_come, least - (written == least))} changes",
        size=len(rows),
        prefix_length=written,
        suffixes=asked,
        queries=[(suffix, position) for suffix in (0, 1) for position in range(to_come)],
        codec={"kind": "list", "prefixes": rows},
    )


def told_range(fewest: int, most: int) -> str:
    """`up to 3`, `2 to 3`, or `3`."""
    return f"up to {most}" if not fewest else f"{fewest} to {most}" if fewest < most else f"{most}"


def _noisy(task: NoisyRecall, seq_len: int) -> Iterator[StateFamily]:
    """Rows without noise are those of the associative recall, with its targets."""
    return associative_families(AssociativeRecall(n_words=task.n_words), seq_len)


_FAMILIES: Mapping[type, Callable[[Any, int], Iterator[StateFamily]]] = MappingProxyType(
    {
        MQAR: _mqar,
        FuzzyRecall: _fuzzy,
        NoisyRecall: _noisy,
        MatrixLookup: _matrix,
        StringCopying: _copying,
        Dyck: _dyck,
        FlipCounting: _flips,
        ModularCounting: _sum,
        **LOOKUPS,
    }
)
