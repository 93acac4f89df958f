"""Accuracy on sampled rows by bits of state: ceilings, the same read backwards, and what some model reaches.

A ceiling holds for every causal model that carries one of `2^bits` states from token to token, whatever its weights,
and for its average over the task's own distribution. From below stand models that keep a part exactly and guess the
rest. Selective copying: the latest number or not, and every so many tokens one, each until its place is wanted no
longer; the last of them with less than all its values. Recall: what followed some of the words. Needle: some of the
words, and one more as long as it lasts. Source: docs/theory.md, section 13, floors in 13.7.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from plait.checks import check_integer
from plait.tasks import (
    AssociativeRecall,
    DecodingRecall,
    MultiKeyRecall,
    Needle,
    SelectiveCopying,
    known_of,
)
from plait.theory.average.copying import copying_ceiling, copying_scored, wanted_at_number, wanted_at_word
from plait.theory.average.needle import check_rows, needle_ceiling, needle_reached, needle_scored
from plait.theory.average.recall import recall_ceiling, recall_scored, word_answers
from plait.theory.states import state_count

ALLOWANCE = 1e-9
"""Added to every ceiling, relatively; far above what rounding in float64 takes away in some hundred thousand steps."""

STEP = 0.25
"""Bits between the points of a curve."""

_KNOWN: dict[type, tuple[Callable[[Any, int, np.ndarray], np.ndarray], Callable[[Any, int], float]]] = {
    SelectiveCopying: (copying_ceiling, copying_scored),
    AssociativeRecall: (recall_ceiling, recall_scored),
    MultiKeyRecall: (recall_ceiling, recall_scored),
    DecodingRecall: (recall_ceiling, recall_scored),
    Needle: (needle_ceiling, needle_scored),
}


def accuracy_ceiling(task: object, seq_len: int, bits: Sequence[float]) -> list[float]:
    """The most of its scored positions, on average over sampled rows, that a model can be right at with so many bits.

    Args:
        task: a task of plait.
        seq_len: tokens of a row.
        bits: of state, everything that is carried from token to token; each at least 0.

    Raises:
        ValueError: a task or variant without a ceiling, a seq_len below 2, or bits below 0.
    """
    ceiling, _ = _known(task, seq_len)
    numbers = np.asarray(list(bits), dtype=float)
    if not (numbers >= 0).all():
        raise ValueError(f"bits must be at least 0, got {min(numbers.tolist())}")
    best = np.minimum(1.0, ceiling(task, seq_len, numbers) * (1 + ALLOWANCE))
    return best.tolist()


def scored_positions(task: object, seq_len: int) -> float:
    """How many positions of a sampled row are scored, on average.

    Raises:
        ValueError: as `accuracy_ceiling`.
    """
    _, scored = _known(task, seq_len)
    return scored(task, seq_len)


def _known(task: object, seq_len: int) -> tuple[Callable[..., np.ndarray], Callable[..., float]]:
    check_integer("seq_len", seq_len, least=2)
    known = known_of(task, _KNOWN)
    if known is None:
        raise ValueError(f"{type(task).__name__} has no ceiling on average: its distribution is not known")
    return known


def bits_proved(task: object, seq_len: int, accuracy: float) -> float:
    """Bits of state without which no model reaches this accuracy on sampled rows, on a grid of a quarter of a bit.

    Raises:
        ValueError: as `accuracy_ceiling`, or an accuracy outside [0, 1].
    """
    if not isinstance(accuracy, int | float) or isinstance(accuracy, bool) or not 0 <= accuracy <= 1:
        raise ValueError(f"accuracy must be in [0, 1], got {accuracy!r:.60}")
    bits, ceilings = ceiling_curve(task, seq_len)
    return max((b for b, ceiling in zip(bits, ceilings, strict=True) if ceiling < accuracy), default=0.0)


@lru_cache(maxsize=64)
def ceiling_curve(task: object, seq_len: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Bits from 0 on, and the ceiling at each, up to where everything can be right.

    Raises:
        ValueError: as `accuracy_ceiling`.
    """
    doublings = [2.0**power for power in range(4, 11)]
    ends = accuracy_ceiling(task, seq_len, doublings)
    last = next((end for end, ceiling in zip(doublings, ends, strict=True) if ceiling >= 1), doublings[-1])
    bits = np.arange(0, last + STEP, STEP)
    ceilings = accuracy_ceiling(task, seq_len, bits.tolist())
    whole = next((place for place, ceiling in enumerate(ceilings) if ceiling >= 1), len(ceilings) - 1)
    return tuple(bits[: whole + 1].tolist()), tuple(ceilings[: whole + 1])


def accuracy_floor(task: object, seq_len: int, bits: Sequence[float]) -> list[float]:
    """An accuracy, on average over sampled rows, that a model with so many bits of state reaches.

    Raises:
        ValueError: a task or variant for which no such models are known, or bits below 0.
    """
    floor = known_of(task, _FLOORS)
    if floor is None or (isinstance(task, MultiKeyRecall) and task.key_length > 1):
        raise ValueError(f"no models with a known accuracy at any number of bits for {task}")
    numbers = np.asarray(list(bits), dtype=float)
    if not (numbers >= 0).all():
        raise ValueError(f"bits must be at least 0, got {min(numbers.tolist())}")
    states = np.floor(2.0 ** np.minimum(numbers, 1000.0) * (1 + 1e-12))
    enough = state_count(task)
    right_always = enough is not None and (states >= float(min(enough, 2**1000)))
    reached = np.where(right_always, 1.0, floor(task, seq_len, states))
    return np.minimum(1.0, reached * (1 - 1e-9)).tolist()


def _copying(task: SelectiveCopying, seq_len: int, states: np.ndarray) -> np.ndarray:
    """A period of as many slots as the largest number is; a slot of `a` values has a - 1 of the likeliest tokens, and
    one for all others."""
    if task.variant != "uniform":
        raise ValueError(f"the rows of {task} are not of independent tokens")
    numbers = [n for n in task.numbers if n < seq_len]
    scored = copying_scored(task, seq_len)
    if not scored:
        return np.ones(len(states))
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
        left = states / len(task.numbers) / float(values) ** full
        part = np.clip(np.floor(left * (1 + 1e-12)), 1, values).astype(int)
        kept = right[:full, -1].sum() + right[full + 1 :, 0].sum()
        kept = kept + (right[full, part - 1] if full < period else 0.0)
        best = np.where(left * (1 + 1e-12) >= 1, np.maximum(best, kept), best)
    for full in range(1, period + 1):
        enough = states * (1 + 1e-12) >= float(values) ** full
        best = np.where(enough, np.maximum(best, _unnumbered(task, seq_len, full)), best)
    return best / scored


@lru_cache(maxsize=256)
def _unnumbered(task: SelectiveCopying, seq_len: int, slots: int) -> float:
    """What is right if so many of every `m` tokens are kept in full, spread evenly, and the latest number is not: a
    word is answered with a kept token that is in reach, or with the best guess."""
    period = max(task.numbers)
    kept_at = {place * period // slots for place in range(slots)}
    right = 0.0
    for t in range(seq_len):
        held = [n for n in task.numbers if n <= t and (t - n) % period in kept_at]
        for n in task.numbers:
            wanted = wanted_at_number(task, n, t)
            right += wanted.sum() if n in held else wanted.max()
        blind = np.sum([wanted_at_word(task, n, t) for n in task.numbers], axis=0).max()
        right += max([blind, *(_same_at_word(task, age, t) for age in held)])
    return float(right)


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


def _told(wanted: np.ndarray) -> np.ndarray:
    """What is right if a - 1 of these tokens are told apart, for a = 1, 2, ..: they and the best of the rest."""
    rest = np.maximum.accumulate(wanted[::-1])[::-1]
    return rest + np.insert(wanted.cumsum(), 0, 0.0)[:-1]


def _recall(task: AssociativeRecall | MultiKeyRecall, seq_len: int, states: np.ndarray) -> np.ndarray:
    """What followed the last occurrence of each of j words, and which of them was last, if one was."""
    words = task.n_words
    (guessed,) = word_answers(task, seq_len, np.ones(1))
    kept = np.array(
        [
            max((j for j in range(words) if float(words) ** j * (j + 1) <= count), default=0)
            for count in states
        ]
    )
    return (kept + (words - kept) * guessed) / words


def _needle(task: Needle, seq_len: int, states: np.ndarray) -> np.ndarray:
    """The model of Theorem 13.2, which is the best one on rows that are not too long."""
    check_rows(task, seq_len)
    return needle_reached(task, seq_len, states)


_FLOORS: dict[type, Callable[[Any, int, np.ndarray], np.ndarray]] = {
    SelectiveCopying: _copying,
    AssociativeRecall: _recall,
    MultiKeyRecall: _recall,
    Needle: _needle,
}
