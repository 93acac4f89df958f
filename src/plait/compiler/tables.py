"""A table's entries from a function or a mapping, refused with the reason where one is missing or of no kind."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from plait.compiler.signals import listed, refusal
from plait.compiler.values import MOST_VALUES, Value, check_value

Function = Mapping[Any, Value | None] | Callable[..., Value | None]


class Missing:
    """Stands for an argument that was not given."""


MISSING = Missing()


def with_nothing(
    table: Function, missing: Value | Missing | None, nothing: Value, n_signals: int
) -> Callable[..., Value | None]:
    """The table, with one value wherever a signal is nothing."""

    def asked(*row: Any) -> Value | None:
        if None in row:
            return nothing
        if not isinstance(table, Mapping):
            return table(*row)
        key = row[0] if n_signals == 1 else row
        return table[key] if key in table or isinstance(missing, Missing) else table.get(key, missing)

    return asked


def entries_of(
    table: Function, seen: Sequence[tuple[Value | None, ...]], missing: Value | Missing | None
) -> tuple[Value | None, ...]:
    """The table's value for every combination of the values seen."""
    n_entries = math.prod(len(values) for values in seen)
    if n_entries > MOST_VALUES:
        raise refusal(
            "table", f"it has at most {MOST_VALUES:,} entries, and these signals need {n_entries:,}"
        )
    combinations = list(itertools.product(*seen))
    if isinstance(table, Mapping):
        found = _mapped(table, combinations, missing)
    elif callable(table):
        found = _asked(table, combinations)
    else:
        raise refusal("table", f"a mapping or a function is needed, got {type(table).__name__}")
    for entry in found:
        if entry is not None:
            try:
                check_value(entry, "it")
            except ValueError as error:
                raise refusal("table", str(error)) from error
    return tuple(found)


def _mapped(
    table: Mapping[Any, Value | None],
    combinations: Sequence[tuple[Value | None, ...]],
    missing: Value | Missing | None,
) -> list[Value | None]:
    keys: list[Any] = [row[0] if len(row) == 1 else row for row in combinations]
    lacking = [key for key in keys if key not in table]
    if lacking and isinstance(missing, Missing):
        raise refusal("table", f"there is no entry for {listed(lacking)} (missing=.. is one for all such)")
    strange = [key for key in table if key not in set(keys)]
    if strange:
        raise refusal("table", f"entries for {listed(strange)}, which never occur")
    return [table.get(key, None if isinstance(missing, Missing) else missing) for key in keys]


def _asked(
    table: Callable[..., Value | None], combinations: Sequence[tuple[Value | None, ...]]
) -> list[Value | None]:
    found: list[Value | None] = []
    for row in combinations:
        try:
            found.append(table(*row))
        except Exception as error:  # a user's function may fail in any way
            what = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise refusal("table", f"its function fails at {listed(row)}: {what}") from error
    return found
