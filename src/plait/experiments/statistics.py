"""What a cell's seeds say: centre, spread, interval, and paired comparison with another cell."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plait.experiments.bootstrap import (
    SAMPLES,
    Interval,
    bootstrap_means,
    chance_of,
    interval_of,
    mean_interval,
    resampled,
)
from plait.experiments.cell import Cell
from plait.experiments.selection import Samples, once


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A cell at its chosen learning rate, the one at place `chosen` of the cell's.

    `sd` is the standard deviation over seeds (n - 1 below the sum; None for one seed), `above_90` and
    `above_99` are the shares of seeds with an accuracy of at least that, `diverged` counts seeds at `lr`;
    `interval` is None for fewer than two seeds.
    """

    cell: Cell
    chosen: int
    lr: float
    seeds: int
    mean: float
    sd: float | None
    p10: float
    p90: float
    above_90: float
    above_99: float
    diverged: int
    interval: Interval | None

    @property
    def accuracies(self) -> NDArray[np.float64]:
        """Of the seeds, at the chosen rate."""
        return self.cell.accuracy[self.chosen]


def summarise(cell: Cell, *, samples: int = SAMPLES) -> Summary:
    """The seeds of a cell at its chosen learning rate; one that diverged counts with its frozen weights."""
    chosen = int(cell.rule.chosen(once(len(cell.seeds)))[0])
    accuracy = np.nan_to_num(cell.accuracy[chosen], nan=0.0)
    n_seeds = len(accuracy)
    return Summary(
        cell=cell,
        chosen=chosen,
        lr=cell.lrs[chosen],
        seeds=n_seeds,
        mean=float(accuracy.mean()),
        sd=float(accuracy.std(ddof=1)) if n_seeds > 1 else None,
        p10=float(np.quantile(accuracy, 0.1)),
        p90=float(np.quantile(accuracy, 0.9)),
        above_90=float((accuracy >= 0.9).mean()),
        above_99=float((accuracy >= 0.99).mean()),
        diverged=int(cell.diverged[chosen].sum()),
        interval=mean_interval(cell, samples=samples),
    )


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Mean of `first - second` over the `seeds` that both cells have, each at its chosen learning rate.

    `p` is the chance of a mean as far from 0 if there were no difference: Student's t at `seeds - 1` degrees of
    freedom, of the mean over the bootstrap's standard deviation, widened as the interval is. None where that is.
    """

    mean: float
    interval: Interval | None
    seeds: int
    p: float | None = None


def paired_difference(first: Cell, second: Cell, *, samples: int = SAMPLES) -> Difference:
    """Seed by seed, so that what two architectures share (data, luck of the stream) cancels.

    Raises:
        ValueError: no seed is shared.
    """
    cells = _shared(first, second)
    shared = cells[0].seeds
    mean = float(np.subtract(*_means_of(cells)))
    if len(shared) < 2:
        return Difference(mean=mean, interval=None, seeds=1)
    taken = resampled(len(shared), samples=samples)
    differences = bootstrap_means(cells[0], taken) - bootstrap_means(cells[1], taken)
    return _difference(mean, differences, len(shared))


def paired_means(first: Cell, second: Cell) -> tuple[float, float]:
    """What `paired_difference` is the difference of: each mean over the seeds that both have.

    Raises:
        ValueError: no seed is shared.
    """
    return _means_of(_shared(first, second))


def _shared(first: Cell, second: Cell) -> tuple[Cell, Cell]:
    shared = [seed for seed in first.seeds if seed in second.seeds]
    if not shared:
        raise ValueError(
            f"no seed is shared by {first.pattern} ({first.seeds}) and {second.pattern} ({second.seeds})"
        )
    return first.of_seeds(shared), second.of_seeds(shared)


def _means_of(cells: tuple[Cell, Cell]) -> tuple[float, float]:
    first, second = (float(bootstrap_means(cell, once(len(cell.seeds)))[0]) for cell in cells)
    return first, second


def change_of_difference(
    now: tuple[Cell, Cell], before: tuple[Cell, Cell], *, samples: int = SAMPLES
) -> Difference:
    """How much larger `now[0] - now[1]` is than `before[0] - before[1]`, over the seeds that all four have.

    Raises:
        ValueError: no seed is shared.
    """
    every = (*now, *before)
    shared = [seed for seed in now[0].seeds if all(seed in cell.seeds for cell in every)]
    if not shared:
        raise ValueError("no seed is shared by the two differences")
    cells = [cell.of_seeds(shared) for cell in every]

    def change(taken: Samples) -> NDArray[np.float64]:
        first, second, third, fourth = (bootstrap_means(cell, taken) for cell in cells)
        return (first - second) - (third - fourth)

    mean = float(change(once(len(shared)))[0])
    if len(shared) < 2:
        return Difference(mean=mean, interval=None, seeds=1)
    changes = change(resampled(len(shared), samples=samples))
    return _difference(mean, changes, len(shared))


def _difference(mean: float, drawn: NDArray[np.float64], seeds: int) -> Difference:
    return Difference(
        mean=mean, interval=interval_of(drawn, seeds), seeds=seeds, p=chance_of(mean, drawn, seeds)
    )
