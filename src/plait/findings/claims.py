"""Verdicts on claims: what somebody says, what our rows say to it, and which of three words that makes.

- reproduced: our 95% interval holds the claim's number or lies beyond it, in the claim's sense, and leaves no effect
  out (a difference of 0, a ratio of 1);
- reproduced in direction only: our mean has the claim's sign, but our interval has not its size, or holds no effect;
- not reproduced: neither.

A claim without a number (an order) is reproduced where every interval excludes the opposite and 0 itself, and in
direction only where the means alone do; what is shown as 0.000 counts as 0. A claim about several patterns is in
direction only where some of them show it. It is open where what decides it is not trained: where one of the models that
it speaks of lacks every cell in the reading, whatever the others say (`grid.py`).

Each verdict is judged at 95% by itself, so that of many claims without anything to them some would pass: `all_right`
and `few_false` say which stay if all are to be right together, or few of them false. Sources: S. Holm, Scandinavian
Journal of Statistics 6 (1979) 65-70; Y. Benjamini and Y. Hochberg, Journal of the Royal Statistical Society B 57
(1995) 289-300, which also holds where the statistics lean the same way, as claims about one rival do.
"""

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from plait.checks import counted
from plait.experiments import Cell, cell_label
from plait.experiments.bootstrap import CONFIDENCE
from plait.findings.evidence import Evidence
from plait.findings.grid import untrained, untrained_text
from plait.findings.number_text import above_zero


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
        only: the slice that checks it, as `plait reproduce NAME --full` takes it: all models that the claim speaks of.
        of_trained: whether it speaks of the models of its slice that are trained, and says so; else it is open as long
            as one of them is not.
    """

    statement: str
    judge: Judge
    paper: str = "-"
    rerun: str = "-"
    only: tuple[str, ...] = ()
    of_trained: bool = False

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


OPEN_TEXT = Outcome.OPEN.value

MOST_LABELS = 6
"""Models that are named where their rates differ; of more it would fill the line."""


def protocol_lines(cells: Sequence[Cell]) -> tuple[str, ...]:
    """How many seeds, how many of them at every rate, and which rates each model has, models alike together."""
    groups: dict[tuple[int, int, tuple[float, ...]], dict[str, None]] = {}
    for cell in cells:
        settings = {path: value for path, value in cell.settings.items() if not path.startswith("test.")}
        trained = len(cell.seeds), len(cell.complete_seeds), cell.lrs
        groups.setdefault(trained, {})[cell_label(settings)] = None
    lines = []
    for (n_seeds, n_complete, lrs), labels in groups.items():
        few = f": {', '.join(labels)}" if len(groups) > 1 and len(labels) <= MOST_LABELS else ""
        models = counted(len(labels), "model")
        seeds = counted(n_seeds, "seed")
        seeds += f" ({n_complete} of them at every rate)" if n_complete < n_seeds else ""
        lines.append(f"{models} with {seeds} at {_rates_text(lrs)}{few}")
    return tuple(lines)


def judged(claim: Claim, found: Evidence) -> Finding | None:
    """The claim's finding, computed once for what is stored; open where the grid of its models is not complete."""
    if claim.statement not in found.remembered:
        finding = claim.judge(found)
        found.remembered[claim.statement] = finding and _of_whole_grid(claim, finding, found)
    return found.remembered[claim.statement]


def _of_whole_grid(claim: Claim, finding: Finding, found: Evidence) -> Finding:
    missing = () if finding.outcome is Outcome.OWN else untrained(found, claim.only)
    if not missing:
        return finding
    outcome = finding.outcome if claim.of_trained else Outcome.OPEN
    why = "; ".join(filter(None, (finding.why, untrained_text(missing))))
    return replace(finding, outcome=outcome, why=why)


def _rates_text(lrs: Sequence[float]) -> str:
    """A rate stands once for every setting that has it."""
    rates = tuple(dict.fromkeys(lrs))
    settings = f", {len(lrs)} with those of each setting" if len(rates) < len(lrs) else ""
    if len(rates) > 3:
        return f"{len(rates)} learning rates from {rates[0]:g} to {rates[-1]:g}{settings}"
    noun = "learning rate" if len(rates) == 1 else "learning rates"
    return f"{noun} {', '.join(f'{lr:g}' for lr in rates)}{settings}"


def claim_text(claim: Claim) -> str:
    """The claim with what others have, a sentence: `SSM-TF copies from .. on (paper 0.999; independent rerun ..).`"""
    given = [f"paper {claim.paper}"] if claim.paper != "-" else []
    given += [f"independent rerun {claim.rerun}"] if claim.rerun != "-" else []
    beside = f" ({'; '.join(given)})" if given else ""
    return f"{claim.statement}{beside}."


def found_text(finding: Finding | None) -> str:
    """Our numbers and what made them so, a sentence; that the rows are missing, where they are."""
    if finding is None:
        return "What decides it is not trained."
    why = f": {finding.why}" if finding.why else ""
    rates = f"; learning rates {finding.rates}" if finding.rates and re.search(r"\d", finding.rates) else ""
    trained = f"; {finding.trained}" if finding.trained else ""
    return f"Ours: {finding.ours}{why}{rates}{trained}."


_ANSWERS = MappingProxyType(
    {Outcome.REPRODUCED: "holds", Outcome.DIRECTION: "holds in part", Outcome.NOT: "does not hold"}
)
"""In part: in the means alone, or in some of several cases."""


def outcome_text(finding: Finding | None, *, own: bool = False) -> str:
    """The verdict in a word or a few; nothing where none is given.

    Args:
        own: on a statement of our own, where nothing is there to be reproduced: whether it holds.
    """
    if finding is None:
        return OPEN_TEXT
    if finding.outcome is Outcome.OWN:
        return ""
    return _ANSWERS.get(finding.outcome, OPEN_TEXT) if own else finding.outcome.value


LEVEL = 1 - CONFIDENCE

Name = TypeVar("Name", bound=Hashable)


def all_right(p_values: Mapping[Name, float], *, level: float = LEVEL) -> tuple[Name, ...]:
    """The claims that pass with a chance of at most `level` that any of them is false (Holm), least p first."""
    kept: list[Name] = []
    for place, (name, p) in enumerate(_ascending(p_values)):
        if p > level / (len(p_values) - place):
            break
        kept.append(name)
    return tuple(kept)


def few_false(p_values: Mapping[Name, float], *, level: float = LEVEL) -> tuple[Name, ...]:
    """The claims that pass with an expected share of at most `level` false ones (Benjamini and Hochberg)."""
    ordered = _ascending(p_values)
    passed = [place for place, (_, p) in enumerate(ordered) if p <= level * (place + 1) / len(ordered)]
    return tuple(name for name, _ in ordered[: max(passed, default=-1) + 1])


def _ascending(p_values: Mapping[Name, float]) -> list[tuple[Name, float]]:
    return sorted(p_values.items(), key=lambda entry: entry[1])
