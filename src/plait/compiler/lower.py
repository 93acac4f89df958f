"""From a program to the statements that are compiled: equal ones made one, tables of tables of the token made one
table, lags moved to where a convolution can take them, and numbers recoded where a code is needed.

Within so many tokens fewer values are left: a sum goes no further than its amounts.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from plait.compiler.demands import check_met, demands, needs_code
from plait.compiler.lookups import Fetch
from plait.compiler.one_kind_alone import Keyed, without_attention, without_states
from plait.compiler.pointwise import Product, Token, ValueTable
from plait.compiler.program import Program, columns
from plait.compiler.recurrent import Count, Hold, Lag, Since
from plait.compiler.signals import ANSWER, Label
from plait.compiler.statement import Statement, ancestors
from plait.compiler.values import Value, amounts_of, domain_of, index_in


def _reachable(statement: Statement, inputs: tuple[Statement, ...], seq_len: int | None) -> Statement:
    """The statement of these inputs, which stand for its own and may take fewer values.

    Args:
        seq_len: tokens of a sequence at most; None for no bound.
    """
    if isinstance(statement, Count | Since):
        domain = statement.domain if seq_len is None else _summed(statement, inputs[0], seq_len)
        return replace(statement, inputs=inputs, domain=domain)
    if all(one.domain == other.domain for one, other in zip(inputs, statement.inputs, strict=True)):
        return replace(statement, inputs=inputs)
    if isinstance(statement, ValueTable):
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


def _narrowed(table: ValueTable, inputs: tuple[Statement, ...]) -> ValueTable:
    """The entries for the values that are left."""
    before = [table.seen(signal) for signal in table.inputs]
    entry_of = dict(zip(itertools.product(*before), table.entries, strict=True))
    left = [(*one.domain, None) if table.sees_nothing else one.domain for one in inputs]
    entries = tuple(entry_of[row] for row in itertools.product(*left))
    kept = set(entries)
    # One that is nothing within so many tokens keeps a value all the same.
    domain = tuple(value for value in table.domain if value in kept) or table.domain[:1]
    return replace(table, inputs=inputs, domain=domain, entries=entries)


MOST_FLAT = 4096
"""Entries of a table that is made of tables."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lowered:
    """Statements in an order in which each stands behind its inputs.

    Args:
        token: the token itself.
        answer: the statement whose value is the answer.
        labels: the name and line of the statement of the program that each one comes from.
    """

    token: Token
    answer: Statement
    labels: dict[Statement, Label]

    def called(self, statement: Statement) -> str:
        """What the statement is called in messages."""
        name, where = self.labels[statement]
        return f"{name or statement.kind} ({where})"


def lower(
    program: Program,
    *,
    flat: bool = False,
    states: bool = True,
    attention: bool = True,
    seq_len: int | None = None,
) -> Lowered:
    """The statements that the answer needs.

    Args:
        seq_len: tokens of a sequence at most; numbers that no sum reaches within them are left out of all tables.
        flat: tables of tables become one table, where that is not too large: fewer layers, more steps.
        states: whether anything may be held in SSM layers; else attention looks it up again.
        attention: whether anything may be looked up; else SSM layers hold a value for each key.

    Raises:
        ValueError: a program without an answer, or one that needs states.
    """
    return _Lowering(program, flat=flat, states=states, attention=attention, seq_len=seq_len).lowered()


class _Lowering:
    def __init__(
        self, program: Program, *, flat: bool, states: bool, attention: bool, seq_len: int | None
    ) -> None:
        self.program, self.flat, self.seq_len = program, flat, seq_len
        self.states, self.attention = states, attention
        self.known: dict[object, Statement] = {}
        self.labels: dict[Statement, Label] = {}

    def lowered(self) -> Lowered:
        answer = self.program.statement(ANSWER)
        now: dict[Statement, Statement] = {}
        for statement in ancestors(answer):
            label = self.program.label(statement)
            inputs = tuple(now[signal] for signal in statement.inputs)
            now[statement] = self.rewritten(_reachable(statement, inputs, self.seq_len), label)
        last = now[answer]
        if isinstance(last, Token) or (isinstance(last, ValueTable) and last.of_token):
            # No layer makes it: a convolution's present tap carries it to the answer.
            last = self.kept(Lag(inputs=(last,), domain=last.domain, distance=0), self.program.label(answer))
        token = next(one for one in ancestors(last) if isinstance(one, Token))
        return Lowered(token=token, answer=last, labels=self.labels)

    def kept(self, statement: Statement, label: Label) -> Statement:
        """The statement, or the equal one that is there already."""
        key = (type(statement), statement.inputs, statement.domain, repr(statement.parameters()))
        found = self.known.setdefault(key, statement)
        if found not in self.labels or self.labels[found].name is None:
            self.labels[found] = label
        return found

    def rewritten(self, statement: Statement, label: Label) -> Statement:
        for rule in _RULES:
            statement = rule(self, statement, label)
        check_met(statement, label, states=self.states)
        return self.kept(statement, label)

    def recoded(self, signal: Statement) -> Statement:
        """A table that says a number's value as a code."""
        if not signal.numeric:
            return signal
        label = self.labels[signal]
        name = f"{label.name or signal.kind}'s code"
        table = ValueTable(inputs=(signal,), domain=signal.domain, entries=signal.domain)
        return self.kept(table, Label(name, label.where))


_Rule = Callable[[_Lowering, Statement, Label], Statement]


def _one_table(lowering: _Lowering, statement: Statement, label: Label) -> Statement:
    """Tables of tables of the token are one table of the token."""
    if not isinstance(statement, ValueTable) or not statement.of_token:
        return statement
    token = next(one for one in ancestors(statement) if isinstance(one, Token))
    if statement.inputs == (token,):
        return statement
    entries = columns(token.domain, statement)[statement]
    if not any(entry is not None for entry in entries):
        raise ValueError(f"{label.name or statement.kind} ({label.where}): it could never hold a value")
    return ValueTable(inputs=(token,), domain=statement.domain, entries=tuple(entries))


def _flattened(lowering: _Lowering, statement: Statement, label: Label) -> Statement:
    """A table of tables as one table of what those read."""
    if not lowering.flat or not isinstance(statement, ValueTable) or statement.of_token:
        return statement
    inner = {one for one in statement.inputs if isinstance(one, ValueTable) and not one.of_token}
    if not inner:
        return statement
    leaves = tuple(
        dict.fromkeys(leaf for one in statement.inputs for leaf in (one.inputs if one in inner else (one,)))
    )
    sees = statement.sees_nothing or any(isinstance(one, ValueTable) and one.sees_nothing for one in inner)
    seen = [(*leaf.domain, None) if sees else leaf.domain for leaf in leaves]
    if math.prod(map(len, seen)) > MOST_FLAT or (
        sees and any(leaf.loose and not leaf.edged for leaf in leaves)
    ):
        return statement
    columns_of = {
        leaf: list(column)
        for leaf, column in zip(leaves, zip(*itertools.product(*seen), strict=True), strict=True)
    }
    for one in inner:
        columns_of[one] = one.meaning(*(columns_of[leaf] for leaf in one.inputs))
    entries = statement.meaning(*(columns_of[one] for one in statement.inputs))
    return ValueTable(inputs=leaves, domain=statement.domain, entries=tuple(entries), sees_nothing=sees)


def _lag_inwards(lowering: _Lowering, statement: Statement, label: Label) -> Statement:
    """lag(lag(x)) is one lag; lag(hold(x, when)) is hold(lag(x), lag(when))."""
    if not isinstance(statement, Lag):
        return statement
    (signal,) = statement.inputs
    if isinstance(signal, Lag):
        return replace(statement, inputs=signal.inputs, distance=statement.distance + signal.distance)
    if isinstance(signal, Hold):
        inner = lowering.labels[signal]
        inputs = tuple(
            lowering.rewritten(Lag(inputs=(one,), domain=one.domain, distance=statement.distance), inner)
            for one in signal.inputs
        )
        return replace(signal, inputs=inputs)
    return statement


def _codes_where_needed(lowering: _Lowering, statement: Statement, label: Label) -> Statement:
    """Keys, queries, distances and bits are codes, and so is what is added or multiplied and not its value."""
    inputs = tuple(
        lowering.recoded(one) if needs_code(one, demand) else one
        for one, demand in zip(statement.inputs, demands(statement), strict=True)
    )
    return statement if inputs == statement.inputs else replace(statement, inputs=inputs)


def _looked_up_again(lowering: _Lowering, statement: Statement, label: Label) -> Statement:
    """Without SSM layers, lags and holds are lookups."""
    if lowering.states:
        return statement
    found = without_states(statement, label)
    if found is statement:
        return found
    gate = Label(f"{label.name or statement.kind}'s gate", label.where)
    return replace(found, inputs=tuple(lowering.kept(one, gate) for one in found.inputs))


def _held_by_key(lowering: _Lowering, statement: Statement, label: Label) -> Statement:
    """Without attention, a lookup is a value held for each key."""
    return statement if lowering.attention else without_attention(statement, label, lowering.rewritten)


def _held_always(lowering: _Lowering, statement: Statement, label: Label) -> Statement:
    """What is known everywhere and held wherever it is known is itself."""
    if isinstance(statement, Hold) and len(statement.inputs) == 1 and not statement.inputs[0].maybe:
        return statement.inputs[0]
    return statement


_RULES: tuple[_Rule, ...] = (
    _one_table, _flattened, _lag_inwards, _held_always, _looked_up_again, _held_by_key, _codes_where_needed,
)  # fmt: skip


def token_places(statement: Statement) -> list[int]:
    """For each token, the place of the value that a function of the token has; -1 for nothing.

    Raises:
        ValueError: it is no such function.
    """
    if isinstance(statement, Token):
        return list(range(len(statement.domain)))
    if not isinstance(statement, ValueTable) or not statement.of_token:
        raise ValueError(f"{statement.kind} is no function of the token")
    token = next(one for one in ancestors(statement) if isinstance(one, Token))
    index = index_in(statement.domain)
    return [-1 if value is None else index[value] for value in columns(token.domain, statement)[statement]]
