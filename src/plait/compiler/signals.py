"""The names of a program's signals, the lines that made them, and the refusal of what cannot be one.

A table's entries come from a function or a mapping, refused with the reason where one is missing or of no kind.
"""

import itertools
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from plait.checks import in_line, shortened, unknown
from plait.compiler.statement import Statement
from plait.compiler.values import MOST_LETTERS, MOST_NUMBER, MOST_VALUES, Value, check_value

MOST_STATEMENTS = 256
"""Of a program that a file may hold."""
ANSWER = "answer"


class Label(NamedTuple):
    """What a statement is called, if anything, and the file and line that made it."""

    name: str | None
    where: str


class UnknownSignalError(AttributeError, ValueError):
    """A signal that was not made, or not yet."""


class Signals:
    """Signals by name: `p.name = statement` names one, `p.name` reads it."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._labels: dict[Statement, Label] = {}
        self._signals: dict[str, Statement] = {}

    def statement(self, name: str) -> Statement:
        """The signal of that name.

        Raises:
            ValueError: there is none.
        """
        if name in self._signals:
            return self._signals[name]
        if name == ANSWER:
            raise UnknownSignalError("the program has no answer: p.answer = .. says which signal it is")
        raise UnknownSignalError(f"{line_of_caller()}: {unknown('signal', name, self._signals)}")

    def label(self, statement: Statement) -> Label:
        """The name and line of a statement."""
        return self._labels[statement]

    def placed(self, statement: Statement, where: str) -> None:
        """Remember another line for a statement: of a program that was read from a file."""
        self._labels[statement] = Label(self._labels[statement].name, in_line(where, most=MOST_LETTERS))

    @property
    def signals(self) -> Mapping[str, Statement]:
        """All signals that have names."""
        return dict(self._signals)

    def __getattr__(self, name: str) -> Statement:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.statement(name)

    def __setattr__(self, name: str, value: object) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
            return
        where = line_of_caller()
        if not name.isidentifier() or len(name) > MOST_LETTERS:
            raise ValueError(
                f"{where}: a signal's name must be an identifier of at most {MOST_LETTERS} characters, "
                f"got {shortened(name)}"
            )
        if not isinstance(value, Statement) or value not in self._labels:
            got = "a signal of another program" if isinstance(value, Statement) else type(value).__name__
            raise ValueError(f"{where}: p.{name} must be a signal of this program, got {got}")
        if hasattr(type(self), name):
            raise ValueError(f"{where}: p.{name} is a member of every program; choose another name")
        if name in self._signals:
            first = self._labels[self._signals[name]].where
            raise ValueError(f"{where}: p.{name} is taken by the signal of {first}; choose another name")
        if name == ANSWER and (strange := [one for one in value.domain if one not in self._names]):
            raise ValueError(f"{where}: the answer must be a token, got the values {listed(strange)}")
        self._signals[name] = value
        if self._labels[value].name is None:
            self._labels[value] = Label(name, self._labels[value].where)

    def _made(self, statement: Statement) -> Statement:
        """The statement, known from now on.

        Raises:
            ValueError: too many statements or values, or none.
        """
        if len(self._labels) >= MOST_STATEMENTS:
            raise refusal(statement.kind, f"a program has at most {MOST_STATEMENTS} statements")
        if not statement.domain:
            raise refusal(statement.kind, "it could never hold a value")
        if len(statement.domain) > MOST_VALUES:
            n_values = len(statement.domain)
            raise refusal(statement.kind, f"a signal takes at most {MOST_VALUES:,} values, got {n_values:,}")
        large = [
            one for one in statement.domain if isinstance(one, int | Fraction) and abs(one) > MOST_NUMBER
        ]
        if large:
            raise refusal(statement.kind, f"numbers of at most 2^53 are needed, got one of {_size(large[0])}")
        self._labels[statement] = Label(None, line_of_caller())
        return statement

    def _is_signal(self, kind: str, *signals: object) -> None:
        for signal in signals:
            if not isinstance(signal, Statement) or signal not in self._labels:
                got = "one of another program" if isinstance(signal, Statement) else repr(signal)
                raise refusal(kind, f"signals of this program are needed, got {got}")

    def _is_condition(self, kind: str, what: str, signal: Statement) -> None:
        self._is_signal(kind, signal)
        if not set(signal.domain) <= {True, False} or not all(isinstance(one, bool) for one in signal.domain):
            raise refusal(kind, f"{what} must be true or false, got the values {listed(signal.domain)}")
        self._is_known(kind, what, signal)

    def _is_known(self, kind: str, what: str, *signals: Statement) -> None:
        """Refuses signals that may hold anything where they should hold nothing, and that no table can tell."""
        for signal in signals:
            if signal.loose and not signal.edged:
                raise refusal(
                    kind, f"{what} must be known at every position, and {self._called(signal)} may hold anything "
                    "where it is nothing"
                )  # fmt: skip

    def _called(self, signal: Statement) -> str:
        name, where = self._labels[signal]
        return f"{name or signal.kind} ({where})"


def _size(number: int | Fraction) -> str:
    return f"about 2^{int(abs(number)).bit_length()}"


def refusal(kind: str, reason: str) -> ValueError:
    """The error of a statement that cannot be, with the line that asked for it."""
    return ValueError(f"{line_of_caller()}: {kind}: {reason}")


def line_of_caller() -> str:
    """File and line of the nearest code outside of this package."""
    own = str(Path(__file__).parent)
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame.f_back is not None and frame.f_code.co_filename.startswith(own):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}, line {frame.f_lineno}"


def module_of_caller() -> str:
    """The module of the nearest code outside of this package."""
    own = str(Path(__file__).parent)
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame.f_back is not None and frame.f_code.co_filename.startswith(own):
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", "__main__"))


def listed(values: object) -> str:
    """The first few of some values, for messages."""
    shown = list(values) if isinstance(values, tuple | list) else [values]
    return ", ".join(map(repr, shown[:6])) + (", .." if len(shown) > 6 else "")


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
