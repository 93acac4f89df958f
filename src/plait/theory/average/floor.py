"""Accuracy on sampled rows that some model of so many bits reaches: the other side of the ceilings.

Such models keep a part exactly and guess the rest. Recall: what followed some of the words. Needle: some of the words,
and one more as long as it lasts. Selective copying: `kept` and `schedule`. Source: docs/theory.md, 13.7.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from plait.tasks import AssociativeRecall, MultiKeyRecall, Needle, SelectiveCopying, known_of
from plait.theory.average.kept import copying_kept
from plait.theory.average.needle import check_rows, needle_reached
from plait.theory.average.recall import word_answers
from plait.theory.states import state_count


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
