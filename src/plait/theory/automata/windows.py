"""Automata with a window: how few states do where the last g tokens are seen as well.

    tokens    a b c d e          state after e:  s' = step(s, window)        window = the last g + 1 tokens, e included
              [  window ]        answer at e  =  answer(s, window)

The window is one layer of attention (or convolution) below a recurrent one, its reach is g. If q w is the class of the
least automaton to which the word w leads from class q, then `max over w of |{q w}|`, over all words w of g tokens, is
the least number of states of such a model: two classes behind one window need different states, and numbering the
classes behind each window is enough. Source: docs/theory.md, Theorem 11.2.
"""

from dataclasses import dataclass

from plait.theory.automata.least import Minimal

Classes = frozenset[int]
Window = tuple[int, ...]

MOST_WINDOWS = 200_000
"""Windows of all lengths that are told apart before the count is given up."""


def window_states(least: Minimal, reach: int, *, limit: int = MOST_WINDOWS) -> list[int]:
    """The least numbers of states with windows that reach back 0, 1, .. `reach` tokens.

    Raises:
        ValueError: more than `limit` different sets of classes behind windows of one length.
    """
    behind: set[Classes] = {frozenset(range(least.n_states))}
    counts = [least.n_states]
    for _ in range(reach):
        behind = {moved for classes in behind for moved in _moves(least, classes).values()}
        if len(behind) > limit:
            raise ValueError(f"more than {limit} sets of states behind windows; take a smaller machine")
        counts.append(max(map(len, behind)))
    return counts


def _moves(least: Minimal, classes: Classes) -> dict[int, Classes]:
    """The classes that each symbol leads to, where it can come at all."""
    moved: dict[int, Classes] = {}
    for symbol in range(len(least.table[0])):
        entries = [least.table[state][symbol] for state in classes]
        there = frozenset(entry[0] for entry in entries if entry is not None)
        if there:
            moved[symbol] = there
    return moved


@dataclass(frozen=True, kw_only=True)
class WindowAutomaton:
    """A model of `n_states` states that also sees the last `reach` tokens before the current one.

    Args:
        moves: of (state, window, symbol), the next state and the answer; the window is the last `reach` tokens, fewer
            at the start.
    """

    reach: int
    n_states: int
    start: int
    moves: dict[tuple[int, Window, int], tuple[int, object]]

    def run(self, word: tuple[int, ...]) -> list[object]:
        """The answer at each position."""
        state, answers = self.start, []
        for position, symbol in enumerate(word):
            window = word[max(0, position - self.reach) : position]
            state, answer = self.moves[state, window, symbol]
            answers.append(answer)
        return answers


def window_automaton(least: Minimal, reach: int, *, limit: int = MOST_WINDOWS) -> WindowAutomaton:
    """The model of the theorem: a state is the number of a class among those behind the window.

    Raises:
        ValueError: more than `limit` windows.
    """
    full: Classes = frozenset(range(least.n_states))
    behind: dict[tuple[Window, bool], Classes] = {
        ((), reach > 0): frozenset({least.start}) if reach else full
    }
    queue = list(behind)
    moves: dict[tuple[int, Window, int], tuple[int, object]] = {}
    numbers = {}
    for window, fresh in queue:
        for symbol in range(len(least.table[0])):
            longer = (*window, symbol)
            key = longer[-reach:] if reach else (), fresh and len(longer) < reach
            classes = _behind(least, key[0], frozenset({least.start}) if key[1] else full)
            if classes and key not in behind:
                behind[key] = classes
                queue.append(key)
        if len(queue) > limit:
            raise ValueError(f"more than {limit} windows; take a smaller machine")
    for key, classes in behind.items():
        numbers[key] = {state: number for number, state in enumerate(sorted(classes))}
    for (window, fresh), classes in behind.items():
        for symbol in range(len(least.table[0])):
            longer = (*window, symbol)
            key = longer[-reach:] if reach else (), fresh and len(longer) < reach
            for state in classes:
                entry = least.table[state][symbol]
                if entry is not None:
                    number = numbers[window, fresh][state]
                    moves[number, window, symbol] = numbers[key][entry[0]], entry[1]
    n_states = max(map(len, behind.values()))
    return WindowAutomaton(
        reach=reach, n_states=n_states, start=numbers[(), reach > 0][least.start], moves=moves
    )


def _behind(least: Minimal, window: Window, classes: Classes) -> Classes:
    for symbol in window:
        classes = _moves(least, classes).get(symbol, frozenset())
    return classes
