"""Selective copying: how right S states can be on the sampled rows.

Cut a row anywhere. What is asked behind the cut about the token k places before it is right if the state's guess at
that token is, whatever is asked how. So a state is one guess at each of the m tokens, and the answers that cross a cut
score the chances of being asked. An answer with number n crosses n cuts; its worth is divided among them, in whatever
way bounds most. Source: docs/theory.md, Theorem 13.3.

Cut where it is not decided yet what will be asked, the ceiling is tighter beyond a few bits.

    target ...... cut .... number ... answer     the number is read behind the cut: the suffix alone says what is asked
    number .. target .... cut ...... answer      the number is older than the target: only the latest one can ask

An answer of the first kind is divided among the cuts before its number, so that no state can choose what to keep by
what is asked; one of the second kind among all its cuts. Source: docs/theory.md, Theorem 13.8.
"""

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from plait.tasks import SelectiveCopying
from plait.theory.average.tails import covered, few_levels, guessed, pattern_sums, score_tails, union

MOST_OPEN_PLACES = 9
"""Tokens back up to which guesses are told apart one by one; beyond, this ceiling is not computed."""

_OPEN_ROUNDS = 300
"""Rounds of evening out: any shares give a ceiling, these nearly the lowest."""
_RARE = 1e-4
"""A chance of no number yet, below which a cut counts as one far from the start, which allows no less."""


def undecided_right(task: SelectiveCopying, seq_len: int, states: np.ndarray) -> np.ndarray:
    """The most right answers on an average row, for each number of states; infinite where numbers are too large."""
    if max(task.numbers) > MOST_OPEN_PLACES:
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


@lru_cache(maxsize=16)  # a task each
def before_number_shares(numbers: tuple[int, ...], p_number: float) -> np.ndarray:
    """`shares[i, d, k - 1]`: of an answer with the i-th number, read d tokens before it, the share of the cut k places
    behind its target; so divided that guesses at all places are worth about the same."""
    far = max(numbers)
    chances = read_before(numbers, p_number)[:, :, None]
    place, distance = np.arange(1, far + 1), np.arange(far)
    shares = np.array([place[None, :] <= n - distance[:, None] for n in numbers], dtype=float)
    shares /= np.maximum(shares.sum(2, keepdims=True), 1)
    for _ in range(_OPEN_ROUNDS):  # 1e-12 and 1e-300 stand for sums of nothing, by which nothing is divided
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
    # Levels that are equal but for rounding count as reached: more is covered, and the ceiling no lower.
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


MOST_PLACES = 9
"""Tokens back up to which words and numbers are told apart in guesses; beyond, all count as the likelier of both."""

_ROUNDS = 300
"""As `_OPEN_ROUNDS`."""
_NEVER = 1e-15
"""A chance of no number yet, from which on cuts count as alike."""

Weights = tuple[float, ...]


def copying_ceiling(task: SelectiveCopying, seq_len: int, bits: np.ndarray) -> np.ndarray:
    """The most accuracy at each number of bits.

    Raises:
        ValueError: a variant whose tokens are not independent.
    """
    if task.variant != "uniform":
        raise ValueError(
            f"a ceiling is known for the variant uniform of selective copying, got {task.variant}"
        )
    states = 2.0 ** np.minimum(bits, 1000.0)  # beyond, a float64 would overflow
    scored = copying_scored(task, seq_len)
    if not scored:
        return np.ones(len(bits))
    best = _one_answer(task, seq_len, states)
    for shares in (_equal_shares(task.numbers), _level_shares(task.numbers)):
        best = np.minimum(best, _by_cuts(task, seq_len, shares, states) / scored)
    best = np.minimum(best, undecided_right(task, seq_len, states) / scored)
    return np.minimum(1.0, best)


def copying_scored(task: SelectiveCopying, seq_len: int) -> float:
    """Expected scored positions of a row: a number was read, and it does not point before the start."""
    kept = 1 - task.p_number
    reaching = (sum(n <= t for n in task.numbers) * (1 - kept ** (t + 1)) for t in range(seq_len))
    return sum(reaching) / len(task.numbers)


def _one_answer(task: SelectiveCopying, seq_len: int, states: np.ndarray) -> np.ndarray:
    """Of one answer alone: at each place, S states and the token there give at most S different ones."""
    # 2^bits may round to below the integer that it is: a ceiling may not lose a state by that.
    counted = np.minimum(np.floor(states + 1e-9), task.ordinary_tokens).astype(int) - 1
    right, scored = np.zeros(len(states)), 0.0
    kept = 1 - task.p_number
    alike = max(task.numbers) + (int(math.log(_NEVER) / math.log(kept)) + 1 if 0 < kept < 1 else seq_len)
    for t in range(min(seq_len, alike)):
        times = seq_len - t if t == alike - 1 else 1
        by_number = [wanted_at_number(task, n, t) for n in task.numbers]
        for wanted in (*by_number, np.sum([wanted_at_word(task, n, t) for n in task.numbers], axis=0)):
            right += times * np.sort(wanted)[::-1].cumsum()[counted]
            scored += times * float(wanted.sum())
    return right / scored


def wanted_at_number(task: SelectiveCopying, n: int, t: int) -> np.ndarray:
    """The chance of the number n at place t, and of each token to be its target."""
    if n > t:
        return np.zeros(task.ordinary_tokens)
    return task.p_number / len(task.numbers) * _usual(task)


def wanted_at_word(task: SelectiveCopying, n: int, t: int) -> np.ndarray:
    """The chance of a word at place t with latest number n, and of each token to be its target."""
    if n > t:
        return np.zeros(task.ordinary_tokens)
    kept = 1 - task.p_number
    # The latest number stands after the target, at it, or before it, where the target is a word.
    wanted = (1 - kept ** (n - 1)) * _usual(task)
    wanted[task.n_words + task.numbers.index(n)] += kept ** (n - 1) * task.p_number
    wanted[: task.n_words] += kept ** (n - 1) * (1 - kept ** (t - n)) * kept / task.n_words
    return kept / len(task.numbers) * wanted


def _usual(task: SelectiveCopying) -> np.ndarray:
    """The chance of each token."""
    kinds = ((task.n_words, 1 - task.p_number), (len(task.numbers), task.p_number))
    return np.concatenate([np.full(n, share / n) for n, share in kinds])


def _by_cuts(task: SelectiveCopying, seq_len: int, shares: np.ndarray, states: np.ndarray) -> np.ndarray:
    """The sum over all cuts of what guesses can score there, the latest number being known for free."""
    total, kept, k = np.zeros(len(states)), 1 - task.p_number, len(task.numbers)
    far = max(task.numbers)
    alike = far if kept == 0 else max(far, int(math.log(_NEVER) / math.log(kept)) + 1)
    for cut in range(1, seq_len):
        if alike < cut < seq_len - far - 1:
            continue
        times = max(1, seq_len - far - 1 - alike) if cut == alike else 1
        for index in [*range(k), None]:
            chance = kept**cut if index is None else (1 - kept**cut if times == 1 else 1) / k
            weights = _weights(task, seq_len, cut, shares, index)
            if chance > 0 and max(weights, default=0) > 0:
                total += times * _scores(task, weights, states, chance)
    return total


def _weights(
    task: SelectiveCopying, seq_len: int, cut: int, shares: np.ndarray, latest: int | None
) -> Weights:
    """What a right guess at the token k places before the cut is worth, for k = 1, 2, ..: over all answers behind the
    cut, the chance of being asked times this cut's share."""
    kept, k = 1 - task.p_number, len(task.numbers)
    worth = np.zeros(min(max(task.numbers), cut))
    for index, n in enumerate(task.numbers):
        for place in range(1, min(n, cut) + 1):
            ahead = n - place
            if cut + ahead < seq_len:
                unchanged = kept ** (ahead + 1)
                asked = (1 - unchanged) / k + (unchanged if index == latest else 0.0)
                worth[place - 1] += shares[index, place - 1] * asked
    return tuple(worth.tolist())


def _scores(task: SelectiveCopying, weights: Weights, states: np.ndarray, most: float) -> np.ndarray:
    word, number = (1 - task.p_number) / task.n_words, task.p_number / len(task.numbers)
    if len(weights) > MOST_PLACES:
        tails, step = score_tails(np.array(weights), max(word, number))
        return covered(tails, step, states, most=most)
    heights, sums = guessed(
        weights, (word, number), (task.n_words, len(task.numbers)), tuple(states.tolist())
    )
    return np.minimum(most, sums) @ heights


def _equal_shares(numbers: tuple[int, ...]) -> np.ndarray:
    """`shares[i, k - 1]`: of an answer with the i-th number, the share of the cut k places behind its target."""
    shares = np.zeros((len(numbers), max(numbers)))
    for row, n in zip(shares, numbers, strict=True):
        row[:n] = 1 / n
    return shares


def _level_shares(numbers: tuple[int, ...]) -> np.ndarray:
    """Shares such that guesses at all places are worth about the same."""
    shares = _equal_shares(numbers)
    for _ in range(_ROUNDS):  # 1e-12 stands for a sum of nothing
        shares = shares / np.sqrt(np.maximum(shares.sum(0), 1e-12))
        shares /= shares.sum(1, keepdims=True)
    return shares
