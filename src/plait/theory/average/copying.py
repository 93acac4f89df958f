"""Selective copying: how right S states can be on the sampled rows.

Cut a row anywhere. What is asked behind the cut about the token k places before it is right if the state's guess at
that token is, whatever is asked how. So a state is one guess at each of the m tokens, and the answers that cross a cut
score the chances of being asked. An answer with number n crosses n cuts; its worth is divided among them, in whatever
way bounds most. Source: docs/theory.md, Theorem 13.3.
"""

import math

import numpy as np

from plait.tasks import SelectiveCopying
from plait.theory.average.tails import covered, guessed, score_tails
from plait.theory.average.undecided import undecided_right

MOST_PLACES = 9
"""Tokens back up to which words and numbers are told apart in guesses; beyond, all count as the likelier of both."""

_ROUNDS = 300
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
    states = 2.0 ** np.minimum(bits, 1000.0)
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
    for _ in range(_ROUNDS):
        shares = shares / np.sqrt(np.maximum(shares.sum(0), 1e-12))
        shares /= shares.sum(1, keepdims=True)
    return shares
