"""Automata as statements: flip-flops where no word permutes states, a count to a stated length where one does."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plait.compiler.cascade import Cascade, Coordinates, Maps, Permuting, cascade, permuting_word
from plait.compiler.statement import Statement
from plait.compiler.values import Value, check_value

_MOST_STATES = 64
"""Of an automaton given by a function; beyond them no cascade is looked for."""


@dataclass(frozen=True, kw_only=True)
class Automaton:
    """States by number, 0 being the start.

    Args:
        states: their values.
        letters: the values that are read.
        maps: for each letter, the state after it for each state.
    """

    states: tuple[Value, ...]
    letters: tuple[Value, ...]
    maps: Maps

    def permuting(self) -> Permuting | None:
        """A word that moves states in a circle.

        Raises:
            ValueError: more effects of words than are looked at.
        """
        return permuting_word(self.maps)

    def circle(self, found: Permuting) -> str:
        """The word and what it does, for messages."""
        word = " ".join(str(self.letters[letter]) for letter in found.word)
        states = " to ".join(repr(self.states[state]) for state in (*found.circle, found.circle[0]))
        return f"{word!r} takes {states}"


def automaton(
    table: Mapping[Any, Value] | Callable[[Any, Any], Value], start: Value, letters: Sequence[Value]
) -> Automaton:
    """The automaton of the states that are reached.

    Raises:
        ValueError: a missing entry, too many states, or what the function raises.
    """
    ask = table.__getitem__ if isinstance(table, Mapping) else None
    states: dict[Value, int] = {start: 0}
    after: list[list[int]] = []
    while len(after) < len(states):
        state = list(states)[len(after)]
        row: list[int] = []
        for letter in letters:
            try:
                found = ask((state, letter)) if ask is not None else table(state, letter)  # type: ignore[operator]
            except KeyError as error:
                raise ValueError(f"there is no entry for state {state!r} and {letter!r}") from error
            except Exception as error:  # a user's function may fail in any way
                raise ValueError(
                    f"its function fails at state {state!r} and {letter!r}: {error!r}"
                ) from error
            row.append(states.setdefault(check_value(found, "it"), len(states)))
        after.append(row)
        if len(states) > _MOST_STATES:
            raise ValueError(f"it has more than {_MOST_STATES} states")
    maps = tuple(tuple(row[letter] for row in after) for letter in range(len(letters)))
    return Automaton(states=tuple(states), letters=tuple(letters), maps=maps)


@dataclass(frozen=True, kw_only=True)
class Turning:
    """An automaton whose letters turn all states by powers of one permutation, or set one state.

    Args:
        order: of the permutation.
        turns: for each letter, the power; None where it sets a state.
        sets: for each letter, the state that it sets; None where it turns.
        after: for each state and power, the state then.
    """

    order: int
    turns: tuple[int | None, ...]
    sets: tuple[int | None, ...]
    after: tuple[tuple[int, ...], ...]


def turning(found: Automaton) -> Turning | None:
    """The automaton as turns and settings; None where it is none."""
    n_states = len(found.states)
    start = tuple(range(n_states))
    whole = [moved for moved in found.maps if len(set(moved)) == n_states and moved != start]
    for turn in whole:
        powers = [start]
        while (further := tuple(turn[state] for state in powers[-1])) != start:
            powers.append(further)
        turns = tuple(powers.index(moved) if moved in powers else None for moved in found.maps)
        sets = tuple(moved[0] if len(set(moved)) == 1 and n_states > 1 else None for moved in found.maps)
        if all(one is not None or other is not None for one, other in zip(turns, sets, strict=True)):
            after = tuple(tuple(power[state] for power in powers) for state in range(n_states))
            return Turning(order=len(powers), turns=turns, sets=sets, after=after)
    return None


class Maker:
    """What automata are made of: the statements of a program.

    Args:
        table: of functions that are asked also where signals are nothing.
        count: of amounts behind a reset, up to a most.
    """

    def __init__(
        self,
        *,
        table: Callable[..., Statement],
        hold: Callable[[Statement, Statement], Statement],
        lag: Callable[[Statement], Statement],
        count: Callable[[Statement, int, Statement | None], Statement],
    ) -> None:
        self.table, self.hold, self.lag, self.count = table, hold, lag, count

    def flip_flops(self, found: Automaton, on: Statement) -> Statement:
        """The state, by a hold a level; each level's gate reads the levels above as they were a token ago."""
        made = cascade(found.maps, 0)
        letter = {value: place for place, value in enumerate(found.letters)}
        levels: list[Statement] = []
        for number, level in enumerate(made.levels):
            before = [self.lag(one) for one in levels]

            def act(*row: Value | None, number: int = number, acts: Any = level.acts) -> int | None:
                if row[-1] is None:
                    return None
                return acts.get((_coordinates(made, row[:number]), letter[row[-1]]))

            gate = self.table(lambda *row, act=act: act(*row) is not None, *before, on)
            levels.append(self.hold(self.table(act, *before, on), gate))

        if not levels:
            return self.table(lambda value: found.states[0], on)

        def state(*row: Value | None) -> Value | None:
            place = made.state.get(_coordinates(made, row))
            return None if place is None else found.states[place]

        return self.table(state, *levels)

    def counted(self, found: Automaton, turns: Turning, on: Statement, length: int) -> Statement:
        """The state by the sum of turns behind the latest setting, which is held."""
        letter = {value: place for place, value in enumerate(found.letters)}
        amount = self.table(lambda value: None if value is None else turns.turns[letter[value]] or 0, on)
        most = length * max(turn or 0 for turn in turns.turns)
        is_set = [turn is None for turn in turns.turns]
        if not any(is_set):
            total = self.count(amount, most, None)
            return self.table(
                lambda n: None if n is None else found.states[turns.after[0][n % turns.order]], total
            )
        sets = self.table(lambda value: value is not None and is_set[letter[value]], on)
        where = self.table(lambda value: None if value is None else turns.sets[letter[value]], on)
        held, total = self.hold(where, sets), self.count(amount, most, sets)

        def state(base: int | None, n: int | None) -> Value | None:
            return None if n is None else found.states[turns.after[base or 0][n % turns.order]]

        return self.table(state, held, total)


def _coordinates(made: Cascade, row: Sequence[Value | None]) -> Coordinates:
    """The levels' values, those that were never set being as at the start."""
    return tuple(
        made.start[place] if value is None else int(value)  # type: ignore[arg-type]
        for place, value in enumerate(row)
    )
