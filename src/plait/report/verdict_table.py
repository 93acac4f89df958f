"""The table of all claims with what our rows say to each."""

from collections.abc import Callable, Iterable

from plait.findings.claims import Claim, Finding, Outcome
from plait.findings.evidence import Evidence
from plait.findings.figure import Figure
from plait.findings.verdicts import OPEN, judged
from plait.report.document import Column, Entry, Table

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


def verdict_table(figures: Iterable[Figure], found_of: Callable[[str], Evidence]) -> Table:
    """Every claim with what our rows say to it.

    Args:
        found_of: what is stored of an experiment, by its name.
    """
    return Table(
        caption="Claims and verdicts",
        columns=_COLUMNS,
        rows=tuple(
            _row(figure.name, claim, found_of(figure.name)) for figure in figures for claim in figure.claims
        ),
        notes=(f"{OPEN}: what decides the claim is not trained; its command trains it",),
    )


def _row(name: str, claim: Claim, found: Evidence) -> tuple[Entry, ...]:
    finding = judged(claim, found)
    texts = {
        "experiment": name,
        "claim": claim.statement,
        "paper": claim.paper,
        "rerun": claim.rerun,
        "ours": "" if finding is None else finding.ours,
        "verdict": _verdict(finding),
        "rates": "" if finding is None else finding.rates,
        "trained": "" if finding is None else finding.trained,
        "command": f"`{claim.command(name)}`",
    }
    shown = [texts[column.name] or "-" for column in _COLUMNS]
    return tuple(Entry(text=text, value=text) for text in shown)


def _verdict(finding: Finding | None) -> str:
    if finding is None:
        return OPEN
    return "-" if finding.outcome is Outcome.OWN else finding.outcome.value
