"""Which layers can be the automaton of a task: what its words count, and what that asks of a recurrence.

    counts nothing             non-negative factors (Mamba) are enough, in enough layers
    counts in powers of two    negative factors, a layer for each doubling at least
    counts anything else       complex factors, or products of reflections (delta rule)

Source: docs/theory.md, section 14.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plait.checks import counted
from plait.deferred import deferred
from plait.tasks import (
    MQAR,
    AssociativeRecall,
    DecodingRecall,
    FlipCounting,
    FollowBack,
    FuzzyRecall,
    KHopInduction,
    MatrixLookup,
    MultiKeyRecall,
    Needle,
    NGramRetrieval,
    NoisyRecall,
    PositionRetrieval,
    SegmentedRecall,
    SelectiveCopying,
    known_of,
)
from plait.theory.automata.least import minimise
from plait.theory.automata.machine import Machine
from plait.theory.automata.monoid import GroupFacts, cycles, groups, transition_monoid

if TYPE_CHECKING:
    import numpy as np
else:
    np = deferred("numpy")

NON_NEGATIVE = "arXiv 2405.17394"
COMPLEX = "arXiv 2603.01959"
REFLECTIONS = "arXiv 2411.12537"

_MOST_TOLD_APART = 1_500
"""States that are told apart in a table of pairs, by itself once more for every letter."""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A word that permutes states, so that the answers tell how often it was read modulo `length`.

    Args:
        behind: tokens that lead to the first state of the cycle.
        word: tokens that go round it.
        real_layers: recurrent layers with real factors below which no stack can follow; None: no number is enough.
    """

    behind: tuple[int, ...]
    word: tuple[int, ...]
    length: int
    real_layers: int | None


@dataclass(frozen=True, kw_only=True)
class Counting:
    """What a task's automaton counts.

    Args:
        aperiodic: whether no word permutes states.
        states: of the automaton; None, as the next two, where its definition was enough.
        elements: of its transition monoid.
        tried: of a found automaton, the rows that agree with it.
        counted: what the answers tell, shortest words first.
        groups: that the monoid holds, largest first.
    """

    aperiodic: bool
    states: int | None = None
    elements: int | None = None
    tried: str | None = None
    counted: tuple[Counted, ...] = ()
    groups: tuple[GroupFacts, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Said:
    """A statement about a kind of layer, and where it is proved."""

    text: str
    source: str


_Steps = Sequence[Sequence[tuple[int, int | None]]]
"""`[state][letter]`: the next state, and the answer, None where none is due."""


_APERIODIC = (
    SelectiveCopying,
    AssociativeRecall,
    MultiKeyRecall,
    DecodingRecall,
    Needle,
    MQAR,
    FuzzyRecall,
    NoisyRecall,
    SegmentedRecall,
    MatrixLookup,
    KHopInduction,
    FollowBack,
    NGramRetrieval,
    PositionRetrieval,
    FlipCounting,
)


def known_counting(task: object) -> Counting | None:
    """Of a task of plait whose automaton counts nothing (Theorem 14.3); None for other tasks."""
    if known_of(task, dict.fromkeys(_APERIODIC, True)) is None:
        return None
    return Counting(aperiodic=True)


def counting_of_steps(steps: _Steps, tokens: Sequence[int], *, tried: str | None = None) -> Counting:
    """Of an automaton that begins in state 0.

    Raises:
        ValueError: a transition monoid that is too large to write out.
    """
    least = _least(steps)
    monoid = transition_monoid(least.table)
    counted, found = [], cycles(monoid)
    for length, cycle in found.items():
        silent = [_silent(least.apart, cycle.states, shift) for shift in range(length)]
        if not silent[1]:
            counted.append(
                Counted(
                    behind=tuple(tokens[a] for a in _way(least.table, least.start, cycle.states[0])),
                    word=tuple(tokens[a] for a in cycle.word),
                    length=length,
                    real_layers=next((n for n in range(1, length + 1) if silent[pow(2, n, length)]), None),
                )
            )
    return Counting(
        aperiodic=not found,
        states=least.table.shape[1],
        elements=len(monoid.maps),
        tried=tried,
        counted=tuple(sorted(counted, key=lambda one: (len(one.word), one.length))),
        groups=tuple(groups(monoid)),
    )


def what_it_means(counting: Counting) -> tuple[Said, ...]:
    """For stacks of each kind of recurrence, at finite precision and inputs of any length."""
    if counting.aperiodic:
        return (
            Said(
                text="Mamba's non-negative factors: enough layers of them can be this automaton",
                source=NON_NEGATIVE,
            ),
        )
    if not counting.counted:
        return (
            Said(
                text="words permute its states, but no answer that is due tells; its least automaton is not known",
                source="docs/theory.md, Theorem 14.1",
            ),
        )
    layers = [one.real_layers for one in counting.counted]
    if None in layers:
        real = "no stack can, whatever its depth"
    else:
        real = f"at least {_layers(max(filter(None, layers)))} of them"
    said = [
        Said(
            text="Mamba's non-negative factors, beside windows of attention: no stack can, whatever its depth",
            source="docs/theory.md, Theorem 14.1",
        ),
        Said(text=f"real factors, negative ones too: {real}", source="docs/theory.md, Theorem 14.2"),
    ]
    said += _of_groups(counting.groups)
    said.append(
        Said(
            text="products of reflections I - b v v' with eigenvalues in [-1, 1] (delta rule, several a token): "
            "enough of them can be any automaton; with positive eigenvalues alone not even parity",
            source=REFLECTIONS,
        )
    )
    return tuple(said)


def _of_groups(found: Sequence[GroupFacts]) -> list[Said]:
    looked = [group for group in found if group.known]
    if not looked:
        return []
    if any(group.length is None for group in looked):
        order = max(group.order for group in looked if group.length is None)
        text = f"complex diagonal factors: no stack tracks a group of {order} elements in it, which is not solvable"
    else:
        deepest = max(looked, key=lambda group: group.length or 0)
        kind = "commutative" if deepest.commutative else "solvable, not commutative"
        text = (
            f"complex diagonal factors: a group of {deepest.order} elements in it ({kind}) is tracked by "
            f"{_layers(deepest.length or 0)} and no fewer"
        )
    return [Said(text=text, source=COMPLEX)]


def _layers(number: int) -> str:
    return counted(number, "layer")


@dataclass(frozen=True, eq=False)
class _Automaton:
    """`table[letter][state]` is the next state; `apart[a, b]`: some defined answers differ behind a and b."""

    table: np.ndarray
    start: int
    apart: np.ndarray


def _least(steps: _Steps) -> _Automaton:
    """Undefined answers are don't-cares where the least automaton is known, and answers like others where it is not."""

    def step(state: Any, letter: Any) -> tuple[int, int | None]:
        return steps[state][letter]

    try:
        least = minimise(Machine(start=0, step=step, symbols=tuple(range(len(steps[0])))))
    except ValueError:
        moves = [[move[0] for move in row] for row in steps]
        return _Automaton(np.array(moves).T, 0, _told_apart(steps))
    moves = [[0 if move is None else move[0] for move in row] for row in least.table]
    return _Automaton(np.array(moves).T, least.start, ~np.eye(least.n_states, dtype=bool))


def _told_apart(steps: _Steps) -> np.ndarray:
    n = len(steps)
    if n > _MOST_TOLD_APART:
        raise ValueError(f"{n:,} states are too many to tell apart two by two")
    answers = np.array([[-1 if move[1] is None else move[1] for move in row] for row in steps])
    moves = np.array([[move[0] for move in row] for row in steps])
    apart = np.zeros((n, n), dtype=bool)
    for own in answers.T:
        apart |= (own[:, None] != own) & (own[:, None] >= 0) & (own >= 0)
    while True:
        grown = apart.copy()
        for own in moves.T:
            grown |= apart[own[:, None], own]
        if (grown == apart).all():
            return apart
        apart = grown


def _silent(apart: np.ndarray, states: Sequence[int], shift: int) -> bool:
    """Whether no answer tells a state of the cycle from the one `shift` further on."""
    return not any(apart[q, states[(i + shift) % len(states)]] for i, q in enumerate(states))


def _way(table: np.ndarray, start: int, end: int) -> tuple[int, ...]:
    """Letters of a shortest word from one state to another."""
    ways: dict[int, tuple[int, ...]] = {start: ()}
    queue = [start]
    for state in queue:
        if state == end:
            break
        for letter in range(len(table)):
            after = int(table[letter][state])
            if after not in ways:
                ways[after] = (*ways[state], letter)
                queue.append(after)
    return ways.get(end, ())
