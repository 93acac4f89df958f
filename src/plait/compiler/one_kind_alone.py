"""Programs for one kind of layer alone.

For attention alone, what SSM layers would hold is looked up again, as far back as it may be. For SSM layers alone, a
lookup among finitely many keys is one held value for each of them.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from plait.compiler.lookups import Latest, Match, Previous
from plait.compiler.pointwise import Token, ValueTable
from plait.compiler.recurrent import Count, Hold, Lag, latest_place, truth
from plait.compiler.signals import Label
from plait.compiler.statement import NOTHING, Searching, SignalValues, Statement, ancestors, looked_up
from plait.compiler.values import Value


def without_states(statement: Statement, label: Label) -> Statement:
    """A lag as attention a fixed distance back, a hold as the latest position whose gate was open.

    Attention gives a mixture where it finds nothing, so that these may hold anything where they are nothing.

    Raises:
        ValueError: a hold without a gate of what is no function of the token.
    """
    if isinstance(statement, Lag) and statement.distance:
        return Previous(inputs=statement.inputs, domain=statement.domain, distance=statement.distance)
    if not isinstance(statement, Hold):
        return statement
    signal, *gates = statement.inputs
    token = next(one for one in ancestors(statement) if isinstance(one, Token))
    if not gates:
        if not (isinstance(signal, ValueTable) and signal.inputs == (token,)):
            raise ValueError(f"{_called(statement, label)}: without SSM layers a hold needs a gate")
        known = tuple(value is not None for value in signal.entries)
        gates = [ValueTable(inputs=(token,), domain=(True, False), entries=known)]
    always = ValueTable(inputs=(token,), domain=(True,), entries=(True,) * len(token.domain))
    return Latest(inputs=(signal, gates[0], always), domain=statement.domain, n_keys=1)


def is_mixed_at_the_start(statement: Statement) -> bool:
    """Whether it is nothing at the first positions alone, and attention holds a mixture of its values there.

    So it is with what stood a fixed distance ago, and with the latest value since a gate was open first.
    """
    if isinstance(statement, Latest):
        always = all(len(one.domain) == 1 and not one.maybe for one in statement.queries)
        sure = not any(one.loose for one in statement.keys)
        if not always or not sure or statement.last is not None or statement.condition is not None:
            return False
    elif not isinstance(statement, Previous):
        return False
    return not statement.inputs[0].maybe and not statement.inputs[0].loose


def _called(statement: Statement, label: Label) -> str:
    return f"{label.name or statement.kind} ({label.where})"


_FLAG = (False, True)

_MOST_KEYS = 1024
"""Values for each of which a layer holds something."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Keyed(Searching):
    """The first input as it was at the latest position whose gate is the query's; nothing before that.

    Inputs: what is held, the query, and a condition for each of `keys`, of which one at most holds at a position.

    Args:
        keys: the values of the query, one a condition.
    """

    kind: ClassVar[str] = "latest"

    keys: tuple[Value, ...]

    @property
    def query(self) -> Statement:
        return self.inputs[1]

    @property
    def gates(self) -> tuple[Statement, ...]:
        return self.inputs[2:]

    def meaning(self, *columns: SignalValues) -> SignalValues:
        value, query, *gates = columns
        held: dict[Value, Value | None] = {}
        found: SignalValues = []
        for here, asked in enumerate(query):
            for key, gate in zip(self.keys, gates, strict=True):
                if gate[here] is True:
                    held[key] = value[here]
            found.append(None if asked is None else held.get(asked))
        return found

    def evaluate(self, *columns: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch time"]:
        value, query, *gates = columns
        place = torch.full_like(value, NOTHING)
        asked = looked_up(
            [self.keys.index(v) if v in self.keys else NOTHING for v in self.query.domain], query
        )
        for number, (signal, gate) in enumerate(zip(self.gates, gates, strict=True)):
            place = torch.where(asked == number, latest_place(truth(signal, gate)), place)
        return value.gather(-1, place.clamp(min=0)).masked_fill(place < 0, NOTHING)

    def parameters(self) -> dict[str, object]:
        return {"keys": list(self.keys)}


Rewritten = Callable[[Statement, Label], Statement]
"""Gives a statement as it is compiled, one of several equal ones."""


def without_attention(statement: Statement, label: Label, rewritten: Rewritten) -> Statement:
    """A lookup by keys as a value held for each of them; any other statement as it is.

    Raises:
        ValueError: more keys than a layer holds, or a lookup that passes over positions by their age.
    """
    if not isinstance(statement, Match):
        return statement
    called = f"{label.name or statement.kind} ({label.where})"
    if statement.last is not None:
        raise ValueError(f"{called}: states do not forget a match by its age (last=)")
    asked = set(itertools.product(*(query.domain for query in statement.queries)))
    n_keys = math.prod(len(key.domain) for key in statement.keys)
    if n_keys > _MOST_KEYS:
        raise ValueError(
            f"{called}: without attention a state is held for each of {n_keys:,} keys, at most {_MOST_KEYS:,} are"
        )
    keys = [key for key in itertools.product(*(key.domain for key in statement.keys)) if key in asked]
    gates: list[Statement] = []
    for key in keys:
        own = Label(f"{label.name or statement.kind} at {' '.join(map(str, key))}", label.where)
        here = _here(statement, key, own, rewritten)
        gates.append(_first(here, own, rewritten) if statement.earliest else here)
    query, values = _query(statement, keys, label, rewritten)
    return Keyed(inputs=(statement.inputs[0], query, *gates), domain=statement.domain, keys=values)


def _here(statement: Match, key: tuple[Value, ...], label: Label, rewritten: Rewritten) -> Statement:
    """Whether the key stands here, and the condition holds."""
    signals, wanted = statement.keys, key
    if statement.condition is not None:
        signals, wanted = (*signals, statement.condition), (*key, True)
    if len(signals) == 1 and isinstance(signals[0], Lag):
        (inner,) = signals[0].inputs
        return rewritten(
            replace(signals[0], inputs=(rewritten(_is((inner,), wanted), label),), domain=_FLAG), label
        )
    return rewritten(_is(signals, wanted), label)


def _first(here: Statement, label: Label, rewritten: Rewritten) -> Statement:
    """Whether it does so for the first time: a count of two is out of range, and so nothing."""
    times = rewritten(Count(inputs=(here,), domain=(0, 1)), Label(f"{label.name}, times", label.where))
    return rewritten(_is((here, times), (True, 1)), Label(f"{label.name}, first", label.where))


def _query(
    statement: Match, keys: Sequence[tuple[Value, ...]], label: Label, rewritten: Rewritten
) -> tuple[Statement, tuple[Value, ...]]:
    """One signal for all queries, and its value for every key."""
    if statement.n_keys == 1:
        return statement.queries[0], tuple(key for (key,) in keys)
    place = {key: number for number, key in enumerate(keys)}
    entries = tuple(place.get(key) for key in itertools.product(*(one.domain for one in statement.queries)))
    numbers = tuple(range(len(keys)))
    table = ValueTable(inputs=statement.queries, domain=numbers, entries=entries)
    return rewritten(table, Label(f"{label.name or statement.kind}'s query", label.where)), numbers


def _is(signals: tuple[Statement, ...], wanted: tuple[Value, ...]) -> ValueTable:
    entries = tuple(one == wanted for one in itertools.product(*(signal.domain for signal in signals)))
    return ValueTable(inputs=signals, domain=_FLAG, entries=entries)
