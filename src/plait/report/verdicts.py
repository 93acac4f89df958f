"""Verdicts as they read: the table of all claims, the lines of one experiment, and how its rows were trained."""

import re
from collections.abc import Callable, Sequence

from plait.experiments import Cell, cell_label
from plait.report.document import Column, Entry, Table
from plait.report.findings import Claim, Finding, Outcome
from plait.report.own_questions import OWN_QUESTIONS
from plait.report.page_tables import Found
from plait.report.paper_claims import PAPER_CLAIMS

ALL_CLAIMS: tuple[Claim, ...] = (*PAPER_CLAIMS, *OWN_QUESTIONS)

OPEN = "open"

MOST_LABELS = 6

_COLUMNS = (
    Column(name="experiment", title="", numeric=False),
    Column(name="claim", title="claim", numeric=False),
    Column(name="paper", title="paper", numeric=False),
    Column(name="rerun", title="rerun", numeric=False),
    Column(name="ours", title="ours [95% interval]", numeric=False),
    Column(name="verdict", title="verdict", numeric=False),
    Column(name="rates", title="learning rates chosen", numeric=False),
    Column(name="trained", title="trained", numeric=False),
    Column(name="command", title="check it", numeric=False),
)


def claims_of(experiment: str) -> tuple[Claim, ...]:
    return tuple(claim for claim in ALL_CLAIMS if claim.experiment == experiment)


def verdict_table(found_of: Callable[[str], Found]) -> Table:
    """Every claim with what our rows say to it.

    Args:
        found_of: what is stored of an experiment, by its name.
    """
    return Table(
        caption="Claims and verdicts",
        columns=_COLUMNS,
        rows=tuple(_row(claim, found_of(claim.experiment)) for claim in ALL_CLAIMS),
        notes=(f"{OPEN}: what decides the claim is not trained; its command trains it",),
    )


def verdict_lines(found: Found, *, marked: bool = True) -> tuple[str, ...]:
    """A sentence for each claim of the experiment: the verdict, the claim, and the numbers behind it.

    Args:
        marked: the verdict in Markdown's bold, and claims without rows told; otherwise these are left out.
    """
    judged = [(claim, _judged(claim, found)) for claim in claims_of(found.experiment.name)]
    lines = [_sentence(claim, finding) for claim, finding in judged if marked or finding is not None]
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


def _judged(claim: Claim, found: Found) -> Finding | None:
    """The claim's finding, computed once for what is stored."""
    if claim.statement not in found.remembered:
        found.remembered[claim.statement] = claim.judge(found)
    return found.remembered[claim.statement]


def _rates_text(lrs: Sequence[float]) -> str:
    if len(lrs) > 3:
        return f"{len(lrs)} learning rates from {lrs[0]:g} to {lrs[-1]:g}"
    return f"learning rate{'' if len(lrs) == 1 else 's'} {', '.join(f'{lr:g}' for lr in lrs)}"


def _row(claim: Claim, found: Found) -> tuple[Entry, ...]:
    finding = _judged(claim, found)
    texts = {
        "experiment": claim.experiment,
        "claim": claim.statement,
        "paper": claim.paper,
        "rerun": claim.rerun,
        "ours": "" if finding is None else finding.ours,
        "verdict": _verdict(finding),
        "rates": "" if finding is None else finding.rates,
        "trained": "" if finding is None else finding.trained,
        "command": f"`{claim.command}`",
    }
    shown = [texts[column.name] or "-" for column in _COLUMNS]
    return tuple(Entry(text=text, value=text) for text in shown)


def _verdict(finding: Finding | None) -> str:
    if finding is None:
        return OPEN
    return "-" if finding.outcome is Outcome.OWN else finding.outcome.value


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
