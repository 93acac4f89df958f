"""The statements of the language, each checked where it is made: before anything is built."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from plait.compiler.lookups import AtDistance, Earliest, Latest, Match, Mean, Previous, mean_ends
from plait.compiler.pointwise import Product, Table, Token
from plait.compiler.recurrent import Count, Hold, Lag, Register, Since
from plait.compiler.signals import Signals, listed, refusal
from plait.compiler.statement import Statement
from plait.compiler.values import MOST_VALUES, Value, amounts_of, check_value, domain_of

MOST_BITS = 16
MOST_DISTANCE = 2**20

Function = Mapping[Any, Value | None] | Callable[..., Value | None]


class Missing:
    """Stands for an argument that was not given."""


MISSING = Missing()


class Language(Signals):
    """The statements. Signals are over positions; `None` or *nothing* is what a signal is where it has no value."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(names)
        self._token = Token(inputs=(), domain=names)
        self.token = self._made(self._token)

    def embed(self, table: Function, *, missing: Value | Missing | None = MISSING) -> Statement:
        """A function of the token's name, None being nothing; `missing` is for tokens that a mapping lacks."""
        return self.table(table, self._token, missing=missing)

    def table(
        self,
        table: Function,
        *signals: Statement,
        missing: Value | Missing | None = MISSING,
        nothing: Value | None = None,
    ) -> Statement:
        """A function of the signals' present values: a function, or a mapping whose keys are tuples for several.

        Args:
            missing: for values that a mapping lacks.
            nothing: where one of the signals is nothing.
        """
        self._is_signal("table", *signals)
        if not signals:
            raise refusal("table", "a signal is needed to look up")
        if nothing is not None:
            self._is_known("table", "a signal whose nothing has an entry", *signals)
        entries = _entries(table, signals, missing)
        if nothing is not None:
            check_value(nothing, "nothing=")
        domain = domain_of((*entries, nothing), self._names)
        return self._made(Table(inputs=signals, domain=domain, entries=entries, otherwise=nothing))

    def lag(self, signal: Statement, distance: int = 1) -> Statement:
        """What the signal was `distance` positions ago, by the convolution of an SSM layer."""
        self._is_signal("lag", signal)
        _positive("lag", "the distance", distance)
        return self._made(Lag(inputs=(signal,), domain=signal.domain, distance=distance))

    def hold(self, signal: Statement, when: Statement | None = None) -> Statement:
        """The signal as it was when the gate was last true, or where the signal last held something."""
        self._is_signal("hold", signal)
        if when is not None:
            self._is_condition("hold", "the gate", when)
        else:
            self._is_known("hold", "a signal held without a gate", signal)
        return self._made(Hold(inputs=_given(signal, when), domain=signal.domain))

    def count(
        self,
        amounts: Statement,
        *,
        most: int,
        least: int = 0,
        since: Statement | None = None,
        stay: bool = False,
    ) -> Statement:
        """The sum of integers, or how often a condition held, so far or behind the latest reset.

        Args:
            most: the largest sum that is told apart; larger ones are nothing, or count as this one with `stay`.
            least: likewise the smallest.
        """
        self._amounts("count", amounts)
        if since is not None:
            self._is_condition("count", "the reset", since)
        domain = _range("count", least, most)
        return self._made(Count(inputs=_given(amounts, since), domain=domain, stay=stay))

    def since(self, reset: Statement, *, most: int, stay: bool = False) -> Statement:
        """Tokens since the latest reset, which itself has 0; those so far before the first."""
        self._is_condition("since", "the reset", reset)
        return self._made(Since(inputs=(reset,), domain=_range("since", 0, most), stay=stay))

    def register(self, bit: Statement, n_bits: int) -> Statement:
        """The last bits as a number whose lowest bit is the latest; positions without a bit bring none."""
        self._amounts("register", bit)
        if not set(bit.domain) <= {0, 1}:
            raise refusal("register", f"bits are needed, got the values {listed(bit.domain)}")
        _positive("register", "the number of bits", n_bits, most=MOST_BITS)
        return self._made(Register(inputs=(bit,), domain=tuple(range(2**n_bits)), n_bits=n_bits))

    def at_distance(self, signal: Statement, distance: Statement) -> Statement:
        """What the signal was as many positions ago as `distance` says."""
        self._is_signal("at_distance", signal, distance)
        numbers = _integers("at_distance", distance)
        if min(numbers) < 0:
            raise refusal("at_distance", f"distances of at least 0 are needed, got {min(numbers)}")
        return self._made(AtDistance(inputs=(signal, distance), domain=signal.domain))

    def previous(self, signal: Statement, distance: int = 1) -> Statement:
        """What the signal was `distance` positions ago, by an attention layer."""
        self._is_signal("previous", signal)
        _positive("previous", "the distance", distance)
        return self._made(Previous(inputs=(signal,), domain=signal.domain, distance=distance))

    def latest(
        self,
        signal: Statement,
        *,
        key: Statement | tuple[Statement, ...],
        query: Statement | tuple[Statement, ...],
        where: Statement | None = None,
        last: int | None = None,
    ) -> Statement:
        """What the signal was at the latest position, this one included, whose key is this position's query.

        Args:
            key: one signal, or several that must all agree.
            query: as many.
            where: positions without it are passed over.
            last: positions looked at, this one included.
        """
        return self._match(Latest, signal, key, query, where=where, last=last)

    def earliest(
        self,
        signal: Statement,
        *,
        key: Statement | tuple[Statement, ...],
        query: Statement | tuple[Statement, ...],
        where: Statement | None = None,
        last: int | None = None,
    ) -> Statement:
        """As `latest`, at the earliest such position."""
        return self._match(Earliest, signal, key, query, where=where, last=last)

    def mean(self, amounts: Statement, last: int) -> Statement:
        """The mean of integers, or the share of positions with a condition, over the last positions that there are."""
        self._amounts("mean", amounts)
        _positive("mean", "the number of positions", last)
        low, high = mean_ends(amounts)
        if last * last * (high - low + 1) > 16 * MOST_VALUES:
            raise refusal("mean", f"over {last} positions it takes more values than {MOST_VALUES:,}")
        sums = (Fraction(total, n) for n in range(1, last + 1) for total in range(n * low, n * high + 1))
        return self._made(Mean(inputs=(amounts,), domain=domain_of(sums), last=last))

    def product(self, one: Statement, other: Statement) -> Statement:
        """One integer times another."""
        self._is_signal("product", one, other)
        numbers = _integers("product", one), _integers("product", other)
        domain = domain_of(first * second for first in numbers[0] for second in numbers[1])
        return self._made(Product(inputs=(one, other), domain=domain))

    def _amounts(self, kind: str, signal: Statement) -> None:
        self._is_signal(kind, signal)
        _integers(kind, signal)
        self._is_known(kind, "what it takes up", signal)

    def _match(
        self,
        match: type[Match],
        signal: Statement,
        key: Statement | tuple[Statement, ...],
        query: Statement | tuple[Statement, ...],
        *,
        where: Statement | None,
        last: int | None,
    ) -> Statement:
        keys = key if isinstance(key, tuple) else (key,)
        queries = query if isinstance(query, tuple) else (query,)
        self._is_signal(match.kind, signal, *keys, *queries)
        if len(keys) != len(queries):
            raise refusal(
                match.kind, f"as many queries as keys are needed, got {len(queries)} and {len(keys)}"
            )
        self._is_known(match.kind, "a key", *keys)
        for one, other in zip(keys, queries, strict=True):
            if not set(one.domain) & set(other.domain):
                values = f"{listed(one.domain)} is never one of {listed(other.domain)}"
                raise refusal(match.kind, f"the key {self._called(one)} cannot meet its query: {values}")
        if where is not None:
            self._is_condition(match.kind, "where", where)
        if last is not None:
            _positive(match.kind, "last", last)
        inputs = (signal, *keys, *queries, *_given(where))
        return self._made(match(inputs=inputs, domain=signal.domain, n_keys=len(keys), last=last))


def _entries(
    table: Function, signals: Sequence[Statement], missing: Value | Missing | None
) -> tuple[Value | None, ...]:
    """The table's value for every combination of the signals' values."""
    n_entries = 1
    for signal in signals:
        n_entries *= len(signal.domain)
    if n_entries > MOST_VALUES:
        raise refusal(
            "table", f"it has at most {MOST_VALUES:,} entries, and these signals need {n_entries:,}"
        )
    found: list[Value | None] = []
    combinations = list(itertools.product(*(signal.domain for signal in signals)))
    if isinstance(table, Mapping):
        keys: list[Any] = [row[0] for row in combinations] if len(signals) == 1 else list(combinations)
        lacking = [key for key in keys if key not in table]
        if lacking and isinstance(missing, Missing):
            raise refusal(
                "table", f"there is no entry for {listed(lacking)} (missing=.. is one for all such)"
            )
        strange = [key for key in table if key not in set(keys)]
        if strange:
            raise refusal("table", f"entries for {listed(strange)}, which never occur")
        found = [table.get(key, None if isinstance(missing, Missing) else missing) for key in keys]
    elif callable(table):
        for row in combinations:
            try:
                found.append(table(*row))
            except Exception as error:  # a user's function may fail in any way
                what = f"{type(error).__name__}: {' '.join(str(error).split())}"
                raise refusal("table", f"its function fails at {listed(row)}: {what}") from error
    else:
        raise refusal("table", f"a mapping or a function is needed, got {type(table).__name__}")
    for entry in found:
        if entry is not None:
            try:
                check_value(entry, "it")
            except ValueError as error:
                raise refusal("table", str(error)) from error
    return tuple(found)


def _given(*signals: Statement | None) -> tuple[Statement, ...]:
    return tuple(signal for signal in signals if signal is not None)


def _positive(kind: str, what: str, value: object, *, most: int = MOST_DISTANCE) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise refusal(kind, f"{what} must be an integer from 1 to {most:,}, got {value!r}")


def _range(kind: str, least: object, most: object) -> tuple[int, ...]:
    for value in (least, most):
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > MOST_VALUES:
            raise refusal(kind, f"its ends must be integers of at most {MOST_VALUES:,}, got {value!r}")
    assert isinstance(least, int)
    assert isinstance(most, int)
    if not least <= 0 <= most or least == most:
        raise refusal(kind, f"it begins at 0, which must lie between its ends, got {least} and {most}")
    return tuple(range(least, most + 1))


def _integers(kind: str, signal: Statement) -> tuple[int, ...]:
    try:
        return amounts_of(signal.domain, "it")
    except ValueError as error:
        raise refusal(kind, str(error)) from error
