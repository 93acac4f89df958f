"""Finite-state machines that read tokens one at a time: stacks of them, and the least one that is right.

    token --> [layer 1: s1] --symbol--> [layer 2: s2] --symbol--> answer        state of the stack: (s1, s2)

By Lemma 3.5 a stack is one machine. The least automaton that is right wherever an answer is defined (undefined answers
are don't-cares) is hard to find in general. It is easy where some prefixes, here called complete, make every later
answer defined, and one of them may be put before any input without changing a defined answer: then the classes of
complete states, by Moore's partition refinement, are both enough and necessary. `minimise` checks each of these
conditions on the machine itself. Source: arXiv 2603.08859, Lemma 3.5; docs/theory.md, Lemma 2.1 and Theorem 5.1.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

MachineState = Hashable
Symbol = Hashable
Step = Callable[[MachineState, Symbol], tuple[MachineState, Symbol] | None]


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A recurrent layer with finitely many states.

    Args:
        start: the state before the first token.
        step: `(state, symbol) -> (next state, output)`; the output None is an undefined answer, and None instead of
            the pair says that the symbol cannot come in that state.
        symbols: the input symbols.
    """

    start: MachineState
    step: Step
    symbols: tuple[Symbol, ...]

    def run(self, word: Iterable[Symbol]) -> list[Symbol]:
        """The output at each position.

        Raises:
            ValueError: a symbol that cannot come where it stands.
        """
        state, outputs = self.start, []
        for symbol in word:
            move = self.step(state, symbol)
            if move is None:
                raise ValueError(f"symbol {symbol!r} cannot come in state {state!r}")
            state, output = move
            outputs.append(output)
        return outputs


def compose(layers: Sequence[Machine]) -> Machine:
    """The stack as one machine; its states are tuples, one entry a layer, so there are at most the product.

    Raises:
        ValueError: no layer.
    """
    if not layers:
        raise ValueError("a stack needs at least one layer, got none")

    def step(state: MachineState, symbol: Symbol) -> tuple[MachineState, Symbol] | None:
        assert isinstance(state, tuple)
        states = []
        for layer, own in zip(layers, state, strict=True):
            move = layer.step(own, symbol)
            if move is None:
                return None
            states.append(move[0])
            symbol = move[1]
        return tuple(states), symbol

    return Machine(start=tuple(layer.start for layer in layers), step=step, symbols=layers[0].symbols)


def reachable(machine: Machine, *, start: MachineState = None, limit: int = 1_000_000) -> list[MachineState]:
    """Every state that some input leads to from `start` (default: the machine's own), in breadth-first order.

    Raises:
        ValueError: more than `limit` of them, which are held in memory.
    """
    first = machine.start if start is None else start
    seen, order = {first}, [first]
    for state in order:
        for symbol in machine.symbols:
            move = machine.step(state, symbol)
            if move is not None and move[0] not in seen:
                if len(order) >= limit:
                    raise ValueError(f"more than {limit} states can be reached; take a smaller machine")
                seen.add(move[0])
                order.append(move[0])
    return order


_MOST_PAIRS = 2_000_000
"""Pairs of states that are compared at a time, for memory."""

Moves = dict[MachineState, list[Any]]
"""Of every state, (next state, answer) on each symbol; None where it cannot come."""


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
    states = reachable(machine, limit=limit)
    moves = {state: [machine.step(state, symbol) for symbol in machine.symbols] for state in states}
    complete = _complete(states, moves)
    if not complete:
        raise ValueError("no input makes all later answers defined; the least automaton is not known")
    classes = _refined(complete, moves)
    n_classes = max(classes.values()) + 1
    table: list[tuple[tuple[int, object] | None, ...]] = [()] * n_classes
    for state, own in classes.items():
        if not table[own]:
            table[own] = tuple(None if move is None else (classes[move[0]], move[1]) for move in moves[state])
    if not _all_distinguishable(table):
        raise ValueError("two classes differ only in what can come; the least automaton is not known")
    for start in range(n_classes):
        filled = _stood_in(start, table, machine.start, classes, moves)
        if filled is not None:
            return Minimal(n_states=n_classes, start=start, table=tuple(map(tuple, filled)))
    raise ValueError("no complete state stands in for the start; the least automaton is not known")


def _complete(states: list[MachineState], moves: Moves) -> list[MachineState]:
    """The states from which every answer, now and later, is defined: remove the others until none is left."""
    before: dict[MachineState, list[MachineState]] = {state: [] for state in states}
    for state in states:
        for move in moves[state]:
            if move is not None:
                before[move[0]].append(state)
    removed = {s for s in states if any(move is not None and move[1] is None for move in moves[s])}
    queue = list(removed)
    for state in queue:
        for earlier in before[state]:
            if earlier not in removed:
                removed.add(earlier)
                queue.append(earlier)
    return [state for state in states if state not in removed]


def _refined(states: list[MachineState], moves: Moves) -> dict[MachineState, int]:
    """Moore's refinement: the class of each state under equality of all later answers."""
    classes: dict[MachineState, int] = dict.fromkeys(states, 0)
    n_classes = 0
    while True:
        numbers: dict[tuple[Any, ...], int] = {}
        refined = {}
        for state in states:
            row = (None if move is None else (classes[move[0]], move[1]) for move in moves[state])
            refined[state] = numbers.setdefault((classes[state], *row), len(numbers))
        if len(numbers) == n_classes:
            return refined
        classes, n_classes = refined, len(numbers)


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


def _stood_in(
    start: int, table: list[Any], first: MachineState, classes: dict[MachineState, int], moves: Moves
) -> list[Any] | None:
    """The table, completed where a symbol could not come, if the automaton begun at class `start` is right at every
    defined answer of every input; else None."""
    filled = [list(row) for row in table]
    seen, queue = {(start, first)}, [(start, first)]
    for own, state in queue:
        for i, move in enumerate(moves[state]):
            if move is None:
                continue
            if filled[own][i] is None:
                filled[own][i] = (classes.get(move[0], own), move[1])
            target, answer = filled[own][i]
            if move[1] is not None and answer != move[1]:
                return None
            pair = (target, move[0])
            if pair not in seen:
                seen.add(pair)
                queue.append(pair)
    return filled
