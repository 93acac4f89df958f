"""Selective copying, cut where it is not decided yet what will be asked: a tighter ceiling beyond a few bits.

    target ...... cut .... number ... answer     the number is read behind the cut: the suffix alone says what is asked
    number .. target .... cut ...... answer      the number is older than the target: only the latest one can ask

An answer of the first kind is divided among the cuts before its number, so that no state can choose what to keep by
what is asked; one of the second kind among all its cuts. Source: docs/theory.md, Theorem 13.8.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from plait.tasks import SelectiveCopying
from plait.theory.average.tails import few_levels, guessed, pattern_sums, union

MOST_PLACES = 9
"""Tokens back up to which guesses are told apart one by one; beyond, this ceiling is not computed."""

_ROUNDS = 300
_RARE = 1e-4
"""A chance of no number yet, below which a cut counts as one far from the start, which allows no less."""


def undecided_right(task: SelectiveCopying, seq_len: int, states: np.ndarray) -> np.ndarray:
    """The most right answers on an average row, for each number of states; infinite where numbers are too large."""
    if max(task.numbers) > MOST_PLACES:
        return np.full(len(states), np.inf)
    shares, total = before_number_shares(task.numbers, task.p_number), np.zeros(len(states))
    asked: dict[tuple[float, ...], int] = {}
    for cut in range(1, seq_len):
        weights = before_number_weights(task, seq_len, cut, shares)
        asked[weights] = asked.get(weights, 0) + 1
    for weights, times in asked.items():
        total += times * _before_number(task, weights, states)
    older: dict[tuple[int, tuple[float, ...], int | None], int] = {}
    for cut in range(1, seq_len):
        read = None if (1 - task.p_number) ** cut < _RARE else cut
        for n in task.numbers:
            key = (n, older_number_weights(task, seq_len, cut, n), read)
            older[key] = older.get(key, 0) + 1
    for (_, weights, read), times in older.items():
        if max(weights) > 0:
            total += times * _older_number(task, weights, read, states)
    return total


@lru_cache(maxsize=16)
def before_number_shares(numbers: tuple[int, ...], p_number: float) -> np.ndarray:
    """`shares[i, d, k - 1]`: of an answer with the i-th number, read d tokens before it, the share of the cut k places
    behind its target; so divided that guesses at all places are worth about the same."""
    far = max(numbers)
    chances = read_before(numbers, p_number)[:, :, None]
    place, distance = np.arange(1, far + 1), np.arange(far)
    shares = np.array([place[None, :] <= n - distance[:, None] for n in numbers], dtype=float)
    shares /= np.maximum(shares.sum(2, keepdims=True), 1)
    for _ in range(_ROUNDS):
        shares /= np.sqrt(np.maximum((chances * shares).sum((0, 1)), 1e-12))
        shares /= np.maximum(shares.sum(2, keepdims=True), 1e-300)
    return shares


def read_before(numbers: tuple[int, ...], p_number: float) -> np.ndarray:
    """`chances[i, d]`: the i-th number was read d tokens ago, none since, and its target before it."""
    distance = np.arange(max(numbers))
    chances = p_number / len(numbers) * (1 - p_number) ** distance
    return np.array([np.where(distance < n, chances, 0.0) for n in numbers])


def before_number_weights(
    task: SelectiveCopying, seq_len: int, cut: int, shares: np.ndarray
) -> tuple[float, ...]:
    """What a right guess at the token k places before the cut is worth, for k = 1, 2, ..: by numbers behind the cut."""
    chances = read_before(task.numbers, task.p_number)
    worth = np.zeros(min(max(task.numbers), cut))
    for index, n in enumerate(task.numbers):
        for k in range(1, min(n, cut) + 1):
            if cut - k + n < seq_len:
                worth[k - 1] += chances[index, : n - k + 1] @ shares[index, : n - k + 1, k - 1]
    return tuple(worth.tolist())


def older_number_weights(task: SelectiveCopying, seq_len: int, cut: int, n: int) -> tuple[float, ...]:
    """The same by the number n, where it is the latest and older than the token; only words may follow."""
    kept = 1 - task.p_number
    shares = kept ** np.arange(
        n
    )  # guesses at all places are worth the same, for those who know that n is the latest
    shares /= shares.sum()
    return tuple(
        float(shares[k - 1] * kept ** (n - k + 1)) if cut - k + n < seq_len else 0.0
        for k in range(1, min(n, cut) + 1)
    )


def _before_number(task: SelectiveCopying, weights: tuple[float, ...], states: np.ndarray) -> np.ndarray:
    if not max(weights) > 0:
        return np.zeros(len(states))
    words, numbers = task.n_words, len(task.numbers)
    heights, sums = guessed(
        weights,
        ((1 - task.p_number) / words, task.p_number / numbers),
        (words, numbers),
        tuple(states.tolist()),
    )
    return np.minimum(1.0, sums) @ heights


def _older_number(
    task: SelectiveCopying, weights: tuple[float, ...], read: int | None, states: np.ndarray
) -> np.ndarray:
    """Prefixes with one latest number, by its place: only tokens from it on may be asked for."""
    places = len(weights)
    numbered = np.arange(2**places)[:, None] >> np.arange(places) & 1  # which guesses are numbers
    sums, masses, scores = few_levels(pattern_sums(weights)), [], []
    for mass, place in _latest(task, places, read):
        mass = np.full((1, len(numbered)), mass)
        for k in range(1, min(place, places) + 1):
            right = (1 - numbered[:, k - 1]) / task.n_words if k < place else 1.0 * numbered[:, k - 1]
            mass = np.concatenate([mass * (1 - right), mass * right])
        masses.append(mass)
        scores.append(sums[: len(mass)])
    ends = np.cumsum([len(score) for score in scores]) - 1
    levels = np.concatenate(scores)
    counts = np.prod(np.where(numbered, float(len(task.numbers)), task.n_words), axis=1)
    heights, tops, covered = union(np.concatenate(masses), levels, counts, states)
    reachable = sum(
        mass[:, :1].sum() * (levels[end] >= tops - 1e-12) for mass, end in zip(masses, ends, strict=True)
    )
    return np.minimum(reachable, covered) @ heights


def _latest(task: SelectiveCopying, places: int, read: int | None) -> Iterator[tuple[float, int]]:
    """The chance that a given number is the latest of `read` tokens (None: of very many), and its place; those beyond
    `places` count as one."""
    kept, chance = 1 - task.p_number, task.p_number / len(task.numbers)
    for place in range(1, places + 1):
        yield chance * kept ** (place - 1), place
    if kept**places > 0 and read != places:
        yield (kept**places - (0.0 if read is None else kept**read)) / len(task.numbers), places + 1
