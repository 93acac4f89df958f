"""Tables that are written and read back: the tasks that the field compares on.

    matrix lookup    a b ; c d | r0 c1 c2 r1 c1 c2        every entry chosen freely, then every cell asked for
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
from plait.theory.families.family import StateFamily
from plait.theory.families.field_lookups import LOOKUPS
from plait.theory.families.followers import associative_families
from plait.theory.families.slots import table_family

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
    rows = min(task.rows, (seq_len + 1) // (2 * task.columns + 2))
    columns = task.columns if rows else (seq_len - 1) // 2
    rows = max(1, rows)
    if columns < 1:
        return
    first_row, first_column = task.n_words + 1, task.n_words + 1 + task.rows
    base = ([*[0] * columns, task.n_words] * rows)[:-1]
    names = range(first_column, first_column + columns)
    yield table_family(
        f"the entries of {rows} rows and {columns} columns",
        base=base,
        slots=[place for place in range(len(base)) if place % (columns + 1) < columns],
        suffix=[token for row in range(rows) for token in (first_row + row, *names)],
        reads=[place for place in range(rows * (columns + 1)) if place % (columns + 1)],
        values=range(task.n_words),
    )


def _mqar(task: MQAR, seq_len: int) -> Iterator[StateFamily]:
    keys = min(task.n_keys, seq_len // 3)  # key and value, and the key again
    if keys:
        yield table_family(
            f"the values of {keys} keys",
            base=[token for key in range(keys) for token in (key, task.n_keys)],
            slots=range(1, 2 * keys, 2),
            suffix=range(keys),
            reads=range(keys),
            values=range(task.n_keys, task.n_keys + task.n_values),
        )


def _fuzzy(task: FuzzyRecall, seq_len: int) -> Iterator[StateFamily]:
    """Keys of one letter first, two tokens to write and two to ask for; then keys of two, three and three."""
    n = task.n_letters
    singles = min(n, max(0, seq_len - 1) // 4)
    pairs = min(n * n, max(0, seq_len - 1 - 4 * singles) // 6)
    keys = [(letter,) for letter in range(singles)] + [divmod(number, n) for number in range(pairs)]
    base, suffix, slots, reads = [n], list[int](), list[int](), list[int]()
    for key in keys:
        base += [*key, n]
        slots.append(len(base) - 1)
        suffix += [n, *key]
        reads.append(len(suffix) - 1)
    if keys:
        yield table_family(
            f"the values of {len(keys)} keys of one letter and two",
            base=base,
            slots=slots,
            suffix=suffix,
            reads=reads,
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
    """The last bit and how many changes are still to come, or that none is; bits in turn ask for both."""
    least = task.least
    if least > MOST_FLIPS or seq_len < 2 * least + 2:
        return
    begun = [[max(0, place - least + flips) % 2 for place in range(least + 1)] for flips in range(least + 1)]
    rows = [[(value + row[-1] + last) % 2 for value in row] for row in begun[:-1] for last in (0, 1)]
    asked = [[(first + place) % 2 for place in range(least + 1)] for first in (0, 1)]
    yield StateFamily(
        description=f"the last bit and up to {least} changes",
        size=len(rows) + 1,
        prefix_length=least + 1,
        suffixes=asked,
        queries=[(suffix, position) for suffix in (0, 1) for position in range(least + 1)],
        codec={"kind": "list", "prefixes": [*rows, begun[-1]]},
    )


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
