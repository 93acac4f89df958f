"""Selective copying: what models reach that keep some tokens exactly and guess the others.

    tokens   d a c b 5' e     two of every three places kept: d a . b 5' .
    states   the latest number or not, times the tokens that are kept, times the last of a few words

Source: docs/theory.md, 13.7.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from plait.tasks import SelectiveCopying
from plait.theory.average.copying import copying_scored, wanted_at_number, wanted_at_word
from plait.theory.average.schedule import schedules


def copying_kept(task: SelectiveCopying, seq_len: int, states: np.ndarray) -> np.ndarray:
    """The accuracy of the best of these models, for each number of states.

    Raises:
        ValueError: a variant whose tokens are not independent.
    """
    if task.variant != "uniform":
        raise ValueError(f"the rows of {task} are not of independent tokens")
    scored = copying_scored(task, seq_len)
    if not scored:
        return np.ones(len(states))
    best = np.maximum(_numbered(task, seq_len, states), _unnumbered(task, seq_len, states))
    for schedule in schedules(task, seq_len):
        best = np.where(states >= schedule.states, np.maximum(best, schedule.right), best)
    return best / scored


def _numbered(task: SelectiveCopying, seq_len: int, states: np.ndarray) -> np.ndarray:
    """The latest number, and a period of as many slots as the largest number is; a slot of `a` values has a - 1 of the
    likeliest tokens, and one for all others."""
    numbers = [n for n in task.numbers if n < seq_len]
    period, values = max(numbers), task.ordinary_tokens
    order = np.argsort(-wanted_at_number(task, numbers[0], seq_len - 1), kind="stable")
    right, blind = np.zeros((period, values)), 0.0
    for t in range(seq_len):
        by_word = np.zeros(values)
        for n in numbers:
            at_number, at_word = wanted_at_number(task, n, t), wanted_at_word(task, n, t)
            blind += at_number.max()
            by_word += at_word
            right[(t - n) % period] += sum(_told(wanted[order]) for wanted in (at_number, at_word))
        blind += by_word.max()
    right = right[np.argsort(-right[:, -1], kind="stable")]
    best = np.full(len(states), blind)
    for full in range(period + 1):
        left = states / len(task.numbers) / float(values) ** full  # an integer up to rounding, hence 1e-12
        part = np.clip(np.floor(left * (1 + 1e-12)), 1, values).astype(int)
        kept = right[:full, -1].sum() + right[full + 1 :, 0].sum()
        kept = kept + (right[full, part - 1] if full < period else 0.0)
        best = np.where(left * (1 + 1e-12) >= 1, np.maximum(best, kept), best)
    return best


def _told(wanted: np.ndarray) -> np.ndarray:
    """What is right if a - 1 of these tokens are told apart, for a = 1, 2, ..: they and the best of the rest."""
    rest = np.maximum.accumulate(wanted[::-1])[::-1]
    return rest + np.insert(wanted.cumsum(), 0, 0.0)[:-1]


def _unnumbered(task: SelectiveCopying, seq_len: int, states: np.ndarray) -> np.ndarray:
    """Without the number: some of every `m` tokens in full, and of some words the one that was read last."""
    best = np.zeros(len(states))
    for slots in range(max(task.numbers) + 1):
        left = np.floor(states / float(task.ordinary_tokens) ** slots * (1 + 1e-12))  # as above
        by_words = [unnumbered_right(task, seq_len, slots, words) for words in range(1, task.n_words + 1)]
        reached = np.maximum.accumulate([0.0, *by_words])  # more words may be worse: the latest is younger
        best = np.maximum(best, reached[np.clip(left, 0, task.n_words).astype(int)])
    return best


@lru_cache(maxsize=1024)  # slots times words of a few tasks
def unnumbered_right(task: SelectiveCopying, seq_len: int, slots: int, words: int) -> float:
    """What is right if so many of every `m` tokens are kept in full, spread evenly, and the one of so many words that
    was read last, and the latest number is not: answered is with a kept token that is in reach, with that word, or
    with the best guess."""
    answers, latest = _without_number(task, seq_len, slots), _latest_of(task, seq_len, words)
    held = answers.held_at_number.sum()
    return float(
        held
        + np.maximum(answers.at_number, latest[:, :-1] * ~(answers.held_at_number > 0)).sum()
        + np.maximum(answers.at_word, latest[:, -1]).sum()
    )


@dataclass(frozen=True, kw_only=True)
class _Answers:
    """Right answers at each place: `[place, number]` with a kept token, else by the best guess; `[place]` at words."""

    held_at_number: np.ndarray
    at_number: np.ndarray
    at_word: np.ndarray


@lru_cache(maxsize=256)  # slots, or words, of a few tasks
def _without_number(task: SelectiveCopying, seq_len: int, slots: int) -> _Answers:
    period = max(task.numbers)
    kept_at = {place * period // slots for place in range(slots)} if slots else set()
    held_at_number, at_number = (np.zeros((seq_len, len(task.numbers))) for _ in range(2))
    at_word = np.zeros(seq_len)
    for t in range(seq_len):
        held = [n for n in task.numbers if n <= t and (t - n) % period in kept_at]
        for index, n in enumerate(task.numbers):
            wanted = wanted_at_number(task, n, t)
            where = held_at_number if n in held else at_number
            where[t, index] = wanted.sum() if n in held else wanted.max()
        blind = np.sum([wanted_at_word(task, n, t) for n in task.numbers], axis=0).max()
        at_word[t] = max([blind, *(_same_at_word(task, age, t) for age in held)])
    return _Answers(held_at_number=held_at_number, at_number=at_number, at_word=at_word)


def _same_at_word(task: SelectiveCopying, age: int, t: int) -> float:
    """The chance of a word at place t whose target is the token `age` places back, or equals it."""
    kept, count = 1 - task.p_number, len(task.numbers)
    squares = kept**2 / task.n_words + task.p_number**2 / count
    total = 0.0
    for n in task.numbers:
        for latest in range(t if n <= t else 0):
            near, far = sorted((t - n, t - age), reverse=True)
            if near == far:
                same = 1.0
            elif latest in (near, far):  # a number, and the other a word behind it or any token before it
                same = task.p_number / count if latest == near else 0.0
            else:
                same = squares if near < latest else kept / task.n_words if far < latest else 1 / task.n_words
            total += task.p_number / count * kept ** (t - latest) * same
    return total


@lru_cache(maxsize=256)  # slots, or words, of a few tasks
def _latest_of(task: SelectiveCopying, seq_len: int, words: int) -> np.ndarray:
    """`[place, number]`, last a word: the chance of that token there and of a target that equals the one of the first
    `words` words that was read last. It does if it is that word, or by chance if such a word came since."""
    kept, count = 1 - task.p_number, len(task.numbers)
    of_words = words / task.n_words  # a word is one of them; a token is with the chance `of_words * kept`
    right = np.zeros((seq_len, count + 1))
    for index, n in enumerate(task.numbers):
        since = (1 - of_words * kept) ** (n - 1)
        at_number = task.p_number * kept / count * (since * of_words + (1 - since) / task.n_words)
        right[n:, index] = at_number
        for distance in range(1, seq_len):  # of the number, which is older or younger than the target
            if distance == n:
                continue
            if distance > n:
                since, token = (1 - of_words) ** (n - 1), 1.0
            else:
                since = (1 - of_words) ** (distance - 1) * (1 - of_words * kept) ** (n - 1 - distance)
                token = kept
            same = token * (since * of_words + (1 - since) / task.n_words)
            right[max(n, distance) :, count] += task.p_number / count * kept**distance * same
    return right
