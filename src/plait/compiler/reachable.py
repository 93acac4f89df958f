"""Statements over the values that are left within so many tokens: a sum goes no further than its amounts."""

import itertools
from dataclasses import replace

from plait.compiler.keyed import Keyed
from plait.compiler.lookups import Fetch
from plait.compiler.pointwise import Product, Table
from plait.compiler.recurrent import Count, Hold, Lag, Since
from plait.compiler.statement import Statement
from plait.compiler.values import Value, amounts_of, domain_of


def reachable(statement: Statement, inputs: tuple[Statement, ...], seq_len: int | None) -> Statement:
    """The statement of these inputs, which stand for its own and may take fewer values.

    Args:
        seq_len: tokens of a sequence at most; None for no bound.
    """
    if isinstance(statement, Count | Since):
        domain = statement.domain if seq_len is None else _summed(statement, inputs[0], seq_len)
        return replace(statement, inputs=inputs, domain=domain)
    if all(one.domain == other.domain for one, other in zip(inputs, statement.inputs, strict=True)):
        return replace(statement, inputs=inputs)
    if isinstance(statement, Table):
        return _narrowed(statement, inputs)
    if isinstance(statement, Product):
        first, second = (amounts_of(one.domain, statement.kind) for one in inputs)
        return replace(
            statement, inputs=inputs, domain=domain_of(one * other for one in first for other in second)
        )
    if isinstance(statement, Lag | Hold | Fetch | Keyed):
        return replace(statement, inputs=inputs, domain=inputs[0].domain)
    return replace(statement, inputs=inputs)


def _summed(statement: Count | Since, amounts: Statement, seq_len: int) -> tuple[Value, ...]:
    """The sums from the least to the most that so many amounts may come to; two of them at least."""
    each = amounts_of(amounts.domain, statement.kind) if isinstance(statement, Count) else (1,)
    low, high = seq_len * min((0, *each)), seq_len * max((0, *each))
    found = tuple(value for value in statement.domain if low <= int(value) <= high)  # type: ignore[arg-type]
    return found if len(found) > 1 else statement.domain


def _narrowed(table: Table, inputs: tuple[Statement, ...]) -> Table:
    """The entries for the values that are left."""
    before = [table.seen(signal) for signal in table.inputs]
    entry_of = dict(zip(itertools.product(*before), table.entries, strict=True))
    left = [(*one.domain, None) if table.sees_nothing else one.domain for one in inputs]
    entries = tuple(entry_of[row] for row in itertools.product(*left))
    kept = set(entries)
    # One that is nothing within so many tokens keeps a value all the same.
    domain = tuple(value for value in table.domain if value in kept) or table.domain[:1]
    return replace(table, inputs=inputs, domain=domain, entries=entries)
