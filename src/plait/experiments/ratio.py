"""The headline ratio: how many times the hybrid's parameters a pure model needs to reach the same accuracy.

Between two measured widths the mean accuracy is taken as linear in the logarithm of the parameters. Outside
of the measured widths nothing is guessed: a curve that starts above the accuracy reaches it with at most its
first parameters, one that ends below reaches it with more than its last, and the ratio becomes a bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plait.experiments.bootstrap import (
    SAMPLES,
    Interval,
    Statistic,
    bootstrap_means,
    bootstrap_statistic,
    interval_of,
    resampled,
)
from plait.experiments.cell import Cell
from plait.experiments.selection import once

_ROUNDING = 1e-12
"""Means that are equal but were summed in another order differ by less."""


@dataclass(frozen=True, kw_only=True)
class AccuracyCrossing:
    """Between `low` and `high` parameters; equal where the accuracy is reached inside the measured widths."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """Pure over hybrid parameters at `accuracy`.

    The ratio lies in `[low, high]`: a single number where both sides are measured, `high` infinite where no
    pure model got there, `low` 0 where no hybrid did. `interval` is the 95% bootstrap interval over seeds of
    the same quantity, from the smallest `low` to the largest `high` that it keeps.
    """

    accuracy: float
    low: float
    high: float
    interval: Interval | None
    seeds: int


def accuracy_crossing(
    parameters: Sequence[int], means: NDArray[np.float64], accuracy: float
) -> AccuracyCrossing:
    """Where a curve first reaches `accuracy`; `parameters` ascending."""
    low, high = _crossings(parameters, means[np.newaxis], accuracy)
    return AccuracyCrossing(low=float(low[0]), high=float(high[0]))


def headline_ratio(
    pure: Sequence[Cell], hybrid: Sequence[Cell], accuracy: float, *, samples: int = SAMPLES
) -> Ratio:
    """The ratio at one accuracy, over every pattern of each side.

    Cells with as many seeds share their bootstrap samples, so shared seeds stay paired.

    Raises:
        ValueError: no cells on a side, or an accuracy outside (0, 1].
    """
    return ratio_curve(pure, hybrid, (accuracy,), samples=samples)[0]


def ratio_curve(
    pure: Sequence[Cell],
    hybrid: Sequence[Cell],
    accuracies: Sequence[float],
    *,
    samples: int = SAMPLES,
    statistic: Statistic | None = None,
) -> tuple[Ratio, ...]:
    """The ratio as a function of the accuracy, from the same bootstrap samples throughout.

    Args:
        statistic: of a cell's seeds, in place of their mean; it chooses the learning rates as well, and so is of the
            seeds alone that were trained at every rate.

    Raises:
        ValueError: as `headline_ratio`.
    """
    if not pure or not hybrid:
        raise ValueError("a ratio needs at least one pure and one hybrid cell")
    for accuracy in accuracies:
        if not 0 < accuracy <= 1:
            raise ValueError(f"a ratio needs an accuracy in (0, 1], got {accuracy}")
    sides = pure, hybrid
    if statistic is not None:
        sides = tuple([cell.of_seeds(cell.complete_seeds) for cell in side] for side in sides)
    n_seeds = min(len(cell.seeds) for side in sides for cell in side)
    means = [_curves(side, None, statistic) for side in sides]
    resampled = [_curves(side, samples, statistic) for side in sides] if n_seeds >= 2 else None
    found: list[Ratio] = []
    for accuracy in accuracies:
        low, high = _ratios(means[0], means[1], accuracy)
        interval = None
        if resampled is not None:
            lows, highs = _ratios(resampled[0], resampled[1], accuracy)
            interval = Interval(low=interval_of(lows, n_seeds).low, high=interval_of(highs, n_seeds).high)
        ratio = Ratio(
            accuracy=accuracy, low=float(low[0]), high=float(high[0]), interval=interval, seeds=n_seeds
        )
        found.append(ratio)
    return tuple(found)


def ratio_samples(
    pure: Sequence[Cell], hybrid: Sequence[Cell], accuracy: float, *, samples: int | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The two ends of the ratio in every bootstrap sample (of all seeds once, where `samples` is None).

    The samples of cells with as many seeds are the same ones, so that ratios of two protocols can be divided.
    """
    return _ratios(_curves(pure, samples, None), _curves(hybrid, samples, None), accuracy)


_Curve = tuple[tuple[int, ...], NDArray[np.float64]]


def _curves(cells: Sequence[Cell], samples: int | None, statistic: Statistic | None) -> list[_Curve]:
    """By pattern: ascending parameters, and means of shape `(samples or 1, n_widths)`."""
    patterns: dict[str, list[Cell]] = {}
    for cell in sorted(cells, key=lambda cell: cell.parameters):
        patterns.setdefault(cell.pattern, []).append(cell)
    return [
        (
            tuple(cell.parameters for cell in row),
            np.stack([_centres(cell, samples, statistic) for cell in row], axis=1),
        )
        for row in patterns.values()
    ]


def _centres(cell: Cell, samples: int | None, statistic: Statistic | None) -> NDArray[np.float64]:
    """The cell's mean or other statistic, in each bootstrap sample or once for all seeds."""
    n_seeds = len(cell.seeds)
    drawn = once(n_seeds) if samples is None else resampled(n_seeds, samples=samples)
    if statistic is not None:
        return bootstrap_statistic(cell.select, cell.accuracy, drawn, statistic)
    return bootstrap_means(cell, drawn)


def _ratios(
    pure: list[_Curve], hybrid: list[_Curve], accuracy: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    pure_low, pure_high = _smallest(pure, accuracy)
    hybrid_low, hybrid_high = _smallest(hybrid, accuracy)
    with np.errstate(divide="ignore"):
        low = np.where(np.isinf(hybrid_high), 0.0, pure_low / hybrid_high)
        high = np.where(hybrid_low == 0.0, np.inf, pure_high / hybrid_low)
    return low, high


def _smallest(curves: list[_Curve], accuracy: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    lows, highs = zip(*(_crossings(parameters, means, accuracy) for parameters, means in curves), strict=True)
    return np.min(lows, axis=0), np.min(highs, axis=0)


def _crossings(
    parameters: Sequence[int], means: NDArray[np.float64], accuracy: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`crossing` for each row of `means`, as its two ends."""
    sizes, rows = np.log(parameters), np.arange(len(means))
    reached = means >= accuracy - _ROUNDING
    first = reached.argmax(axis=1)
    before = np.maximum(first - 1, 0)
    step = means[rows, first] - means[rows, before]
    share = (accuracy - means[rows, before]) / np.where(step == 0.0, 1.0, step)
    exact = np.exp(sizes[before] + share * (sizes[first] - sizes[before]))
    never, at_once = ~reached.any(axis=1), reached[:, 0]
    low = np.where(never, parameters[-1], np.where(at_once, 0.0, exact))
    high = np.where(never, np.inf, np.where(at_once, parameters[0], exact))
    return low, high
