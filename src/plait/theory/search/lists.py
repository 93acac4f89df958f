"""States found by plain sampling: prefixes with different answer tables, listed, or the birthday bound on them."""

from collections.abc import Iterator
from itertools import count

import numpy as np

from plait.theory.families.family import StateFamily
from plait.theory.search.oracle import UNDEFINED, Oracle, asking_suffixes

_MOST_LISTED = 8_192
_DRAWS = 4_000
_MOST_DRAWN = 16_384
_LONGEST = 64
_TOKENS = 6_000_000
_MOST_COLUMNS, _LEADING, _ORDERED = 400, 2, 128
"""Prefixes, their length, the tokens of a round, and the queries that tell them apart (effort)."""


def listed_candidates(oracle: Oracle) -> Iterator[StateFamily | None]:
    """For one length after the other, as many prefixes as differ in some answer; where all do, random ones too."""
    longest = min(_LONGEST, oracle.seq_len - 1)
    # Each about 1.6 times the last.
    lengths = [length for length in (1, 2, 3, 5, 8, 13, 21, 34, 55) if length <= longest]
    for number in count():
        if oracle.left() <= 0:
            return
        again = number >= len(lengths)
        length = 1 + int(oracle.integers(longest, (1,))[0]) if again else lengths[number]
        yield from _of_length(oracle, length, oracle.some_tokens() if again else oracle.tokens)


def _of_length(oracle: Oracle, length: int, letters: np.ndarray) -> Iterator[StateFamily | None]:
    """The list of all prefixes of a length, if there are few enough, or of random ones; and birthdays."""
    prefixes = _all_rows(letters, length) if len(letters) ** length <= _MOST_DRAWN else None
    if prefixes is None:
        rows = oracle.uneven_rows(_DRAWS, length)
        # A third of the chosen letters, evenly.
        rows[::3] = letters[oracle.integers(len(letters), rows[::3].shape)]
        prefixes = np.unique(rows, axis=0)
    width = min(oracle.seq_len - length, max(12, length + 2))
    n_suffixes = max(24, min(256, _TOKENS // (len(prefixes) * (length + width))))
    suffixes = asking_suffixes(oracle, n_suffixes, width)
    chosen = _told_apart(prefixes, oracle.answers(prefixes, suffixes))
    if chosen is None:
        yield None
        return
    rows, columns = chosen
    yield _list(prefixes[rows], *_used(suffixes, columns))
    if len(rows) > _DRAWS // 2 and len(letters) ** length > _MOST_DRAWN:
        yield _birthday(oracle, length, suffixes)


def _all_rows(letters: np.ndarray, length: int) -> np.ndarray:
    number = np.arange(len(letters) ** length)
    return np.stack(
        [letters[number // len(letters) ** place % len(letters)] for place in range(length)], axis=1
    )


def _told_apart(prefixes: np.ndarray, answers: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Rows with different answers, one of each kind, and the few queries that tell them apart.

    Only rows count for which one leading query has an answer: the query with the most answers, or with the most
    different ones.
    """
    table = answers.reshape(len(prefixes), -1)
    defined = table != UNDEFINED
    some = np.linspace(0, len(table) - 1, min(_ORDERED, len(table))).astype(int)
    ordered = np.sort(table[some], axis=0)
    different = ((ordered[1:] != ordered[:-1]) & (ordered[:-1] != UNDEFINED)).sum(0)
    leading = [int(defined.mean(0).argmax()), *np.argsort(-different, kind="stable")[:_LEADING].tolist()]
    best: tuple[np.ndarray, np.ndarray] | None = None
    for query in dict.fromkeys(leading):
        found = _of_rows(table, defined, defined[:, query])
        if found is not None and (best is None or len(found[0]) > len(best[0])):
            best = found
    return best


def _of_rows(
    table: np.ndarray, defined: np.ndarray, counted: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    if counted.sum() < 2:
        return None
    columns = np.flatnonzero(defined[counted].mean(0) >= 0.9)  # rows without an answer there are left out
    kept = np.flatnonzero(defined[:, columns].all(1))
    if len(kept) < 2:
        return None
    table = table[kept][:, columns]
    n_values = table.max() + 1
    classes, n_classes, used = np.zeros(len(kept), dtype=np.int64), 1, []
    for column in np.linspace(0, table.shape[1] - 1, min(_MOST_COLUMNS, table.shape[1])).astype(int).tolist():
        if n_classes == len(kept):
            break
        merged, parts = np.unique(classes * n_values + table[:, column], return_inverse=True)
        if len(merged) > n_classes:
            classes, n_classes = parts, len(merged)
            used.append(column)
    if not used:
        return None
    _, first = np.unique(classes, return_index=True)
    return kept[first][:_MOST_LISTED], columns[used]


def _used(suffixes: np.ndarray, columns: np.ndarray) -> tuple[list[list[int]], list[tuple[int, int]]]:
    """The suffixes that some column of the answer table needs, and the columns as queries about them."""
    numbers, positions = np.divmod(columns, suffixes.shape[1])
    used, numbers = np.unique(numbers, return_inverse=True)
    return suffixes[used].tolist(), list(zip(numbers.tolist(), positions.tolist(), strict=True))


def _list(prefixes: np.ndarray, suffixes: list[list[int]], queries: list[tuple[int, int]]) -> StateFamily:
    return StateFamily(
        description=f"a list of {len(prefixes)} prefixes with different answers",
        size=len(prefixes),
        prefix_length=prefixes.shape[1],
        suffixes=suffixes,
        queries=queries,
        codec={"kind": "list", "prefixes": prefixes.tolist()},
    )


def _birthday(oracle: Oracle, length: int, suffixes: np.ndarray) -> StateFamily | None:
    prefixes = oracle.rows(_DRAWS, length)
    chosen = _told_apart(prefixes, oracle.answers(prefixes, suffixes))
    if chosen is None or len(chosen[0]) < _DRAWS:
        return None
    used, queries = _used(suffixes, chosen[1])
    return StateFamily(
        description=f"{_DRAWS} random prefixes of {length} tokens, all different (birthday bound)",
        size=_DRAWS * (_DRAWS - 1) * 10_000 // (2 * 138_156),  # N (N - 1) / (2 ln 10^6), a little less
        prefix_length=length,
        suffixes=used,
        queries=queries,
        codec={
            "kind": "random",
            "before": [],
            "after": [],
            "letters": oracle.tokens.tolist(),
            "free": length,
            "draws": _DRAWS,
        },
    )
