"""What the words of an automaton do to its states: the transition monoid, cycles and groups in it.

    word w    q0 --w--> q1 --w--> q2 --w--> q0      a cycle of three: the automaton counts w modulo 3
    aperiodic: no word does this to more than one state

Source: docs/theory.md, section 14.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plait.deferred import deferred

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
else:
    np = deferred("numpy")

Permutation = tuple[int, ...]

_MOST_CELLS = 2_000_000
"""Elements times states of a monoid that is written out."""

MOST_ORDER = 2_000
"""Elements of a group whose structure is looked into."""


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """`word` takes the states of `states` each to the next, and the last to the first."""

    word: tuple[int, ...]
    states: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class GroupFacts:
    """A maximal group in the monoid.

    Args:
        order: elements.
        commutative: whether they commute.
        length: of its derived series, the least number of commutative factors; None where it is not solvable, or
            too large to look into.
        known: False where the group is too large to look into.
    """

    order: int
    commutative: bool
    length: int | None
    known: bool = True


@dataclass(frozen=True, eq=False)
class Monoid:
    """All that words do: `maps[i][q]` is the state that the word of element i leads q to; element 0 does nothing.

    Args:
        parents: of each element the one that it extends, and the letter; a shortest word by following it.
    """

    maps: np.ndarray
    parents: tuple[tuple[int, int], ...]

    def word(self, element: int) -> tuple[int, ...]:
        letters: list[int] = []
        while element:
            element, letter = self.parents[element]
            letters.append(letter)
        return tuple(reversed(letters))


def transition_monoid(table: np.ndarray, *, most_cells: int = _MOST_CELLS) -> Monoid:
    """Every map that a word makes, shortest words first; `table[letter][state]` is the next state.

    Raises:
        ValueError: more of them than `most_cells` entries hold.
    """
    n = table.shape[1]
    maps, parents = [np.arange(n, dtype=np.int32)], [(0, 0)]
    seen = {maps[0].tobytes()}
    for element, own in enumerate(maps):
        for letter, step in enumerate(table):
            made = step[own].astype(np.int32)
            key = made.tobytes()
            if key not in seen:
                if (len(maps) + 1) * n > most_cells:
                    raise ValueError(
                        f"the transition monoid of {n:,} states has more than {len(maps):,} elements, "
                        "too many to write out"
                    )
                seen.add(key)
                maps.append(made)
                parents.append((element, letter))
    return Monoid(np.array(maps), tuple(parents))


def cycles(monoid: Monoid) -> dict[int, Cycle]:
    """Of each length above 1 that occurs a cycle of a shortest word; empty for an aperiodic monoid."""
    found: dict[int, Cycle] = {}
    for element in np.flatnonzero(_moves(monoid)).tolist():
        own, settled = monoid.maps[element], _settled(monoid.maps[element : element + 1])[0]
        left = set(settled.tolist())
        while left:
            states = [min(left)]
            while own[states[-1]] != states[0]:
                states.append(int(own[states[-1]]))
            left -= set(states)
            if len(states) > 1 and len(states) not in found:
                found[len(states)] = Cycle(word=monoid.word(element), states=tuple(states))
    return found


def groups(monoid: Monoid) -> list[GroupFacts]:
    """The different maximal groups of more than one element, largest first."""
    moving = np.flatnonzero(_moves(monoid)).tolist()
    if not moving:
        return []
    alike: dict[tuple[bytes, bytes], list[int]] = {}
    for element, own in enumerate(monoid.maps):
        alike.setdefault(_image_and_kernel(own), []).append(element)
    seen: set[bytes] = set()
    found: set[GroupFacts] = set()
    for element in moving:
        unit = _idempotent(monoid.maps[element])
        if unit.tobytes() in seen:
            continue
        seen.add(unit.tobytes())
        points = np.unique(unit)
        place = {int(point): i for i, point in enumerate(points)}
        members = monoid.maps[alike[_image_and_kernel(unit)]]
        found.add(_facts({tuple(place[int(q)] for q in own[points]) for own in members}))
    return sorted(found, key=lambda group: (-group.order, group.length or 0))


def _image_and_kernel(own: np.ndarray) -> tuple[bytes, bytes]:
    """Maps that share both with an idempotent are the group around it."""
    image, firsts, inverse = np.unique(own, return_index=True, return_inverse=True)
    return image.tobytes(), firsts[inverse].astype(np.int32).tobytes()


def _moves(monoid: Monoid) -> np.ndarray:
    """Of which elements a state that powers lead to is moved by the element."""
    settled = _settled(monoid.maps)
    return (np.take_along_axis(monoid.maps, settled, axis=1) != settled).any(1)


def _settled(maps: np.ndarray) -> np.ndarray:
    """A power of each map that is at least the number of states: it leads to cycles only."""
    power, exponent = maps, 1
    while exponent < maps.shape[1]:
        power, exponent = np.take_along_axis(power, power, axis=1), 2 * exponent
    return power


def _idempotent(own: np.ndarray) -> np.ndarray:
    """The power of a map that does nothing to its own image."""
    power = _settled(own[None])[0]
    unit = power
    while (unit[unit] != unit).any():
        unit = power[unit]
    return unit


def _facts(permutations: set[Permutation]) -> GroupFacts:
    order = len(permutations)
    if order > MOST_ORDER:
        return GroupFacts(order=order, commutative=False, length=None, known=False)
    commutative = all(_then(a, b) == _then(b, a) for a in permutations for b in permutations)
    return GroupFacts(order=order, commutative=commutative, length=_derived_length(permutations))


def _derived_length(group: set[Permutation]) -> int | None:
    length = 0
    while len(group) > 1:
        commutators = set(_commutators(group))
        smaller = _generated(commutators)
        if len(smaller) == len(group):
            return None
        group, length = smaller, length + 1
    return length


def _commutators(group: set[Permutation]) -> Iterator[Permutation]:
    backwards = {a: tuple(sorted(range(len(a)), key=a.__getitem__)) for a in group}
    for a in group:
        for b in group:
            yield _then(_then(a, b), _then(backwards[a], backwards[b]))


def _generated(generators: set[Permutation]) -> set[Permutation]:
    size = len(next(iter(generators)))
    one = tuple(range(size))
    found, queue = {one}, [one]
    for element in queue:
        for generator in generators:
            made = _then(element, generator)
            if made not in found:
                found.add(made)
                queue.append(made)
    return found


def _then(a: Permutation, b: Permutation) -> Permutation:
    return tuple(b[i] for i in a)
