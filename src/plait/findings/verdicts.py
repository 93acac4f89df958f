"""Verdicts in words: the claim, the outcome, what was found, and how the rows behind it were trained."""

import re
from collections.abc import Sequence
from types import MappingProxyType

from plait.experiments import Cell, cell_label
from plait.findings.claims import Claim, Finding, Outcome
from plait.findings.evidence import Evidence

OPEN = Outcome.OPEN.value

MOST_LABELS = 6


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
        models = f"{len(labels)} model{'' if len(labels) == 1 else 's'}"
        seeds = f"{n_seeds} seed{'' if n_seeds == 1 else 's'}"
        seeds += f" ({n_complete} of them at every rate)" if n_complete < n_seeds else ""
        lines.append(f"{models} with {seeds} at {_rates_text(lrs)}{few}")
    return tuple(lines)


def judged(claim: Claim, found: Evidence) -> Finding | None:
    """The claim's finding, computed once for what is stored."""
    if claim.statement not in found.remembered:
        found.remembered[claim.statement] = claim.judge(found)
    return found.remembered[claim.statement]


def _rates_text(lrs: Sequence[float]) -> str:
    """A rate stands once for every setting that has it."""
    rates = tuple(dict.fromkeys(lrs))
    settings = f", {len(lrs)} with those of each setting" if len(rates) < len(lrs) else ""
    if len(rates) > 3:
        return f"{len(rates)} learning rates from {rates[0]:g} to {rates[-1]:g}{settings}"
    return f"learning rate{'' if len(rates) == 1 else 's'} {', '.join(f'{lr:g}' for lr in rates)}{settings}"


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
        return OPEN
    if finding.outcome is Outcome.OWN:
        return ""
    return _ANSWERS.get(finding.outcome, OPEN) if own else finding.outcome.value
