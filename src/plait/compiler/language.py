"""The statements of the language, each checked where it is made: before anything is built."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from plait.compiler.automata import Maker, automaton, turning
from plait.compiler.lookups import AtDistance, Earliest, Latest, Match, Mean, Previous, mean_ends
from plait.compiler.pointwise import Product, Token, ValueTable
from plait.compiler.recurrent import BitRegister, Count, Hold, Lag, Since
from plait.compiler.signals import (
    MISSING,
    Function,
    Missing,
    Signals,
    entries_of,
    listed,
    refusal,
    with_nothing,
)
from plait.compiler.statement import Statement
from plait.compiler.values import MOST_VALUES, Value, amounts_of, check_value, domain_of

MOST_BITS = 16
MOST_DISTANCE = 2**20
MOST_AMOUNT = 2**31
"""What is added up is no larger, so that sums over a million tokens are integers of 64 bits."""
MOST_ADDED = 1024
"""By a count with a reset: it takes a channel for each unit."""


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
        partial: bool = False,
    ) -> Statement:
        """A function of the signals' present values: a function, or a mapping whose keys are tuples for several.

        Args:
            missing: for values that a mapping lacks.
            nothing: where one of the signals is nothing.
            partial: the function is asked there too, with None for each signal that is nothing.
        """
        self._is_signal("table", *signals)
        if not signals:
            raise refusal("table", "a signal is needed to look up")
        if nothing is not None and partial:
            raise refusal("table", "nothing= and partial= both say what nothing gives: one of them is enough")
        sees = partial or nothing is not None
        if sees:
            self._is_known("table", "a signal whose nothing has an entry", *signals)
        seen = [(*signal.domain, None) if sees else signal.domain for signal in signals]
        given = table if nothing is None else with_nothing(table, missing, nothing, len(signals))
        entries = entries_of(given, seen, missing)
        domain = domain_of(entries, self._names)
        # Of values that are equal, 1 and true, the domain's own.
        own = {value: value for value in domain}
        entries = tuple(None if entry is None else own[entry] for entry in entries)
        return self._made(ValueTable(inputs=signals, domain=domain, entries=entries, sees_nothing=sees))

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
            most_added = max(abs(int(value)) for value in amounts.domain)  # type: ignore[arg-type]
            if most_added > MOST_ADDED:
                raise refusal("count", f"with since= amounts of at most {MOST_ADDED:,}, got {most_added:,}")
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
        return self._made(BitRegister(inputs=(bit,), domain=tuple(range(2**n_bits)), n_bits=n_bits))

    def automaton(
        self,
        table: Mapping[Any, Value] | Callable[[Any, Any], Value],
        on: Statement,
        *,
        start: Value,
        length: int | None = None,
    ) -> Statement:
        """The state of an automaton that has read `on`, the present value included; nothing leaves the state.

        Args:
            table: the next state, for (state, value): a function of the two or a mapping.
            start: the state before the first value.
            length: values read, at most, of an automaton in which some word permutes states; beyond, nothing.
        """
        self._is_signal("automaton", on)
        self._is_known("automaton", "what it reads", on)
        try:
            found = automaton(table, check_value(start, "start="), on.domain)
            circle = found.permuting()
        except ValueError as error:
            raise refusal("automaton", str(error)) from error
        maker = Maker(
            table=lambda function, *signals: self.table(function, *signals, partial=True),
            hold=self.hold,
            lag=self.lag,
            count=lambda amounts, most, since: self.count(amounts, most=max(most, 1), since=since),
        )
        if circle is None:
            return maker.flip_flops(found, on)
        says = found.circle(circle)
        if length is None:
            reason = "no state of a Mamba-1 layer, which shrinks and never turns, goes round at every length"
            raise refusal("automaton", f"{says}: {reason}; length=.. builds it for a stated one")
        _positive("automaton", "length", length)
        turns = turning(found)
        if turns is None:
            reason = "its letters are not all powers of one permutation, or settings of one state"
            raise refusal("automaton", f"{says}, and no count tells its states, since {reason}")
        return maker.counted(found, turns, on, length)

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
        # Sums over 1 .. last positions, before equal shares are told apart: listed up to sixteen times what may stay.
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
        most = max(abs(amount) for amount in _integers(kind, signal))
        if most > MOST_AMOUNT:
            raise refusal(kind, f"it needs integers within {MOST_AMOUNT:,}, got {most:,}")
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
