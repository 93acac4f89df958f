"""Slots found one by one: places of a prefix whose token the answers give away, each one given those before it.

Places are tried from the cut backwards (or from the start forwards). A place becomes a slot if some queries, whose
answers do not depend on the places not yet tried, tell its values apart whatever the earlier slots hold. Decoding goes
the same way: what is already decoded is filled in, and the task itself says which value fits (a triangular family).
Every claim is measured afterwards on fresh random contents.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from plait.theory.exact_numbers import ALPHA, least_success_rate
from plait.theory.families.family import StateFamily
from plait.theory.search.oracle import UNDEFINED, Oracle, asking_suffixes

_MOST_VALUES = 40
_FILLS = 3
_MOST_COLUMNS = 300
_CHECKED, _PRUNED_BY = 300, 100
_ROWS = 20_000
_PLAIN_ROUNDS = 6
"""Values, fills, queries, contents that are checked or pruned by, rows and rounds: effort (`plait.theory.search`)."""


@dataclass(frozen=True, kw_only=True)
class FoundSlot:
    """A place, its values, the queries that read it, and whether the answer is the value itself."""

    place: int
    values: np.ndarray
    reads: list[int]
    copies: bool


def slot_candidates(oracle: Oracle) -> Iterator[StateFamily | None]:
    """Families of slots from prefix lengths, bases, alphabets and directions in turn; None while one is looked for."""
    # A third, a half, a sixth.
    lengths = [max(1, min(oracle.seq_len // part, oracle.seq_len - 1)) for part in (3, 2, 6)]
    for number in count():
        if oracle.left() <= 0:
            return
        length = lengths[number // 2 % 3]
        if number >= _PLAIN_ROUNDS:
            length = 1 + int(oracle.integers(oracle.seq_len - 1, (1,))[0])
        letters = oracle.tokens if number < _PLAIN_ROUNDS else oracle.some_tokens()
        yield from _search(oracle, length, letters, backwards=number % 2 == 0)


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """What slots are looked for in: the prefix where no slot stands, the tokens for them, and what may follow."""

    base: np.ndarray
    letters: np.ndarray
    suffixes: np.ndarray


def _search(
    oracle: Oracle, length: int, letters: np.ndarray, *, backwards: bool
) -> Iterator[StateFamily | None]:
    asked = _contexts(oracle) * _FILLS * min(len(letters), _MOST_VALUES)
    width = min(oracle.seq_len - length, 2 * length + 4)
    trial = _Trial(
        base=letters[oracle.integers(len(letters), (length,))],
        letters=letters,
        # As many as a round has rows for.
        suffixes=asking_suffixes(oracle, max(24, min(128, _ROWS // asked)), width),
    )
    slots: list[FoundSlot] = []
    order = list(range(length))[:: -1 if backwards else 1]
    for number, place in enumerate(order):
        if oracle.left() <= 0:
            break
        slot = _slot_at(oracle, trial, slots, place, order[number + 1 :])
        if slot is not None:
            slots.append(slot)
        yield None
    yield _measured(oracle, trial.base, slots, trial.suffixes) if slots else None


def _contexts(oracle: Oracle) -> int:
    """How many fillings of the earlier slots each place is tried with."""
    return max(5, min(24, 100 // len(oracle.tokens)))  # of many tokens fewer: rows are their product


def _slot_at(
    oracle: Oracle, trial: _Trial, slots: list[FoundSlot], place: int, untried: list[int]
) -> FoundSlot | None:
    """The slot at a place: the answers that no untried place changes tell its values apart."""
    base, suffixes, values = trial.base, trial.suffixes, trial.letters
    if len(values) > _MOST_VALUES:
        values = values[np.argsort(oracle.integers(2**20, (len(values),)), kind="stable")[:_MOST_VALUES]]
    contexts = _with_values(oracle, slots, np.tile(base, (_contexts(oracle), 1)))
    fills = np.repeat(contexts[:, None], _FILLS, axis=1)
    if untried:
        shape = (len(contexts), _FILLS - 1, len(untried))
        fills[:, 1:, untried] = trial.letters[oracle.integers(len(trial.letters), shape)]
    prefixes = np.repeat(fills[:, None], len(values), axis=1)
    prefixes[..., place] = values[None, :, None]
    answers = oracle.answers(prefixes.reshape(-1, len(base)), suffixes)
    table = answers.reshape(len(contexts), len(values), _FILLS, -1)
    steady = ((table == table[:, :, :1]) & (table != UNDEFINED)).all((0, 1, 2))
    columns = np.flatnonzero(steady)
    if not len(columns):
        return None
    table = table[:, :, 0, columns]
    copied = (table == values[None, :, None]).all(0).sum(0)
    if 2 * copied.max() >= len(values):
        read = int(columns[copied.argmax()])
        number, position = divmod(read, suffixes.shape[1])
        copying = _copying(oracle, contexts, place, suffixes[number], position)
        if len(copying) > 1:
            return FoundSlot(place=place, values=copying, reads=[read], copies=True)
    kept, reads = _telling(table)
    if len(kept) < 2:
        return None
    reads = [int(columns[read]) for read in reads]
    return FoundSlot(place=place, values=values[kept], reads=reads, copies=False)


def _with_values(oracle: Oracle, slots: list[FoundSlot], rows: np.ndarray) -> np.ndarray:
    """The rows with a random value in each slot."""
    for slot in slots:
        rows[:, slot.place] = slot.values[oracle.integers(len(slot.values), (len(rows),))]
    return rows


def _copying(
    oracle: Oracle, contexts: np.ndarray, place: int, suffix: np.ndarray, position: int
) -> np.ndarray:
    """The tokens that the query answers with when they stand at the place, in every context."""
    prefixes = np.repeat(contexts[:, None], len(oracle.tokens), axis=1)
    prefixes[..., place] = oracle.tokens
    answers = oracle.answers(prefixes.reshape(-1, contexts.shape[1]), suffix[None])[:, 0, position]
    return oracle.tokens[(answers.reshape(len(contexts), -1) == oracle.tokens).all(0)]


def _telling(table: np.ndarray) -> tuple[list[int], list[int]]:
    """Values that are told apart in every context, and few columns that do it; `table[context, value, column]`."""
    codes = [np.unique(context, axis=0, return_inverse=True)[1].reshape(-1) for context in table]
    kept: list[int] = []
    for value in range(table.shape[1]):
        if all(code[value] != code[other] for code in codes for other in kept):
            kept.append(value)
    a, b = np.triu_indices(len(kept), 1)
    differs = table[:, np.array(kept)[a]] != table[:, np.array(kept)[b]]  # (context, pair, column)
    left, reads = np.ones(differs.shape[:2], dtype=bool), []
    while left.any():
        best = int((differs & left[..., None]).sum((0, 1)).argmax())
        left &= ~differs[..., best]
        reads.append(best)
    return kept, reads


def _measured(
    oracle: Oracle, base: np.ndarray, slots: list[FoundSlot], suffixes: np.ndarray
) -> StateFamily | None:
    """The family of the slots, without those that fail often, and its share of contents that come back."""
    while slots:
        blame = _blame(oracle, base, slots, suffixes, _PRUNED_BY)
        if blame.sum() <= _PRUNED_BY // 4 or oracle.left() <= 0:  # three quarters come back
            break
        limit = max(blame.max() // 2, _PRUNED_BY // 10)
        slots = [slot for slot, blamed in zip(slots, blame, strict=True) if blamed <= limit]
    if not slots:
        return None
    right = _CHECKED - int(_blame(oracle, base, slots, suffixes, _CHECKED).sum())
    share = least_success_rate(right, _CHECKED, ALPHA)
    used = sorted({read // suffixes.shape[1] for slot in slots for read in slot.reads})
    queries = sorted({read for slot in slots for read in slot.reads})
    size = 1
    for slot in slots:
        size *= len(slot.values)
    return StateFamily(
        description=f"{len(slots)} of {len(base)} tokens, each one of {_shown(slots)}",
        size=size,
        share=share,
        prefix_length=len(base),
        suffixes=suffixes[used].tolist(),
        queries=[(used.index(read // suffixes.shape[1]), read % suffixes.shape[1]) for read in queries],
        codec={
            "kind": "slots",
            "base": base.tolist(),
            "slots": [
                {
                    "at": [slot.place],
                    "values": slot.values.tolist(),
                    "reads": [queries.index(read) for read in slot.reads],
                    **({} if slot.copies else {"answers": "simulated"}),
                }
                for slot in slots
            ],
        },
    )


def _shown(slots: list[FoundSlot]) -> str:
    counts = sorted({len(slot.values) for slot in slots})
    return f"{counts[0]} values" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} values"


def _blame(
    oracle: Oracle, base: np.ndarray, slots: list[FoundSlot], suffixes: np.ndarray, n_contents: int
) -> np.ndarray:
    """Of `n_contents` random contents, how many are read back up to each slot and not there."""
    contents = _with_values(oracle, slots, np.tile(base, (n_contents, 1)))
    known = np.tile(base, (n_contents, 1))
    alive, blame = np.ones(n_contents, dtype=bool), np.zeros(len(slots), dtype=np.int64)
    for number, slot in enumerate(slots):
        right = _read_back(oracle, slot, contents, known, suffixes)
        blame[number] = (alive & ~right).sum()
        alive &= right
        known[:, slot.place] = contents[:, slot.place]
    return blame


def _read_back(
    oracle: Oracle, slot: FoundSlot, contents: np.ndarray, known: np.ndarray, suffixes: np.ndarray
) -> np.ndarray:
    """Whether the slot's value in each content is the first that fits the answers, given the slots known before."""
    width = suffixes.shape[1]
    asked = sorted({read // width for read in slot.reads})
    rows = [asked.index(read // width) for read in slot.reads]
    positions = [read % width for read in slot.reads]
    got = oracle.answers(contents, suffixes[asked])[:, rows, positions]
    truth = contents[:, slot.place]
    if slot.copies:
        return got[:, 0] == truth
    tried = np.repeat(known[:, None], len(slot.values), axis=1)
    tried[..., slot.place] = slot.values
    table = oracle.answers(tried.reshape(-1, known.shape[1]), suffixes[asked])[:, rows, positions]
    table = table.reshape(len(contents), len(slot.values), -1)
    fits = ((table == got[:, None]) | (table == UNDEFINED)).all(2)
    return (slot.values[fits.argmax(1)] == truth) & fits.any(1) & (got != UNDEFINED).all(1)
