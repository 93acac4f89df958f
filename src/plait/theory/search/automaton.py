"""The automaton of a task of which only the targets are known, found by asking.

States are words that some later answer tells apart; words that no asked suffix tells apart count as one, until a row is
found on which the automaton errs. So the states found are as many as the task has, or more would be found by rows that
were not asked. Source: Angluin's learner with the counterexamples of Rivest and Schapire; docs/theory.md, 14.5.
"""

from dataclasses import dataclass

import numpy as np

from plait.theory.counting import Counting, counting_of_steps
from plait.theory.search.oracle import UNDEFINED, Oracle

Word = tuple[int, ...]

MOST_STATES = 1_000
_MOST_LETTERS = 64
_SHORT_ROWS = 20_000
_ROWS = 400
_ROUNDS = 3
"""States, letters, and rows that a guess is tried on, in so many rounds: effort alone (`plait.theory.search`)."""


@dataclass(frozen=True, eq=False)
class FoundAutomaton:
    """`moves[letter][state]` and `answers[letter][state]` (UNDEFINED where none is due); state 0 is the start.

    Args:
        letters: the token of each letter.
        access: a word of letters that leads to each state.
        short: tokens up to which every row was asked.
        rows: longer rows that were asked.
    """

    letters: tuple[int, ...]
    moves: np.ndarray
    answers: np.ndarray
    access: tuple[Word, ...]
    short: int
    rows: int


class NotFiniteStateError(ValueError):
    """No automaton of a bearable size agrees with the task; the message says what was tried."""


def find_automaton(oracle: Oracle, *, most_states: int = MOST_STATES) -> FoundAutomaton:
    """The automaton that no asked row contradicts.

    Raises:
        NotFiniteStateError: more states or letters than may be, or no time left.
    """
    if len(oracle.tokens) > _MOST_LETTERS:
        raise NotFiniteStateError(
            f"its {len(oracle.tokens)} tokens are more than the {_MOST_LETTERS} that an automaton is looked for with"
        )
    learner = _Learner(oracle, most_states)
    quiet = 0
    while quiet < _ROUNDS:
        learner.close()
        wrong = learner.counterexample(whole=quiet == 0)
        if wrong is None:
            quiet += 1
        else:
            quiet = 0
            learner.refine(wrong)
    return learner.found()


class _Learner:
    def __init__(self, oracle: Oracle, most_states: int) -> None:
        self.oracle, self.most_states = oracle, most_states
        self.letters = tuple(oracle.tokens.tolist())
        self.access: list[Word] = [()]
        self.suffixes: list[Word] = [(letter,) for letter in range(len(self.letters))]
        self.known: dict[Word, tuple[int, ...]] = {}
        self.asked_of: dict[Word, int] = {}
        self.asked = 0
        self.short = 0
        self.moves = np.zeros((0, 0), dtype=np.int64)
        self.answers = self.moves

    def close(self) -> None:
        """States until each is led to one of them by every letter."""
        while True:
            extended = [(*word, a) for word in self.access for a in range(len(self.letters))]
            self._ask([*self.access, *extended])
            states = {}
            for place, word in enumerate(self.access):
                states.setdefault(self.known[word], place)
            new = {self.known[word]: word for word in reversed(extended) if self.known[word] not in states}
            if not new:
                break
            self.access += sorted(new.values(), key=lambda word: (len(word), word))
            if len(self.access) > self.most_states:
                raise NotFiniteStateError(
                    f"more than {self.most_states:,} states were told apart, by rows of up to "
                    f"{max(map(len, self.access)) + max(map(len, self.suffixes))} tokens"
                )
        n, k = len(self.access), len(self.letters)
        self.moves = np.array([states[self.known[word]] for word in extended]).reshape(n, k).T
        self.answers = np.array([self.known[word][:k] for word in self.access]).T

    def counterexample(self, *, whole: bool) -> Word | None:
        """A row, ending where the automaton first errs."""
        length = self.oracle.seq_len
        batches = [self.oracle.rows(_ROWS // 2, length), self.oracle.uneven_rows(_ROWS // 2, length)]
        k = len(self.letters)
        short = max(1, min(length, int(np.log(_SHORT_ROWS) / np.log(max(k, 2)))))
        if whole:
            grid = np.indices((k,) * short).reshape(short, -1).T
            batches.insert(0, self.oracle.tokens[grid])
            self.short = short
        places = {token: letter for letter, token in enumerate(self.letters)}
        for rows in batches:
            self._check_time()
            letters = np.vectorize(places.__getitem__)(rows)
            wrong = self.oracle.targets(rows) != self._run(letters)
            if wrong.any():
                ends = np.where(wrong.any(1), wrong.argmax(1), length)
                first = int(ends.argmin())
                return tuple(letters[first, : ends[first] + 1].tolist())
        self.asked += _ROWS
        return None

    def refine(self, word: Word) -> None:
        """The suffix by which a state is split: where access words no longer give the answer."""
        true = self._answer(word)
        low, high = 0, len(word) - 1
        while high - low > 1:
            middle = (low + high) // 2
            if self._answer((*self.access[self._state(word[:middle])], *word[middle:])) == true:
                low = middle
            else:
                high = middle
        self.suffixes.append(word[high:])

    def found(self) -> FoundAutomaton:
        return FoundAutomaton(
            self.letters, self.moves, self.answers, tuple(self.access), self.short, self.asked
        )

    def _state(self, word: Word) -> int:
        state = 0
        for letter in word:
            state = int(self.moves[letter][state])
        return state

    def _run(self, letters: np.ndarray) -> np.ndarray:
        states, answers = np.zeros(len(letters), dtype=np.int64), np.empty_like(letters)
        for place, column in enumerate(letters.T):
            answers[:, place] = self.answers[column, states]
            states = self.moves[column, states]
        return answers

    def _answer(self, word: Word) -> int:
        return int(self.oracle.targets(self.oracle.tokens[np.array([word])])[0, -1])

    def _ask(self, words: list[Word]) -> None:
        """What follows each word under every suffix, words of one length at a time."""
        tokens, due = self.oracle.tokens, {}
        for word in dict.fromkeys(words):
            for suffix in self.suffixes[self.asked_of.get(word, 0) :]:
                due.setdefault((len(word), len(suffix)), {}).setdefault(word, []).append(suffix)
        for (length, _), by_word in due.items():
            self._check_time()
            for suffixes in dict.fromkeys(map(tuple, by_word.values())):
                some = [word for word, own in by_word.items() if tuple(own) == suffixes]
                prefixes = tokens[np.array(some, dtype=np.int64).reshape(len(some), length)]
                rows = self.oracle.answers(prefixes, tokens[np.array(suffixes)]).reshape(len(some), -1)
                for word, row in zip(some, rows.tolist(), strict=True):
                    self.known[word] = (*self.known.get(word, ()), *row)
        self.asked_of.update(dict.fromkeys(words, len(self.suffixes)))

    def _check_time(self) -> None:
        if self.oracle.left() < 0:
            raise NotFiniteStateError(
                f"no automaton was found in the time given; {len(self.access):,} states were told apart"
            )


def find_counting(task: object, *, seq_len: int = 100, seconds: float = 20, seed: int = 0) -> Counting:
    """What a task counts of which only the targets are known.

    Raises:
        NotFiniteStateError: as `find_automaton`, or a transition monoid that is too large to write out.
        ValueError: as `Oracle`.
    """
    found = find_automaton(Oracle(task, seq_len=seq_len, seconds=seconds, seed=seed))
    tried = f"all rows of up to {found.short} tokens and {found.rows:,} of {seq_len} agree with it"
    try:
        return counting_of_steps(as_steps(found), found.letters, tried=tried)
    except ValueError as error:
        raise NotFiniteStateError(f"{len(found.access):,} states were found, and {error}") from error


def as_steps(found: FoundAutomaton) -> list[list[tuple[int, int | None]]]:
    """`[state][letter]`: the next state, and the answer or None."""
    return [
        [
            (int(found.moves[a][q]), None if found.answers[a][q] == UNDEFINED else int(found.answers[a][q]))
            for a in range(len(found.letters))
        ]
        for q in range(len(found.access))
    ]
