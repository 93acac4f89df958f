"""The learning rate of a cell: by a rule that looks at no accuracy that is reported.

Ours is the best mean accuracy over seeds, on separate sequences. The program released with arXiv 2603.08859 takes
the rate of the single run with the least mean training loss over its first 1,000 steps, among two runs a rate.
Between settings, each with its rate, the runs choose that both have, again on the separate sequences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from plait.deferred import deferred

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = deferred("numpy")

EARLY_STEPS = 1_000
"""Steps whose training loss the released program's rule looks at."""

EARLY_RUNS = 2
"""Single runs of each rate that it looks at."""

RuleName = Literal["select", "early"]


@dataclass(frozen=True, eq=False)
class Samples:
    """Which seeds each sample takes, `(samples, n_seeds)`, and how much each seed then weighs in its means."""

    taken: NDArray[np.int64]
    weights: NDArray[np.float64]


def samples_of(taken: NDArray[np.int64]) -> Samples:
    """Samples from the seeds taken, `(samples, seeds)`, and the share of each seed in each."""
    samples, n_seeds = taken.shape
    places = taken + n_seeds * np.arange(samples)[:, np.newaxis]
    counts = np.bincount(places.ravel(), minlength=samples * n_seeds).reshape(samples, n_seeds)
    return Samples(taken, counts / n_seeds)


def once(n_seeds: int) -> Samples:
    """One sample: every seed, in order."""
    return Samples(np.arange(n_seeds)[np.newaxis], np.full((1, n_seeds), 1 / n_seeds))


class SelectionRule(Protocol):
    """How a cell's learning rate is chosen."""

    def chosen(self, samples: Samples) -> NDArray[np.int64]:
        """The index of each sample's rate."""
        ...


@dataclass(frozen=True, eq=False)
class BestMean:
    """The rate with the best mean of `select` `(n_lrs, n_seeds)`; what is not a number counts as 0.

    Where rates have different seeds, it is the one that is better than each other one on the seeds that both have: one
    more rate that a single seed has tried is compared by that seed, and the others still by all of theirs. Where no
    rate is (three may beat one another in a ring, since their seeds differ), those of the fewest seeds are left out
    until one is; of rates that are left and have as many, the seeds that have every rate choose. Of equal rates it is
    that of the most seeds, of these the smallest.

    Args:
        trained: where `select` is of a member that was trained; at least one seed has every rate (None: all have).
            A sample without a seed that two rates share has the comparison of all that they share. So where the rate
            that all seeds choose has all of them, a sample chooses none of which it has no seed: that one lost to it.
    """

    select: NDArray[np.float64]
    trained: NDArray[np.bool_] | None = None

    def chosen(self, samples: Samples) -> NDArray[np.int64]:
        select = np.nan_to_num(self.select, nan=0.0)
        if self.trained is None:
            return choose_mean(samples.weights @ select.T)
        return _better_than_each(select, self.trained, samples.weights)


@dataclass(frozen=True, eq=False)
class LeastEarlyLoss:
    """The rate of the single run with the least of `early` `(n_lrs, n_seeds)`, among a sample's first two seeds.

    Args:
        complete: the seeds that have every rate, among which it is chosen (None: all); a sample's first two are the
            first two of these. A sample with none of them has the rate of all of them.
    """

    early: NDArray[np.float64]
    complete: NDArray[np.bool_] | None = None

    def chosen(self, samples: Samples) -> NDArray[np.int64]:
        early = np.nan_to_num(self.early, nan=np.inf)
        if self.complete is None:
            return early[:, samples.taken[:, :EARLY_RUNS]].min(axis=-1).argmin(axis=0)
        early = np.where(self.complete, early, np.inf)
        first = np.argsort(~self.complete[samples.taken], axis=-1, kind="stable")[:, :EARLY_RUNS]
        runs = np.take_along_axis(samples.taken, first, axis=-1)
        none = ~self.complete[runs].any(axis=-1)
        runs[none] = np.resize(np.flatnonzero(self.complete)[:EARLY_RUNS], runs.shape[-1])
        return early[:, runs].min(axis=-1).argmin(axis=0)


@dataclass(frozen=True, eq=False)
class BestSetting:
    """The rate of each setting by its own rule, and of these the one with the best mean of `select`.

    The mean is over the seeds that were trained at every one of these rates: with few seeds at every rate and all at
    the chosen one, few choose the rate and all choose the setting. Of equal settings it is the one whose rate comes
    first. A sample with none of these seeds has the choice of all of them; where no seed was trained at every one of
    these rates, it is the setting with the most seeds.

    The seeds that choose are those that are told, on other sequences: of two settings that are alike the luckier one
    is told, whose mean is then about 0.56 (1 / sqrt(pi)) of its standard error too high if their runs are independent,
    and less the more these share. The choice is made anew in each sample: that widens an interval and does not move it.

    Args:
        rules: of each setting, for the rates of `rows`.
        rows: of each setting, which of the rates of `select` `(n_lrs, n_seeds)` are its own.
        trained: where `select` is of a member that was trained.
    """

    rules: tuple[SelectionRule, ...]
    rows: tuple[NDArray[np.int64], ...]
    select: NDArray[np.float64]
    trained: NDArray[np.bool_]

    def chosen(self, samples: Samples) -> NDArray[np.int64]:
        found, decided = self._chosen(samples)
        if not decided.all():
            n_seeds = self.select.shape[1]
            found[~decided] = self._chosen(once(n_seeds))[0][0]
        return found

    def _chosen(self, samples: Samples) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The index of each sample's rate, and whether the sample has a seed that chooses the setting."""
        own = [rows[rule.chosen(samples)] for rule, rows in zip(self.rules, self.rows, strict=True)]
        rates = np.sort(np.stack(own, axis=-1), axis=-1)
        weights = samples.weights * self.trained[rates].all(axis=1)
        total = weights.sum(axis=-1)
        means = np.einsum("kn,ksn->ks", weights, np.nan_to_num(self.select, nan=0.0)[rates])
        means /= np.where(total > 0, total, 1.0)[:, np.newaxis]
        seeds = self.trained[rates].sum(axis=-1)
        best = np.where(total > 0, choose_mean(means), seeds.argmax(axis=-1))
        return np.take_along_axis(rates, best[:, np.newaxis], axis=-1)[:, 0], total > 0


def choose(select: NDArray[np.float64]) -> NDArray[np.int64]:
    """The index of the chosen learning rate, for `select` of shape `(*batch, n_lrs, n_seeds)`.

    The mean over seeds decides; among equals the smallest learning rate (they are in ascending order). An
    accuracy that is not a number counts as 0.
    """
    return choose_mean(np.nan_to_num(select, nan=0.0).mean(axis=-1))


def choose_mean(means: NDArray[np.float64]) -> NDArray[np.int64]:
    """The same from means of shape `(*batch, n_lrs)`."""
    # Rounding keeps means that are equal but summed in another order from being told apart.
    return np.argmax(np.round(means, 12), axis=-1)


def _better_than_each(
    select: NDArray[np.float64], trained: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The rate `(samples,)` that `BestMean` describes, by how much each seed weighs `(samples, n_seeds)`."""
    order = np.argsort(-trained.sum(axis=1), kind="stable")
    select, trained = select[order], trained[order]
    counts, every = trained.sum(axis=1), np.broadcast_to(trained.all(axis=0), select.shape)
    # Where all rates but one have the same seeds every pair shares these.
    if (trained[1:] == every[1:]).all():
        return order[choose_mean(_means_over(select, every, weights))]
    first, second = np.triu_indices(len(order), 1)
    ahead = _means_over(select[first] - select[second], trained[first] & trained[second], weights) >= 0
    of_first, of_second = (np.eye(len(order), dtype=np.float32)[side] for side in (first, second))
    best = np.zeros(len(weights), dtype=np.int64)
    undecided = np.arange(len(weights))
    for least in np.unique(counts):
        kept = (counts >= least)[second, np.newaxis]
        wins = ahead[undecided].astype(np.float32) @ ((of_first - of_second) * kept)
        wins += (of_second * kept).sum(axis=0)
        clear = wins.max(axis=-1) == (counts >= least).sum() - 1
        best[undecided[clear]] = wins[clear].argmax(axis=-1)
        undecided = undecided[~clear]
    if len(undecided):
        best[undecided] = choose_mean(_means_over(select, every, weights[undecided])[:, counts == counts[0]])
    return order[best]


def _means_over(
    values: NDArray[np.float64], seeds: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The means `(samples, rows)` of each row of `values` over its `seeds`; over all of these where a sample has none.

    Rounded as in `choose_mean`.
    """
    kept = np.where(seeds, values, 0.0)
    total = weights @ seeds.T
    mean = weights @ kept.T / np.where(total > 0, total, 1.0)
    alone = np.broadcast_to(kept.sum(axis=1) / seeds.sum(axis=1), mean.shape)
    mean[total == 0] = alone[total == 0]
    return np.round(mean, 12)
