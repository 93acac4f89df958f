"""Judges of models trained at several bit proportions and tested at one (see judges.py)."""

from collections.abc import Sequence

from plait.experiments import Cell, paired_difference
from plait.findings.claims import Finding, Judge, Outcome, ordered
from plait.findings.evidence import Evidence
from plait.findings.judges import difference_text, having, training
from plait.findings.series import value_of
from plait.findings.words import bracketed, decimals

COLUMN = 0.2
"""The bit proportion at which Table 1 tests."""


def best_at_most_proportions(pattern: str, *, tested: float = COLUMN, but: Sequence[float] = (0.9,)) -> Judge:
    """At each training proportion but some, `pattern` is ahead of every other when tested at one proportion.

    In direction only where it is ahead at more of them than another pattern is ahead of it.
    """

    def judge(found: Evidence) -> Finding | None:
        groups = {
            at: cells
            for at, cells in _by_training(found, tested).items()
            if len(cells) > 1 and any(cell.pattern == pattern for cell in cells)
        }
        if len(groups) < 2:
            return None
        words, won, lost = [], [], []
        for at, cells in groups.items():
            own = next(cell for cell in cells if cell.pattern == pattern)
            rivals = [cell for cell in cells if cell is not own]
            rival = max(rivals, key=lambda cell: found.summary(cell).mean)
            lead = paired_difference(own, rival)
            words.append(
                f"{at:g} {decimals(found.summary(own).mean)}, {difference_text(lead)} on {rival.pattern}"
            )
            if lead.interval is not None and at not in but:
                won += [at] if ordered([lead.mean], [lead.interval.low]) is Outcome.REPRODUCED else []
                lost += [at] if ordered([-lead.mean], [-lead.interval.high]) is Outcome.REPRODUCED else []
        n_asked = sum(at not in but for at in groups)
        outcome = Outcome.DIRECTION if len(won) > len(lost) else Outcome.NOT
        if len(won) == n_asked:
            outcome = Outcome.REPRODUCED
        shown = [cell for cells in groups.values() for cell in cells]
        why = f"ahead at {len(won)} of {n_asked}, behind at {len(lost)}"
        return Finding(
            outcome=outcome,
            ours=f"{pattern}: {'; '.join(words)}",
            short=why,
            why=why,
            **training(found, shown),
        )

    return judge


def best_trained_at(pattern: str, among: Sequence[float], *, tested: float = COLUMN) -> Judge:
    """Tested at one proportion, `pattern` does best when trained at one of `among`."""

    def judge(found: Evidence) -> Finding | None:
        cells = {
            at: cell
            for at, group in _by_training(found, tested).items()
            for cell in group
            if cell.pattern == pattern
        }
        inside = [cell for at, cell in cells.items() if at in among]
        outside = [cell for at, cell in cells.items() if at not in among]
        if not inside or not outside:
            return None
        first, second = (max(side, key=lambda cell: found.summary(cell).mean) for side in (inside, outside))
        lead = paired_difference(first, second)
        if lead.interval is None:
            return None
        words = [f"{at:g} {bracketed(found.summary(cell))}" for at, cell in cells.items()]
        return Finding(
            outcome=ordered([lead.mean], [lead.interval.low]),
            ours="; ".join(words),
            short=f"best {bracketed(found.summary(first))} there, {bracketed(found.summary(second))} elsewhere",
            why=f"the best of these {difference_text(lead)} on the best of the others",
            **training(found, cells.values()),
        )

    return judge


def _by_training(found: Evidence, tested: float) -> dict[float, list[Cell]]:
    """Cells tested at one bit proportion by the one that they were trained at, ascending."""
    groups: dict[float, list[Cell]] = {}
    for cell in having(found.cells, {"test.p_bit": tested}):
        groups.setdefault(value_of(cell, "task.p_bit"), []).append(cell)
    return dict(sorted(groups.items()))
