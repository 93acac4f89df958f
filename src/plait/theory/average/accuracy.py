"""Accuracy on sampled rows by bits of state: ceilings, the same read backwards, and floors.

A ceiling holds for every causal model that carries one of `2^bits` states from token to token, whatever its weights,
and for its average over the task's own distribution. Source: docs/theory.md, section 13.

A floor is what some such model reaches: it keeps a part exactly and guesses the rest. Recall: what followed some of the
words. Needle: some of the words, and one more as long as it lasts. Selective copying: `kept` and `schedule`. Source:
13.7 there.
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
from plait.theory.average.copying import copying_ceiling, copying_scored
from plait.theory.average.kept import copying_kept
from plait.theory.average.needle import check_rows, needle_ceiling, needle_reached, needle_scored
from plait.theory.average.recall import recall_ceiling, recall_scored, word_answers
from plait.theory.states import state_count

ALLOWANCE = 1e-9
"""Added to every ceiling, relatively; far above what rounding in float64 takes away in some hundred thousand steps."""

_STEP = 0.25
"""Bits between the points of a curve."""

_SHORT = 64.0
"""Bits at which most curves have ended; the longest end at 16 times as many, as far as a float64 holds states."""

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


@lru_cache(maxsize=64)  # a task at a length each
def ceiling_curve(task: object, seq_len: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Bits from 0 on, and the ceiling at each, up to where everything can be right.

    Raises:
        ValueError: as `accuracy_ceiling`.
    """
    # The points share most of the work: a short curve takes one call, a longer one a second that knows its end.
    bits, doublings = np.arange(0, _SHORT + _STEP, _STEP), [_SHORT * 2.0**power for power in range(1, 5)]
    ceilings = accuracy_ceiling(task, seq_len, [*bits.tolist(), *doublings])
    ceilings, ends = ceilings[: len(bits)], ceilings[len(bits) :]
    if ceilings[-1] < 1:
        last = next(
            (end for end, ceiling in zip(doublings, ends, strict=True) if ceiling >= 1), doublings[-1]
        )
        bits = np.arange(0, last + _STEP, _STEP)
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
    # 2^bits may round to below the integer that it is; beyond 1,000 bits a float64 would overflow. What is reached is
    # told a billionth lower, far more than rounding adds.
    states = np.floor(2.0 ** np.minimum(numbers, 1000.0) * (1 + 1e-12))
    enough = state_count(task)
    right_always = enough is not None and (states >= float(min(enough, 2**1000)))
    reached = np.where(right_always, 1.0, floor(task, seq_len, states))
    return np.minimum(1.0, reached * (1 - 1e-9)).tolist()


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
    SelectiveCopying: copying_kept,
    AssociativeRecall: _recall,
    MultiKeyRecall: _recall,
    Needle: _needle,
}
