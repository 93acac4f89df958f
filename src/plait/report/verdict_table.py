"""How many claims hold, and the table of all of them: claim, others', ours, verdict, each cell short."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from plait.checks import are, counted
from plait.findings.claims import Claim, Finding, Outcome, judged, outcome_text
from plait.findings.figure import Reading, StoredFigure
from plait.report.document import Block, Column, Entry, Lines, Picture, Table

MOST_CELL_LETTERS = 160
"""Of a cell."""

MOST_QUESTIONS = 4
"""Of a figure, each with a row of its own."""

COUNTED = (Outcome.REPRODUCED, Outcome.DIRECTION, Outcome.NOT)

Linked = Callable[[str, str], str]
"""The claim of a figure as a table has it, given the figure's name and the words."""


def summary_blocks(
    figures: Sequence[StoredFigure], *, picture: Picture | None = None, linked: Linked | None = None
) -> tuple[Block, ...]:
    """How many claims hold in each reading, the tables of claims, and answers to questions of our own.

    Args:
        picture: the one that shows most of it.
        linked: what a claim reads like, with a link.
    """
    return (
        counts_block(figures),
        *(() if picture is None else (picture,)),
        *claims_blocks(figures, linked=linked),
    )


def counts_block(figures: Sequence[StoredFigure]) -> Lines:
    """How many claims hold, a line a reading."""
    return Lines(lines=tuple(count_lines(figures)), listed=True)


def claims_blocks(figures: Sequence[StoredFigure], *, linked: Linked | None = None) -> tuple[Table, ...]:
    """A table of claims for each reading, further ones folded; one of figures that are read once; one of our own."""
    often = [one for one in figures if len(one.figure.readings) > 1]
    once = [one for one in figures if one not in often]
    waiting = [one for one in often if not one.readings]
    by_reading = [
        replace(
            claims_table(
                [one for one in often if place == 0 or one not in waiting], reading=reading, linked=linked
            ),
            caption=f"Claims and verdicts, {reading.title}",
            folded=place > 0,
        )
        for place, reading in enumerate(_readings(often))
    ]
    tables = (*by_reading, claims_table(once, linked=linked), claims_table(figures, own=True, linked=linked))
    return tuple(table for table in tables if table.rows)


def count_lines(figures: Sequence[StoredFigure]) -> list[str]:
    """`As it was run: of 43 claims 19 are reproduced, 10 in direction only, 14 are not; 4 are open.`

    A line for each reading in which anything was run, of the claims of the figures that were, and one for the rest.
    """
    readings = _readings(figures)
    claims = [(claim, by_reading) for _, claim, by_reading in _claims(figures) if not claim.is_own]
    lines: list[str] = []
    for reading in readings:
        asked = [by_reading[reading.name] for _, by_reading in claims if reading.name in by_reading]
        outcomes = [Outcome.OPEN if finding is None else finding.outcome for finding in asked]
        reproduced, direction, missed = (outcomes.count(outcome) for outcome in COUNTED)
        words = (
            f"of {counted(len(asked), 'claim')} {reproduced} {are(reproduced)} reproduced, "
            f"{direction} in direction only, {missed} {are(missed)} not"
        )
        unsaid, unjudged = outcomes.count(Outcome.OPEN), outcomes.count(Outcome.OWN)
        words += f"; {unsaid} {are(unsaid)} open" if unsaid else ""
        words += f"; {unjudged} {are(unjudged)} told without a verdict" if unjudged else ""
        before = f"{_titled(reading, figures)}: " if len(readings) > 1 else ""
        lines.append(f"{before}{words}")
    waiting = sum(not by_reading for _, by_reading in claims)
    if waiting:
        lines.append(f"{counted(waiting, 'claim')} {are(waiting)} of figures that are not run yet")
    return lines


def _titled(reading: Reading, figures: Sequence[StoredFigure]) -> str:
    """A reading's title; of one that stands alone in its figures, their names."""
    alone = [one.figure for one in figures if tuple(one.figure.readings) == (reading,)]
    names = [figure.name for figure in alone if not all(claim.is_own for claim in figure.claims)]
    return ", ".join(names) if names else f"{reading.title[0].upper()}{reading.title[1:]}"


def claims_table(
    figures: Sequence[StoredFigure],
    *,
    own: bool = False,
    reading: Reading | None = None,
    linked: Linked | None = None,
) -> Table:
    """Every claim, others' number, ours, and the verdict.

    Args:
        own: questions of our own, which have no verdict, instead of claims of others.
        reading: the one that is told, of the claims that are read in it or in none yet; each figure's first one if
            none is given.
        linked: what a claim reads like, with a link.
    """
    names = ("question", "ours") if own else ("claim", "paper", "ours", "verdict")
    rows: list[tuple[Entry, ...]] = []
    titles = {reading.name: reading.title for one in figures for reading, _ in one.readings}
    many = [one for one in figures if own and _has_many_questions(one)]
    for name, claim, by_reading in _claims(one for one in figures if one not in many):
        if claim.is_own != own or (reading and by_reading and reading.name not in by_reading):
            continue
        words = _entry(linked(name, claim.statement) if linked else claim.statement)
        if own:
            rows.append((words, _entry(_own_answer(by_reading, titles))))
            continue
        found = next(iter(by_reading.values()), None) if reading is None else by_reading.get(reading.name)
        rows.append(
            (words, _entry(_cut(claim.paper)), _entry(_short(found)), _entry(outcome_text(found) or "none"))
        )
    rows += [_together(stored, linked) for stored in many]
    return Table(
        caption="Questions of our own" if own else "Claims and verdicts",
        columns=tuple(Column(name=name, title=name, numeric=False) for name in names),
        rows=tuple(rows),
    )


def _has_many_questions(stored: StoredFigure) -> bool:
    """More than get a row each, all of them of yes or no."""
    claims = [claim for claim in stored.figure.claims if claim.is_own]
    found = [judged(claim, evidence) for claim in claims for _, evidence in stored.readings]
    return len(claims) > MOST_QUESTIONS and all(one is None or one.outcome in COUNTED for one in found)


def _together(stored: StoredFigure, linked: Linked | None) -> tuple[Entry, ...]:
    """A figure's many questions as the one that it asks, and how many of them are answered how."""
    found = [
        next(iter(by_reading.values()), None) for _, claim, by_reading in _claims([stored]) if claim.is_own
    ]
    outcomes = [Outcome.OPEN if one is None else one.outcome for one in found]
    yes, direction, no = (outcomes.count(outcome) for outcome in COUNTED)
    unsaid = len(found) - yes - direction - no
    words = f"of {len(found)}: yes {yes}, in part {direction}, no {no}, open {unsaid}"
    words += ", at the sizes that are trained" if any(one.of_trained for one in stored.figure.claims) else ""
    question = stored.figure.experiment.question
    return _entry(linked(stored.figure.name, question) if linked else question), _entry(words)


def _own_answer(by_reading: Mapping[str, Finding | None], titles: Mapping[str, str]) -> str:
    """That of the first reading, which is named where there are others."""
    name, finding = next(iter(by_reading.items()), ("", None))
    several = finding is not None and len(by_reading) > 1
    return _cut(f"{titles[name]}: {_short(finding)}") if several else _short(finding)


def _cut(text: str) -> str:
    """As much as a cell holds, whole words."""
    if len(text) <= MOST_CELL_LETTERS:
        return text
    return f"{text[: MOST_CELL_LETTERS - 3].rsplit(' ', maxsplit=1)[0]} .."


def _claims(
    figures: Iterable[StoredFigure],
) -> Iterable[tuple[str, Claim, dict[str, Finding | None]]]:
    for stored in figures:
        for claim in stored.figure.claims:
            yield (
                stored.figure.name,
                claim,
                {reading.name: judged(claim, evidence) for reading, evidence in stored.readings},
            )


def _readings(figures: Iterable[StoredFigure]) -> list[Reading]:
    """Every reading of a claim of others, in the order of the figures' own."""
    found = {
        reading.name: (place, reading)
        for stored in figures
        for place, reading in enumerate(stored.figure.readings)
        if reading.name in {run.name for run, _ in stored.readings}
        and not all(claim.is_own for claim in stored.figure.claims)
    }
    return [reading for _, reading in sorted(found.values(), key=lambda pair: pair[0])]


def _short(finding: Finding | None) -> str:
    return "-" if finding is None else _cut(finding.short or finding.ours)


def _entry(text: str) -> Entry:
    return Entry(text=text, value=text)
