"""Judges of a lead: one model over another where both are measured, and what a change to both does to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from plait.experiments import Cell, paired_difference
from plait.experiments.statistics import change_of_difference
from plait.findings.claims import Finding, Judge, Outcome, of_size
from plait.findings.evidence import Evidence
from plait.findings.judges import READING, Having, difference_text, having, means_text, training
from plait.findings.members import held_to
from plait.findings.number_text import above_zero, bracketed, signed

Score = Literal["pooled", "sequences"]
"""The share of all tokens, or the mean over sequences of each one's, empty ones as right (as the program ran)."""


@dataclass(frozen=True, kw_only=True)
class ModelPair:
    """Two models and where they are measured.

    Args:
        first, second: the fields of each.
        lrs: the only learning rates that may be chosen; all where none is given.
        rates: of how many, at least, one is chosen.
        score: what of the measurements is compared.
    """

    first: Having
    second: Having
    lrs: Sequence[float] = field(default=())
    rates: int = 1
    score: Score = "pooled"

    def cells(self, found: Evidence) -> tuple[Cell, Cell] | None:
        """None where one is not measured, or no seed is shared."""
        cells = found.at_rates(tuple(self.lrs))
        one, other = (self._only(having(cells, where)) for where in (self.first, self.second))
        if one is None or other is None or not set(one.seeds) & set(other.seeds):
            return None
        return one, other

    def _only(self, cells: Sequence[Cell]) -> Cell | None:
        if len(cells) != 1 or len(cells[0].lrs) < self.rates:
            return None
        cell = cells[0]
        if self.score == "sequences":
            if cell.by_sequence is None or np.isnan(cell.by_sequence[cell.was_trained]).any():
                return None
            cell = replace(cell, accuracy=cell.by_sequence)
        return held_to(cell, self.lrs) if self.lrs else cell


def lead(pair: ModelPair, *, size: float) -> Judge:
    """The first is above the second by `size`."""

    def judge(found: Evidence) -> Finding | None:
        cells = pair.cells(found)
        if cells is None:
            return None
        difference = paired_difference(*cells)
        if difference.interval is None:
            return None
        low, high = difference.interval.low, difference.interval.high
        return Finding(
            outcome=of_size(difference.mean, low, high + READING, size),
            ours=f"{difference_text(difference)} ({means_text(*cells)})",
            **training(found, cells),
        )

    return judge


def lost(near: Having, far: Having, *, lrs: Sequence[float] = ()) -> Judge:
    """One model, measured far from its training, has lost half of what it has near it; a tenth is the direction."""

    def judge(found: Evidence) -> Finding | None:
        cells = ModelPair(first=near, second=far, lrs=lrs).cells(found)
        if cells is None:
            return None
        loss, learned = paired_difference(*cells), found.summary(cells[0]).mean
        outcome = Outcome.NOT
        if loss.interval is not None and above_zero(loss.interval.low) and loss.mean >= learned / 10:
            outcome = Outcome.REPRODUCED if loss.mean >= learned / 2 else Outcome.DIRECTION
        words = " to ".join(bracketed(found.summary(cell)) for cell in cells)
        return Finding(outcome=outcome, ours=f"from {words}", **training(found, cells))

    return judge


def what_changes_do(before: ModelPair, changes: Mapping[str, ModelPair]) -> Judge:
    """The lead of `before`, and how much larger each change alone makes it."""

    def judge(found: Evidence) -> Finding | None:
        start = before.cells(found)
        if start is None:
            return None
        words, short, shown = [f"the lead is {difference_text(paired_difference(*start))}"], [], [*start]
        for name, pair in changes.items():
            now = pair.cells(found)
            if now is None or not set.intersection(*(set(cell.seeds) for cell in (*now, *start))):
                words.append(f"{name}: not trained")
                continue
            effect = change_of_difference(now, start)
            words.append(f"{name} {difference_text(effect)}")
            short.append(f"{name} {signed(effect.mean)}")
            shown += now
        if not short:
            return None
        return Finding(
            outcome=Outcome.OWN, ours="; ".join(words), short=", ".join(short), **training(found, shown)
        )

    return judge


def leads(pairs: Mapping[str, ModelPair]) -> Judge:
    """Every lead that is measured, by name."""

    def judge(found: Evidence) -> Finding | None:
        words, short, shown = [], [], []
        for name, pair in pairs.items():
            cells = pair.cells(found)
            if cells is None:
                continue
            difference = paired_difference(*cells)
            words.append(f"{name} {difference_text(difference)} ({means_text(*cells)})")
            short.append(f"{name} {signed(difference.mean)}")
            shown += cells
        if not words:
            return None
        return Finding(
            outcome=Outcome.OWN, ours="; ".join(words), short=", ".join(short), **training(found, shown)
        )

    return judge
