"""The least machine that is right wherever an answer is defined; undefined answers are don't-cares.

It is hard to find in general. It is easy where some prefixes, here called complete, make every later answer defined,
and one of them may be put before any input without changing a defined answer: then the classes of complete states, by
Moore's partition refinement, are both enough and necessary. `minimise` checks each of these conditions on the machine
itself. Source: docs/theory.md, Theorem 5.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plait.deferred import deferred
from plait.theory.automata.machine import Machine, MachineState, Symbol, too_many_states

if TYPE_CHECKING:
    import numpy as np
else:
    np = deferred("numpy")

_MOST_PAIRS = 2_000_000
"""Pairs of states that are compared at a time, for memory."""

_CANNOT_COME, _UNDEFINED = -1, 0


@dataclass(frozen=True, eq=False)
class _Moves:
    """A machine whose states are numbers, the start 0.

    Args:
        after: `(states, symbols)`, the next state; `_CANNOT_COME` where the symbol cannot.
        answers: its number there, `_UNDEFINED` where it is undefined, `_CANNOT_COME` where the symbol cannot come.
        named: the answers by their numbers.
    """

    after: np.ndarray
    answers: np.ndarray
    named: list[Symbol]

    @property
    def cannot(self) -> np.ndarray:
        return self.after == _CANNOT_COME


@dataclass(frozen=True, kw_only=True)
class Minimal:
    """A least automaton: `table[state][i]` is (next state, answer) on symbol i, None where it cannot come."""

    n_states: int
    start: int
    table: tuple[tuple[tuple[int, object] | None, ...], ...]


def minimise(machine: Machine, *, limit: int = 1_000_000) -> Minimal:
    """A least automaton that agrees with every defined answer of `machine`, proved least on the way.

    Raises:
        ValueError: more than `limit` states, no complete state, or none that can stand in for the start (then
            the least automaton needs a method that this is not).
    """
    moves = _explored(machine, limit)
    complete = _complete(moves)
    if not complete.any():
        raise ValueError("no input makes all later answers defined; the least automaton is not known")
    classes = _refined(np.flatnonzero(complete), moves)
    n_classes = int(classes.max()) + 1
    table = _table(classes, moves)
    if not _all_distinguishable(table):
        raise ValueError("two classes differ only in what can come; the least automaton is not known")
    stands_in = _Filler(table, classes, moves) if any(None in row for row in table) else _Whole(table, moves)
    for start in range(n_classes):
        filled = stands_in.begun_at(start)
        if filled is not None:
            return Minimal(n_states=n_classes, start=start, table=tuple(map(tuple, filled)))
    raise ValueError("no complete state stands in for the start; the least automaton is not known")


def _explored(machine: Machine, limit: int) -> _Moves:
    """Every state that can be reached, in breadth-first order, each step taken once."""
    numbers: dict[MachineState, int] = {machine.start: 0}
    order = [machine.start]
    answers: dict[Symbol, int] = {None: _UNDEFINED}
    steps: list[int] = []
    given: list[int] = []
    for state in order:
        for symbol in machine.symbols:
            move = machine.step(state, symbol)
            if move is None:
                steps.append(_CANNOT_COME)
                given.append(_CANNOT_COME)
                continue
            after = numbers.setdefault(move[0], len(order))
            if after == len(order):
                if after >= limit:
                    raise ValueError(too_many_states(limit))
                order.append(move[0])
            steps.append(after)
            given.append(answers.setdefault(move[1], len(answers)))
    shape = len(order), len(machine.symbols)
    return _Moves(np.array(steps).reshape(shape), np.array(given).reshape(shape), list(answers))


def _complete(moves: _Moves) -> np.ndarray:
    """Of which states every answer, now and later, is defined: remove the others until none is left."""
    removed = (moves.answers == _UNDEFINED).any(axis=1)
    while True:
        more = removed | (removed[moves.after] & ~moves.cannot).any(axis=1)
        if (more == removed).all():
            return ~removed
        removed = more


def _refined(states: np.ndarray, moves: _Moves) -> np.ndarray:
    """Moore's refinement: the class of each state under equality of all later answers; `_CANNOT_COME` of the others."""
    classes = np.full(len(moves.after), _CANNOT_COME)
    classes[states] = 0
    after, cannot = moves.after[states], moves.cannot[states]
    n_classes, own = 0, np.zeros(len(states), dtype=np.int64)
    for column in moves.answers[states].T:
        own = _paired(own, column)
    while True:
        n_new = int(own.max()) + 1
        classes[states] = own
        if n_new == n_classes:
            return classes
        n_classes = n_new
        for symbol in range(after.shape[1]):
            own = _paired(own, np.where(cannot[:, symbol], _CANNOT_COME, classes[after[:, symbol]]))


def _paired(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """A number of each pair, in the order in which they first come."""
    _, places, inverse = np.unique(
        first * (int(second.max()) + 2) + second + 1, return_index=True, return_inverse=True
    )
    rank = np.empty(len(places), dtype=np.int64)
    rank[np.argsort(places)] = np.arange(len(places))
    return rank[inverse]


def _table(classes: np.ndarray, moves: _Moves) -> list[list[tuple[int, Any] | None]]:
    """Of each class, what the first of its states does."""
    own, firsts = np.unique(classes, return_index=True)
    firsts = firsts[own != _CANNOT_COME]
    return [
        [
            None if state == _CANNOT_COME else (int(classes[state]), moves.named[answer])
            for state, answer in zip(moves.after[first].tolist(), moves.answers[first].tolist(), strict=True)
        ]
        for first in firsts.tolist()
    ]


def _all_distinguishable(table: list[Any]) -> bool:
    """Whether every two classes give two defined and different answers to some common continuation."""
    if len({tuple(entry is None for entry in row) for row in table}) == 1:
        return True  # the same symbols can come everywhere, so Moore's classes are distinguishable
    n = len(table)
    if n * n > _MOST_PAIRS:
        return False
    apart = {
        (a, b)
        for a in range(n)
        for b in range(n)
        if any(x and y and x[1] != y[1] for x, y in zip(table[a], table[b], strict=True))
    }
    grown = True
    while grown:
        new = {
            (a, b)
            for a in range(n)
            for b in range(n)
            if (a, b) not in apart
            and any(x and y and (x[0], y[0]) in apart for x, y in zip(table[a], table[b], strict=True))
        }
        apart |= new
        grown = bool(new)
    return all((a, b) in apart for a in range(n) for b in range(n) if a != b)


class _Whole:
    """A table in which every symbol can come everywhere."""

    def __init__(self, table: list[Any], moves: _Moves) -> None:
        numbers = {answer: number for number, answer in enumerate(moves.named)}
        self._table, self._moves = table, moves
        self._after = np.array([[target for target, _ in row] for row in table])
        self._answers = np.array([[numbers[answer] for _, answer in row] for row in table])

    def begun_at(self, start: int) -> list[Any] | None:
        """The table, if the automaton begun at class `start` is right at every defined answer of every input."""
        n_states = len(self._moves.after)
        seen = frontier = np.array([start * n_states])  # pairs of a class and a state
        while len(frontier):
            own, state = np.divmod(frontier, n_states)
            wanted, can = self._moves.answers[state], ~self._moves.cannot[state]
            if ((wanted != self._answers[own]) & (wanted > _UNDEFINED)).any():
                return None
            reached = np.unique((self._after[own] * n_states + self._moves.after[state])[can])
            frontier = reached[~np.isin(reached, seen, assume_unique=True)]
            seen = np.concatenate((seen, frontier))
        return self._table


class _Filler:
    """A table with places where a symbol could not come, which are filled by what the machine does there."""

    def __init__(self, table: list[Any], classes: np.ndarray, moves: _Moves) -> None:
        self._table, self._classes, self._named = table, classes.tolist(), moves.named
        self._rows = list(zip(moves.after.tolist(), moves.answers.tolist(), strict=True))

    def begun_at(self, start: int) -> list[Any] | None:
        """As `_Whole.begun_at`."""
        filled = [list(row) for row in self._table]
        seen, queue = {(start, 0)}, [(start, 0)]
        for own, state in queue:
            for i, (after, number) in enumerate(zip(*self._rows[state], strict=True)):
                if after == _CANNOT_COME:
                    continue
                if filled[own][i] is None:
                    target = self._classes[after] if self._classes[after] != _CANNOT_COME else own
                    filled[own][i] = (target, self._named[number])
                target, answer = filled[own][i]
                if number != _UNDEFINED and answer != self._named[number]:
                    return None
                pair = (target, after)
                if pair not in seen:
                    seen.add(pair)
                    queue.append(pair)
        return filled
