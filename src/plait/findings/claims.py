"""Verdicts on claims: what somebody says, what our rows say to it, and which of three words that makes.

- reproduced: our 95% interval holds the claim's number or lies beyond it, in the claim's sense;
- reproduced in direction only: our mean has the claim's sign, but our interval has not its size or not only its sign;
- not reproduced: neither.

A claim without a number (an order) is reproduced where every interval excludes the opposite and 0 itself, and in
direction only where the means alone do; what is shown as 0.000 counts as 0. A claim about several patterns is in
direction only where some of them show it. It is open where what decides it is not trained.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from plait.findings.evidence import Evidence
from plait.findings.words import above_zero


class Outcome(StrEnum):
    REPRODUCED = "reproduced"
    DIRECTION = "reproduced in direction only"
    NOT = "not reproduced"
    OPEN = "open"
    OWN = "no claim of the paper's"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What the rows say to a claim.

    Args:
        ours: our numbers, with intervals.
        short: the same in a few words, for a table; `ours` where none are given.
        why: what made it so, as the rest of a sentence; empty where the numbers say it.
        rates: the learning rates that were chosen.
        trained: fewest and most seeds and learning rates of the models behind it.
    """

    outcome: Outcome
    ours: str
    short: str = ""
    why: str = ""
    rates: str = ""
    trained: str = ""


Judge = Callable[[Evidence], Finding | None]
"""None where the rows that it needs are not there."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim of the paper's about a figure, or a question of our own.

    Args:
        statement: the claim in our words, a sentence without its full stop.
        paper: the paper's number, as it reads in a table.
        rerun: the independent rerun's.
        only: the slice that checks it, as `plait reproduce NAME --full` takes it.
    """

    statement: str
    judge: Judge
    paper: str = "-"
    rerun: str = "-"
    only: tuple[str, ...] = ()

    @property
    def is_own(self) -> bool:
        """A question on which the paper says nothing."""
        return self.paper == "-"

    @property
    def options(self) -> tuple[str, ...]:
        """What asks `plait reproduce` for the rows that decide it, with every learning rate and seed."""
        return ("--full", *(word for entry in self.only for word in ("--only", entry)))


NEGLIGIBLE = 0.005
"""A smaller difference in accuracy, however certain, is none."""


def of_size(mean: float, low: float, high: float, size: float) -> Outcome:
    """The outcome for a claim of a difference above 0 of a given size, from ours and its interval."""
    if mean < NEGLIGIBLE:
        return Outcome.NOT
    return Outcome.REPRODUCED if high >= size and above_zero(low) else Outcome.DIRECTION


def ordered(means: list[float], lows: list[float]) -> Outcome:
    """The outcome for a claim that every difference is above 0, by `NEGLIGIBLE` or more."""
    if any(mean < NEGLIGIBLE for mean in means):
        return Outcome.NOT
    return Outcome.REPRODUCED if all(above_zero(low) for low in lows) else Outcome.DIRECTION


def shown_by(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome for a claim about several patterns: in direction only where some of them show it and some do not."""
    if all(outcome is Outcome.REPRODUCED for outcome in outcomes):
        return Outcome.REPRODUCED
    return Outcome.DIRECTION if Outcome.REPRODUCED in outcomes else Outcome.NOT
