"""Sums of weighted coins: how much of the probability the best S guesses can cover.

A guess is right about place k with probability p_k, independently, and then scores w_k. S guesses together cover the
scores above c with probability at most S P(score >= c), and never more than 1: filling the highest scores first is the
most that they can do. Source: docs/theory.md, Theorem 13.1.
"""

from collections.abc import Sequence

import numpy as np

GRID = 60
"""Steps of the grid that weights are rounded up to, for the heaviest of them."""


def score_tails(weights: np.ndarray, chance: float) -> tuple[np.ndarray, float]:
    """`P(score >= i step)` for i = 0, 1, .., each weight rounded up to the grid, and the step.

    Args:
        weights: of the places; at least one is positive.
        chance: of being right about each.
    """
    step = float(weights.max()) / GRID
    units = np.ceil(weights / step - 1e-9).astype(int)
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
