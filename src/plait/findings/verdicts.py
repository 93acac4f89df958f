"""Verdicts as they read: a sentence for each claim, and how the rows behind it were trained."""

import re
from collections.abc import Sequence

from plait.experiments import Cell, cell_label
from plait.findings.claims import Claim, Finding, Outcome
from plait.findings.evidence import Evidence

OPEN = "open"

MOST_LABELS = 6


def verdict_lines(claims: Sequence[Claim], found: Evidence, *, marked: bool = True) -> tuple[str, ...]:
    """A sentence for each claim about one experiment: the verdict, the claim, and the numbers behind it.

    Args:
        marked: the verdict in Markdown's bold, and claims without rows told; otherwise these are left out.
    """
    findings = [(claim, judged(claim, found)) for claim in claims]
    lines = [_sentence(claim, finding) for claim, finding in findings if marked or finding is not None]
    return tuple(line if marked else line.replace("**", "") for line in lines)


def protocol_lines(cells: Sequence[Cell]) -> tuple[str, ...]:
    """How many seeds and which learning rates each model has, models alike together."""
    groups: dict[tuple[int, tuple[float, ...]], dict[str, None]] = {}
    for cell in cells:
        settings = {path: value for path, value in cell.settings.items() if not path.startswith("test.")}
        groups.setdefault((len(cell.seeds), cell.lrs), {})[cell_label(settings)] = None
    lines = []
    for (n_seeds, lrs), labels in groups.items():
        few = f": {', '.join(labels)}" if len(groups) > 1 and len(labels) <= MOST_LABELS else ""
        models = f"{len(labels)} model{'' if len(labels) == 1 else 's'}"
        seeds = f"{n_seeds} seed{'' if n_seeds == 1 else 's'}"
        lines.append(f"{models} with {seeds} at {_rates_text(lrs)}{few}")
    return tuple(lines)


def judged(claim: Claim, found: Evidence) -> Finding | None:
    """The claim's finding, computed once for what is stored."""
    if claim.statement not in found.remembered:
        found.remembered[claim.statement] = claim.judge(found)
    return found.remembered[claim.statement]


def _rates_text(lrs: Sequence[float]) -> str:
    if len(lrs) > 3:
        return f"{len(lrs)} learning rates from {lrs[0]:g} to {lrs[-1]:g}"
    return f"learning rate{'' if len(lrs) == 1 else 's'} {', '.join(f'{lr:g}' for lr in lrs)}"


def _sentence(claim: Claim, finding: Finding | None) -> str:
    if finding is None:
        return f"{claim.statement}: {OPEN}, what decides it is not trained."
    given = [f"paper {claim.paper}"] if claim.paper != "-" else []
    given += [f"independent rerun {claim.rerun}"] if claim.rerun != "-" else []
    beside = f" ({'; '.join(given)})" if given else ""
    why = f": {finding.why}" if finding.why else ""
    rates = f"; learning rates {finding.rates}" if finding.rates and re.search(r"\d", finding.rates) else ""
    said = f"{claim.statement}{beside}. Ours: {finding.ours}{why}{rates}."
    return said if finding.outcome is Outcome.OWN else f"**{finding.outcome.value.capitalize()}.** {said}"
