"""Selective copying: models that know the latest number and keep tokens by it.

    9' is the latest number:  the nine last tokens are wanted, and one that is not kept stays a gap until it is old
    5' is the latest number:  a token nine old is hardly wanted any more, the newest one is kept in its place

A configuration is the latest number and the ages of the tokens kept. Which ones are allowed decides how many states
there are; what to keep within them is decided at its best, by what is asked later. Source: docs/theory.md, 13.7.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from plait.tasks import SelectiveCopying

MOST_AGES = 10
"""The largest number up to which such models are looked for; beyond, there are too many configurations."""

_AHEAD = 40
_DROPPED = 0.25
"""The share of the configurations that are dropped at a time, the rarest ones."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A model that was found.

    Args:
        kept: `[latest number, ages]`, which of these ages are kept; age `a` is the bit `a - 1`.
        states: how many it has.
        right: answers on an average row that are right since what is asked for is kept.
    """

    kept: np.ndarray
    states: float
    right: float


@lru_cache(maxsize=16)  # a task at a length each
def schedules(task: SelectiveCopying, seq_len: int) -> tuple[Schedule, ...]:
    """Models from one token kept up to all but one; none where there is one number, or a row is shorter than one."""
    if len(task.numbers) < 2 or max(task.numbers) > min(MOST_AGES, seq_len - 1):
        return ()
    found = []
    for most in range(1, max(task.numbers)):
        found += _with_at_most(task, seq_len, _Ages(task), most)
    return tuple(found)


class _Ages:
    """Sets of ages as bits: bit `a - 1` is the token that is `a` places before the next one."""

    def __init__(self, task: SelectiveCopying) -> None:
        self.bits, count = max(task.numbers), len(task.numbers)
        self.changes = np.append(
            np.full(count, task.p_number / count), 1 - task.p_number
        )  # to a number; to none
        masks = np.arange(1 << self.bits)
        self.kept = np.array([mask.bit_count() for mask in masks.tolist()])
        self.older = masks << 1 & (1 << self.bits) - 1 | 1
        self.asked = np.array([masks >> n - 1 & 1 for n in task.numbers], dtype=float)

    def best_within(self, worth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For each set, the best allowed set within it, and its worth."""
        worth, chosen = (
            np.ascontiguousarray(worth).copy(),
            np.tile(np.arange(worth.shape[1]), (len(worth), 1)),
        )
        for bit in range(self.bits):
            split = (len(worth), -1, 2, 1 << bit)  # the third index is the bit
            worths, choices = worth.reshape(split), chosen.reshape(split)
            better = worths[:, :, 0] > worths[:, :, 1]
            np.copyto(worths[:, :, 1], worths[:, :, 0], where=better)
            np.copyto(choices[:, :, 1], choices[:, :, 0], where=better)
        return chosen, worth

    def policy(self, allowed: np.ndarray) -> np.ndarray:
        """`[latest number, ages]`: what to keep of these, so that most is right later."""
        worth = np.zeros(allowed.shape)
        for _ in range(_AHEAD):
            _, behind = self.best_within(np.where(allowed, worth, -np.inf))
            behind = self.asked + behind[:, self.older]
            worth = self.changes[-1] * behind + self.changes[:-1] @ behind
        chosen, _ = self.best_within(np.where(allowed, worth, -np.inf))
        return chosen


def _with_at_most(task: SelectiveCopying, seq_len: int, ages: _Ages, most: int) -> list[Schedule]:
    """Models that keep so many tokens at most, in ever fewer configurations."""
    small = [(1 << kept) - 1 for kept in range(most)]
    allowed = np.broadcast_to(ages.kept <= most, ages.asked.shape).copy()
    found = []
    while True:
        schedule, visits = _run(task, seq_len, ages, ages.policy(allowed))
        found.append(schedule)
        allowed = visits > 0
        allowed[:, small] = True
        full = np.argwhere((visits > 0) & (ages.kept == most))
        if not len(full):
            return found
        rare = full[np.argsort(visits[tuple(full.T)], kind="stable")[: max(1, int(len(full) * _DROPPED))]]
        for latest, mask in rare.tolist():
            allowed[latest, mask] = False
            allowed[latest, [mask ^ 1 << bit for bit in range(ages.bits) if mask >> bit & 1]] = True


def _run(
    task: SelectiveCopying, seq_len: int, ages: _Ages, policy: np.ndarray
) -> tuple[Schedule, np.ndarray]:
    """What comes of it, over all cuts, and how often a cut finds each configuration.

    Before a number is read a model keeps what it would keep behind the first one; nothing is asked there.
    """
    n_numbers, n_sets = policy.shape
    read, unread = np.zeros((n_numbers, n_sets)), np.zeros(n_sets)
    unread[0] = 1.0
    right, visits = 0.0, np.zeros(policy.shape)
    for _ in range(seq_len):
        mass = ages.changes[-1] * read + ages.changes[:-1, None] * (read.sum(0) + unread)
        right += float((mass * ages.asked).sum())
        unread_mass, read, unread = ages.changes[-1] * unread, np.zeros_like(read), np.zeros_like(unread)
        latest, sets = np.nonzero(mass)
        np.add.at(read, (latest, policy[latest, ages.older[sets]]), mass[latest, sets])
        sets = np.flatnonzero(unread_mass)
        np.add.at(unread, policy[0, ages.older[sets]], unread_mass[sets])
        visits += read
        visits[0] += unread
    states = float((float(task.ordinary_tokens) ** ages.kept[None] * (visits > 0)).sum())
    return Schedule(kept=policy, states=states, right=right), visits
