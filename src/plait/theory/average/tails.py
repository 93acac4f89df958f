"""Sums of weighted coins: how much of the probability the best S guesses can cover.

A guess is right about place k with probability p_k, independently, and then scores w_k. S guesses together cover the
scores above c with probability at most S P(score >= c), and never more than 1: filling the highest scores first is the
most that they can do. Source: docs/theory.md, Theorem 13.1.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

_MOST_LEVELS = 128
"""Levels of a score that are told apart; more are rounded up."""

_GRID = 60
"""Steps of the grid that weights are rounded up to, for the heaviest of them."""


def score_tails(weights: np.ndarray, chance: float) -> tuple[np.ndarray, float]:
    """`P(score >= i step)` for i = 0, 1, .., each weight rounded up to the grid, and the step.

    Args:
        weights: of the places; at least one is positive.
        chance: of being right about each.
    """
    step = float(weights.max()) / _GRID
    units = np.ceil(weights / step - 1e-9).astype(int)  # an integer that rounds up is not the next one
    mass = np.zeros(int(units.sum()) + 1)
    mass[0], top = 1.0, 0
    for unit in units.tolist():
        moved = mass[: top + 1] * chance
        mass[: top + 1] *= 1 - chance
        mass[unit : top + 1 + unit] += moved
        top += unit
    return mass[::-1].cumsum()[::-1], step


def covered(tails: np.ndarray, step: float, states: np.ndarray, *, most: float = 1.0) -> np.ndarray:
    """The expected score of the best guesses, `sum step min(most, S P(score >= c))`, for each number of states."""
    return step * np.minimum(most, states[:, None] * tails[None, 1:]).sum(1)


def pattern_sums(weights: Sequence[float]) -> np.ndarray:
    """The score of each set of places that can be right, `2^m` of them."""
    sums = np.zeros(1)
    for weight in weights:
        sums = np.concatenate([sums, sums + weight])
    return sums


@lru_cache(maxsize=512)  # places of a row, of which many have equal weights
def guessed(
    weights: tuple[float, ...],
    chances: tuple[float, float],
    letters: tuple[int, int],
    states: tuple[float, ...],
) -> tuple[np.ndarray, np.ndarray]:
    """The heights of the levels of the score, and `[states, level]` the chance that the best guesses reach the level.

    Guesses are of kinds, by which places are guessed to be of the second kind of letter.

    Args:
        weights: of the places.
        chances: of one letter of each kind.
        letters: how many there are of each kind.
        states: how many strings of guesses there may be.
    """
    second = np.arange(2 ** len(weights))[:, None] >> np.arange(len(weights)) & 1
    mass = np.ones((1, len(second)))
    for place in range(len(weights)):
        chance = np.take(chances, second[:, place])
        mass = np.concatenate([mass * (1 - chance), mass * chance])
    counts = np.prod(np.take(np.array(letters, dtype=float), second), axis=1)
    heights, _, reached = union(mass, few_levels(pattern_sums(weights)), counts, np.array(states))
    return heights, reached


def union(
    mass: np.ndarray, scores: np.ndarray, counts: np.ndarray, states: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How much of the mass the best strings of guesses can bring to each level of the score, at most.

    Args:
        mass: `[outcome, kind]`, the mass at which a string of the kind has the outcome.
        scores: of the outcomes.
        counts: how many strings are of each kind.
        states: how many strings there may be.

    Returns:
        The heights of the levels (what each adds to the one below), the levels, and `[states, level]`.
    """
    order = np.argsort(-scores, kind="stable")
    levels = scores[order]
    last = np.append(levels[1:] < levels[:-1] - 1e-12, False)  # of equal levels; that of score 0 is free
    tails, tops = mass[order].cumsum(0)[last].T, levels[last]
    ranked = np.argsort(-tails, axis=0, kind="stable")
    filled = counts[ranked]
    covered_by = np.take_along_axis(tails, ranked, axis=0) * filled
    filled, covered_by = (np.insert(sums.cumsum(0), 0, 0.0, axis=0) for sums in (filled, covered_by))
    reached = [np.interp(states, *curve) for curve in zip(filled.T, covered_by.T, strict=True)]
    return tops - np.append(tops[1:], 0.0), tops, np.array(reached).reshape(len(tops), len(states)).T


def few_levels(scores: np.ndarray) -> np.ndarray:
    """The scores, rounded up to a grid where they are many."""
    if len(scores) <= _MOST_LEVELS:
        return scores
    step = scores.max() / _MOST_LEVELS
    return step * np.ceil(scores / step - 1e-9)  # as in `score_tails`
