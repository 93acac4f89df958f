"""An automaton as a cascade of levels, each of which a letter either leaves alone or sets (Krohn and Rhodes).

A level's coordinate, with those above it, names a block of states that the automaton is in; blocks shrink from level to
level until one state is left. What a letter does to a coordinate depends on the letter and on the coordinates above, as
they were before it. Of a block the coordinate says which element is *missing*: a letter that maps a block one to one
onto the next moves the missing element along, which is nothing to do if the elements of all blocks are numbered along
such moves; any other letter leaves out an element, which becomes the missing one.

Numberings agree around every cycle of moves if and only if no word permutes states: aperiodic automata are cascades of
flip-flops. Where moves that cannot be undone bring different numberings, a level of its own remembers which it was.
Source: Zeiger, "Cascade synthesis of finite-state machines", Information and Control 10 (1967).
"""

from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

_State: TypeAlias = int
Letter: TypeAlias = int
Coordinates: TypeAlias = tuple[int, ...]
Maps: TypeAlias = tuple[tuple[_State, ...], ...]
"""For each letter, the state after it for each state."""

_MOST_WORDS = 20_000
"""Different effects of words that are looked at."""

_MOST_LEVELS = 24
"""Each is a layer of its own at worst."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """One coordinate.

    Args:
        acts: for the coordinates above and a letter, the value that is set, or None to leave it.
    """

    acts: Mapping[tuple[Coordinates, Letter], int | None]

    @property
    def n_values(self) -> int:
        return 1 + max((value for value in self.acts.values() if value is not None), default=0)


@dataclass(frozen=True, kw_only=True)
class Cascade:
    """All levels.

    Args:
        start: the coordinates before the first letter.
        state: for all coordinates that are reached, the automaton's state.
    """

    levels: tuple[Level, ...]
    start: Coordinates
    state: Mapping[Coordinates, _State]


@dataclass(frozen=True, kw_only=True)
class Permuting:
    """A word of letters that moves some states in a circle."""

    word: tuple[Letter, ...]
    circle: tuple[_State, ...]


def permuting_word(maps: Maps) -> Permuting | None:
    """The shortest word that moves states in a circle, if any does.

    Raises:
        ValueError: more than `_MOST_WORDS` different effects of words.
    """
    n_states = len(maps[0])
    start = tuple(range(n_states))
    words: dict[tuple[_State, ...], tuple[Letter, ...]] = {start: ()}
    waiting = deque([start])
    while waiting:
        effect = waiting.popleft()
        if circle := _circle(effect):
            return Permuting(word=words[effect], circle=circle)
        for letter, moved in enumerate(maps):
            after = tuple(moved[state] for state in effect)
            if after not in words:
                words[after] = (*words[effect], letter)
                waiting.append(after)
                if len(words) > _MOST_WORDS:
                    raise ValueError(f"its words have more than {_MOST_WORDS:,} different effects")
    return None


def _circle(effect: Sequence[_State]) -> tuple[_State, ...]:
    """States that the effect moves in a circle of more than one; none if there is none."""
    for state in range(len(effect)):
        for _ in effect:
            state = effect[state]
        circle = [state]
        while effect[circle[-1]] != state:
            circle.append(effect[circle[-1]])
        if len(circle) > 1:
            return tuple(circle)
    return ()


def cascade(maps: Maps, start: _State) -> Cascade:
    """The cascade of an automaton without permuting words.

    Raises:
        ValueError: more than `_MOST_LEVELS` levels.
    """
    stage = _Stage(
        maps=maps,
        start=(),
        blocks={(): tuple(range(len(maps[0])))},
        moves={((), letter): () for letter in range(len(maps))},
    )
    levels: list[Level] = []
    while any(len(block) > 1 for block in stage.blocks.values()):
        if len(levels) == _MOST_LEVELS:
            raise ValueError(f"it needs more than {_MOST_LEVELS} levels of flip-flops")
        level, stage = stage.next(start)
        levels.append(level)
    state = {coordinates: block[0] for coordinates, block in stage.blocks.items()}
    return Cascade(levels=tuple(levels), start=stage.start, state=state)


@dataclass(frozen=True, kw_only=True)
class _Stage:
    """Coordinates so far: the block of each, and where a letter leads from it."""

    maps: Maps
    start: Coordinates
    blocks: Mapping[Coordinates, tuple[_State, ...]]
    moves: Mapping[tuple[Coordinates, Letter], Coordinates]

    def next(self, start: _State) -> tuple[Level, "_Stage"]:
        """One level more: the whole rest if letters leave or set it, a memory, or the missing element."""
        if (acts := self._rest()) is not None:
            first = self.blocks[self.start].index(start)
            return self._with(acts, first, lambda above, value: (self.blocks[above][value],))
        numbered, clashes = self._numbered()
        if clashes:
            acts = self._memory(numbered, clashes)
            return self._with(acts, 0, lambda above, _: numbered.blocks[above])
        acts = numbered._missing()
        block = numbered.blocks[self.start]
        first = (
            next((place for place, state in enumerate(block) if state != start), 0) if len(block) > 1 else 0
        )
        return self._with(acts, first, lambda above, value: _without(numbered.blocks[above], value))

    def image(self, above: Coordinates, letter: Letter) -> list[_State]:
        return [self.maps[letter][state] for state in self.blocks[above]]

    def is_move(self, above: Coordinates, letter: Letter) -> bool:
        """Whether the letter maps the block one to one onto the next."""
        image = self.image(above, letter)
        return len(image) > 1 and len(set(image)) == len(image) == len(self.blocks[self.moves[above, letter]])

    def _rest(self) -> dict[tuple[Coordinates, Letter], int | None] | None:
        """What letters do to the whole state, if each leaves all of a block's elements or makes them one."""
        acts: dict[tuple[Coordinates, Letter], int | None] = {}
        for (above, letter), below in self.moves.items():
            image, block = self.image(above, letter), self.blocks[below]
            if len(set(image)) == 1:
                acts[above, letter] = block.index(image[0])
            elif tuple(image) == block:
                acts[above, letter] = None
            else:
                return None
        return acts

    def _missing(self) -> dict[tuple[Coordinates, Letter], int | None]:
        """What letters do to the missing element: nothing in moves; else one is left out."""
        acts: dict[tuple[Coordinates, Letter], int | None] = {}
        for (above, letter), below in self.moves.items():
            image, block = set(self.image(above, letter)), self.blocks[below]
            left_out = next((place for place, state in enumerate(block) if state not in image), 0)
            acts[above, letter] = None if self.is_move(above, letter) else left_out if len(block) > 1 else 0
        return acts

    def _memory(
        self, numbered: "_Stage", clashes: set[Coordinates]
    ) -> dict[tuple[Coordinates, Letter], int | None]:
        """Remembers how blocks were entered whose numbering depends on that, the first such among moves."""
        reach = self._reach()
        entered = {
            below
            for below in clashes
            if not any(below in reach[other] and other not in reach[below] for other in clashes)
        }
        inside = {
            one for one in self.blocks for other in entered if one in reach[other] and other in reach[one]
        }
        tags: dict[Hashable, int] = {"anew": 0}
        acts: dict[tuple[Coordinates, Letter], int | None] = {}
        for (above, letter), below in self.moves.items():
            acts[above, letter] = None
            if below in inside and not (above in reach[below] and below in reach[above]):
                moved = tuple(self.maps[letter][state] for state in numbered.blocks[above])
                tag = (below, moved) if self.is_move(above, letter) else "anew"
                acts[above, letter] = tags.setdefault(tag, len(tags))
        return acts

    def _with(
        self,
        acts: Mapping[tuple[Coordinates, Letter], int | None],
        first: int,
        block: Callable[[Coordinates, int], tuple[_State, ...]],
    ) -> tuple[Level, "_Stage"]:
        """The stage with one coordinate more, of what is reached from the start."""
        start: Coordinates = (*self.start, first)
        blocks: dict[Coordinates, tuple[_State, ...]] = {}
        moves: dict[tuple[Coordinates, Letter], Coordinates] = {}
        waiting: list[Coordinates] = [start]
        while waiting:
            here = waiting.pop()
            if here in blocks:
                continue
            blocks[here] = block(here[:-1], here[-1])
            for letter in range(len(self.maps)):
                act = acts[here[:-1], letter]
                below: Coordinates = (*self.moves[here[:-1], letter], here[-1] if act is None else act)
                moves[here, letter] = below
                waiting.append(below)
        used = {
            (here[:-1], letter): acts[here[:-1], letter]
            for here in blocks
            for letter in range(len(self.maps))
        }
        return Level(acts=used), _Stage(maps=self.maps, start=start, blocks=blocks, moves=moves)

    def _reach(self) -> dict[Coordinates, set[Coordinates]]:
        """Which coordinates moves lead to, oneself included."""
        after: dict[Coordinates, set[Coordinates]] = {one: set() for one in self.blocks}
        for (above, letter), below in self.moves.items():
            if self.is_move(above, letter):
                after[above].add(below)
        found: dict[Coordinates, set[Coordinates]] = {}
        for one in self.blocks:
            seen, waiting = {one}, [one]
            while waiting:
                new = after[waiting.pop()] - seen
                seen |= new
                waiting += new
            found[one] = seen
        return found

    def _numbered(self) -> tuple["_Stage", set[Coordinates]]:
        """Blocks numbered along moves, and those that moves reach with different numberings."""
        reach = self._reach()
        order: dict[Coordinates, tuple[_State, ...]] = {}
        for one in sorted(self.blocks, key=lambda one: -len(reach[one])):
            if one in order:
                continue
            order[one] = self.blocks[one]
            waiting = [one]
            while waiting:
                above = waiting.pop()
                for letter in range(len(self.maps)):
                    below = self.moves[above, letter]
                    if self.is_move(above, letter) and below not in order:
                        order[below] = tuple(self.maps[letter][state] for state in order[above])
                        waiting.append(below)
        numbered = _Stage(maps=self.maps, start=self.start, blocks=order, moves=self.moves)
        clashes = {
            below
            for (above, letter), below in self.moves.items()
            if self.is_move(above, letter) and tuple(numbered.image(above, letter)) != order[below]
        }
        return numbered, clashes


def _without(block: tuple[_State, ...], place: int) -> tuple[_State, ...]:
    return block if len(block) == 1 else block[:place] + block[place + 1 :]
