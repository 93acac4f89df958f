"""States found by plain sampling: prefixes with different answer tables, listed, or the birthday bound on them.

Where many prefixes still have the same answers, more suffixes are asked about these alone: random ones, and one run
behind another, for what is counted (`a a a b b b`: how many a may come before the answer turns?).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from plait.theory.families.family import StateFamily
from plait.theory.search.oracle import UNDEFINED, Oracle, asking_suffixes

_MOST_LISTED = 8_192
_MOST_CELLS = 2_000_000
"""Prefixes of a list, and answers about them in all: the checker's own limits."""

_DRAWS = 4_000
_MOST_DRAWN, _FEW_ROWS = 16_384, 512
_LONGEST = 64
_TOKENS = 6_000_000
_MOST_COLUMNS, _LEADING, _ORDERED = 400, 2, 128
_LEAST_SUFFIXES, _MOST_SUFFIXES, _MOSTLY = 24, 256, 0.9
_ALIKE, _NEAR = 0.05, 5
"""Prefixes, their length, the tokens of a round, the queries that tell them apart, the share that must have an answer
or may be alike, and lengths near the best one (effort)."""


@dataclass(frozen=True, kw_only=True)
class _Told:
    """Prefixes with their classes, numbered from 0, and the queries about each suffix that tell these apart."""

    prefixes: np.ndarray
    classes: np.ndarray
    suffixes: np.ndarray
    queries: list[tuple[int, int]]

    @property
    def n_classes(self) -> int:
        return int(self.classes.max()) + 1

    @property
    def alike(self) -> np.ndarray:
        """Whether another prefix is of the same class."""
        return np.bincount(self.classes)[self.classes] > 1


def listed_candidates(oracle: Oracle) -> Iterator[StateFamily | None]:
    """For one length after the other, as many prefixes as differ in some answer; where all do, random ones too."""
    longest = min(_LONGEST, oracle.seq_len - 1)
    # Each about 1.6 times the last.
    lengths = [length for length in (1, 2, 3, 5, 8, 13, 21, 34, 55) if length <= longest]
    # Of one role where few rows are all that there are, and more than those of all tokens show.
    first = [
        (length, letters)
        for length in lengths
        for letters in (*oracle.roles, oracle.tokens)
        if letters is oracle.tokens or (length > 2 and len(letters) ** length <= _FEW_ROWS)
    ]
    best, most = longest, 0
    for number in count():
        if oracle.left() <= 0:
            return
        if number < len(first):
            length, letters = first[number]
        elif number % 2:
            length, letters = (
                min(longest, max(1, best + int(oracle.integers(_NEAR, (1,))[0]) - 1)),
                oracle.tokens,
            )
        else:
            length, letters = 1 + int(oracle.integers(longest, (1,))[0]), oracle.some_tokens()
        for family in _of_length(oracle, length, letters):
            if family is not None and family.size > most:
                best, most = length, family.size
            yield family


def _of_length(oracle: Oracle, length: int, letters: np.ndarray) -> Iterator[StateFamily | None]:
    """The list of all prefixes of a length, if there are few enough, or of random ones; and birthdays."""
    prefixes = _all_rows(letters, length) if len(letters) ** length <= _MOST_DRAWN else None
    if prefixes is None:
        rows = oracle.uneven_rows(_DRAWS, length)
        # A third of the chosen letters, evenly.
        rows[::3] = letters[oracle.integers(len(letters), rows[::3].shape)]
        prefixes = np.unique(rows, axis=0)
    width = min(oracle.seq_len - length, max(12, length + 2))
    suffixes = asking_suffixes(oracle, _affordable(len(prefixes), length + width), width)
    told = _told_apart(prefixes, oracle.answers(prefixes, suffixes), suffixes)
    if told is None:
        yield None
        return
    yield _list(told)
    if told.n_classes > _DRAWS // 2 and len(letters) ** length > _MOST_DRAWN:
        yield _birthday(oracle, length, suffixes)
    while oracle.left() > 0 and told.n_classes < _MOST_LISTED and told.alike.mean() > _ALIKE:
        finer = _refined(oracle, told)
        if finer is None:
            return
        yield _list(finer)
        told = finer


def _affordable(n_prefixes: int, length: int) -> int:
    """Suffixes that a round may ask about so many prefixes, both taking so many tokens."""
    return max(_LEAST_SUFFIXES, min(_MOST_SUFFIXES, _TOKENS // (n_prefixes * length)))


def _refined(oracle: Oracle, told: _Told) -> _Told | None:
    """With more queries, by which prefixes that were alike are told apart; None where none are."""
    alike, width = np.flatnonzero(told.alike), told.suffixes.shape[1]
    n_suffixes = _affordable(len(alike), told.prefixes.shape[1] + width)
    suffixes = oracle.uneven_rows(n_suffixes, width)
    turns, two = oracle.integers(width + 1, (n_suffixes, 1)), oracle.rows(n_suffixes, 2)
    turning = np.where(np.arange(width) < turns, two[:, :1], two[:, 1:])
    suffixes[::2] = turning[::2]
    table = oracle.answers(told.prefixes[alike], suffixes).reshape(len(alike), -1)
    columns = np.flatnonzero((table != UNDEFINED).mean(0) >= _MOSTLY)
    room = _MOST_CELLS // min(_MOST_LISTED, len(told.prefixes)) - len(told.queries)
    used, _ = _telling(table, columns, told.classes[alike], room)
    if not used:
        return None
    numbers, positions = np.divmod(np.array(used), width)
    asked, numbers = np.unique(numbers, return_inverse=True)
    answers = oracle.answers(told.prefixes, suffixes[asked])[:, numbers, positions]
    kept = (answers != UNDEFINED).all(1)
    classes = told.classes[kept]
    for column in answers[kept].T:
        classes = _split(classes, column)
    if not kept.any() or classes.max() + 1 <= told.n_classes:
        return None
    queries = zip((numbers + len(told.suffixes)).tolist(), positions.tolist(), strict=True)
    return _Told(
        prefixes=told.prefixes[kept],
        classes=classes,
        suffixes=np.concatenate([told.suffixes, suffixes[asked]]),
        queries=[*told.queries, *queries],
    )


def _all_rows(letters: np.ndarray, length: int) -> np.ndarray:
    number = np.arange(len(letters) ** length)
    return np.stack(
        [letters[number // len(letters) ** place % len(letters)] for place in range(length)], axis=1
    )


def _told_apart(prefixes: np.ndarray, answers: np.ndarray, suffixes: np.ndarray) -> _Told | None:
    """The classes of rows with the same answers, and the few queries that tell them apart.

    Only rows count for which one leading query has an answer: the query with the most answers, or with the most
    different ones.
    """
    table = answers.reshape(len(prefixes), -1)
    defined = table != UNDEFINED
    some = np.linspace(0, len(table) - 1, min(_ORDERED, len(table))).astype(int)
    ordered = np.sort(table[some], axis=0)
    different = ((ordered[1:] != ordered[:-1]) & (ordered[:-1] != UNDEFINED)).sum(0)
    leading = [int(defined.mean(0).argmax()), *np.argsort(-different, kind="stable")[:_LEADING].tolist()]
    best: tuple[np.ndarray, np.ndarray, list[int]] | None = None
    for query in dict.fromkeys(leading):
        found = _of_rows(table, defined, defined[:, query])
        if found is not None and (best is None or found[1].max() > best[1].max()):
            best = found
    if best is None:
        return None
    rows, classes, columns = best
    numbers, positions = np.divmod(np.array(columns), suffixes.shape[1])
    used, numbers = np.unique(numbers, return_inverse=True)
    queries = list(zip(numbers.tolist(), positions.tolist(), strict=True))
    return _Told(prefixes=prefixes[rows], classes=classes, suffixes=suffixes[used], queries=queries)


def _of_rows(
    table: np.ndarray, defined: np.ndarray, counted: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list[int]] | None:
    """Rows, their classes, and the columns that tell these apart."""
    if counted.sum() < 2:
        return None
    columns = np.flatnonzero(defined[counted].mean(0) >= _MOSTLY)  # rows without an answer are left out
    kept = np.flatnonzero(defined[:, columns].all(1))
    if len(kept) < 2:
        return None
    room = _MOST_CELLS // min(_MOST_LISTED, len(kept))
    used, classes = _telling(table[kept], columns, np.zeros(len(kept), dtype=np.int64), room)
    return (kept, classes, used) if used else None


def _telling(
    table: np.ndarray, columns: np.ndarray, classes: np.ndarray, room: int
) -> tuple[list[int], np.ndarray]:
    """The columns, at most `room`, by which classes fall into more, and these classes."""
    n_classes, used = len(np.unique(classes)), list[int]()
    some = np.linspace(0, len(columns) - 1, min(_MOST_COLUMNS, len(columns))).astype(int)
    for column in columns[some].tolist():
        if n_classes == len(table) or len(used) >= room:
            break
        finer = _split(classes, table[:, column])
        if finer.max() + 1 > n_classes:
            classes, n_classes = finer, int(finer.max()) + 1
            used.append(column)
    return used, classes


def _split(classes: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """The classes of those that are of one class and have one answer."""
    return np.unique(classes * (answers.max() + 2) + answers + 1, return_inverse=True)[1]


def _list(told: _Told) -> StateFamily:
    first = np.unique(told.classes, return_index=True)[1][:_MOST_LISTED]
    return StateFamily(
        description=f"a list of {len(first)} prefixes with different answers",
        size=len(first),
        prefix_length=told.prefixes.shape[1],
        suffixes=told.suffixes.tolist(),
        queries=told.queries,
        codec={"kind": "list", "prefixes": told.prefixes[first].tolist()},
    )


def _birthday(oracle: Oracle, length: int, suffixes: np.ndarray) -> StateFamily | None:
    prefixes = oracle.rows(_DRAWS, length)
    told = _told_apart(prefixes, oracle.answers(prefixes, suffixes), suffixes)
    if told is None or told.n_classes < _DRAWS:
        return None
    return StateFamily(
        description=f"{_DRAWS} random prefixes of {length} tokens, all different (birthday bound)",
        size=_DRAWS * (_DRAWS - 1) * 10_000 // (2 * 138_156),  # N (N - 1) / (2 ln 10^6), a little less
        prefix_length=length,
        suffixes=told.suffixes.tolist(),
        queries=told.queries,
        codec={
            "kind": "random",
            "before": [],
            "after": [],
            "letters": oracle.tokens.tolist(),
            "free": length,
            "draws": _DRAWS,
        },
    )
