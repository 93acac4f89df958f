"""Verdicts on claims: what somebody says, what our rows say to it, and which of three words that makes.

- reproduced: our 95% interval holds the claim's number or lies beyond it, in the claim's sense;
- reproduced in direction only: our interval excludes the opposite, and the claim's size as well;
- not reproduced: neither.

A claim without a number (an order) is reproduced where every interval excludes the opposite, and in direction only
where the means alone do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from plait.report.page_tables import Found


class Outcome(StrEnum):
    REPRODUCED = "reproduced"
    DIRECTION = "reproduced in direction only"
    NOT = "not reproduced"
    OWN = "no claim of the paper's"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What the rows say to a claim.

    Args:
        ours: our numbers, with intervals.
        why: what made it so, as the rest of a sentence; empty where the numbers say it.
        rates: the learning rates that were chosen.
    """

    outcome: Outcome
    ours: str
    why: str = ""
    rates: str = ""


Judge = Callable[[Found], Finding | None]
"""None where the rows that it needs are not there."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim of the paper's about one experiment, or a question of our own.

    Args:
        statement: the claim in our words, a sentence without its full stop.
        paper: the paper's number, as it reads in a table.
        rerun: the independent rerun's.
        only: the slice that checks it, as `plait reproduce NAME --full` takes it.
    """

    experiment: str
    statement: str
    judge: Judge
    paper: str = "-"
    rerun: str = "-"
    only: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """What trains the rows that decide it, with every learning rate and seed."""
        slices = "".join(f" --only {entry}" for entry in self.only)
        return f"plait reproduce {self.experiment} --full{slices}"


def sized(low: float, high: float, size: float) -> Outcome:
    """The outcome for a claim of a difference above 0 of a given size, from an interval of ours."""
    if high >= size and low > 0:
        return Outcome.REPRODUCED
    return Outcome.DIRECTION if low > 0 else Outcome.NOT


NEGLIGIBLE = 0.005
"""A smaller difference in accuracy, however certain, is none."""


def ordered(means: list[float], lows: list[float]) -> Outcome:
    """The outcome for a claim that every difference is above 0, by `NEGLIGIBLE` or more."""
    if any(mean < NEGLIGIBLE for mean in means):
        return Outcome.NOT
    return Outcome.REPRODUCED if all(low > 0 for low in lows) else Outcome.DIRECTION
