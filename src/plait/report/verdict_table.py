"""How many claims hold, and the table of all of them: claim, others', ours, verdict, each cell short."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from plait.checks import are, counted
from plait.findings.claims import Claim, Finding, Outcome, judged, outcome_text
from plait.findings.figure import Reading, StoredFigure
from plait.report.document import Block, Column, Entry, Lines, Picture, Table

MOST_LETTERS = 160
"""Of a cell."""

MOST_QUESTIONS = 4
"""Of a figure, each with a row of its own."""

COUNTED = (Outcome.REPRODUCED, Outcome.DIRECTION, Outcome.NOT)

Linked = Callable[[str, str], str]
"""The claim of a figure as a table has it, given the figure's name and the words."""


def summary_blocks(
    figures: Sequence[StoredFigure], *, picture: Picture | None = None, linked: Linked | None = None
) -> tuple[Block, ...]:
    """How many claims hold in each reading, the table of claims, and answers to questions of our own.

    Args:
        picture: the one that shows most of it.
        linked: what a claim reads like, with a link.
    """
    read_often = [one for one in figures if len(one.figure.readings) > 1]
    asked = (read_often, False), ([one for one in figures if one not in read_often], False), (figures, True)
    tables = (claims_table(some, own=own, linked=linked) for some, own in asked)
    return (
        Lines(lines=tuple(count_lines(figures)), listed=True),
        *(() if picture is None else (picture,)),
        *(table for table in tables if table.rows),
    )


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
    figures: Sequence[StoredFigure], *, own: bool = False, linked: Linked | None = None
) -> Table:
    """Every claim with what our rows say to it; a column a reading, where there are several.

    Args:
        own: questions of our own, which have no verdict, instead of claims of others.
        linked: what a claim reads like, with a link.
    """
    readings = _readings(figures)
    several = len(readings) > 1
    columns = [Column(name="claim", title="question" if own else "claim", numeric=False)]
    columns += [] if own else [Column(name="paper", title="paper", numeric=False)]
    if own:
        columns.append(Column(name="ours", title="ours", numeric=False))
    elif several:
        columns += [Column(name=r.name.replace("-", "_"), title=r.title, numeric=False) for r in readings]
    else:
        columns += [Column(name=name, title=name, numeric=False) for name in ("ours", "verdict")]
    rows: list[tuple[Entry, ...]] = []
    titles = {reading.name: reading.title for one in figures for reading, _ in one.readings}
    many = [one for one in figures if own and _has_many_questions(one)]
    for name, claim, by_reading in _claims(one for one in figures if one not in many):
        if claim.is_own != own:
            continue
        entries = [_entry(linked(name, claim.statement) if linked else claim.statement)]
        if own:
            entries.append(_entry(_own_answer(by_reading, titles)))
        else:
            entries.append(_entry(_cut(claim.paper)))
            for reading in readings:
                entries += _said(by_reading.get(reading.name), joined=several)
            if not readings:
                entries += _said(None, joined=False)
        rows.append(tuple(entries))
    rows += [_together(stored, linked) for stored in many]
    return Table(
        caption="Questions of our own" if own else "Claims and verdicts",
        columns=tuple(columns),
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
    question = stored.figure.experiment.question
    return _entry(linked(stored.figure.name, question) if linked else question), _entry(words)


def _own_answer(by_reading: Mapping[str, Finding | None], titles: Mapping[str, str]) -> str:
    """That of the first reading, which is named where there are others."""
    name, finding = next(iter(by_reading.items()), ("", None))
    several = finding is not None and len(by_reading) > 1
    return _cut(f"{titles[name]}: {_short(finding)}") if several else _short(finding)


def _cut(text: str) -> str:
    """As much as a cell holds, whole words."""
    if len(text) <= MOST_LETTERS:
        return text
    return f"{text[: MOST_LETTERS - 3].rsplit(' ', maxsplit=1)[0]} .."


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


def _said(finding: Finding | None, *, joined: bool) -> list[Entry]:
    verdict, ours = outcome_text(finding), _short(finding)
    if joined:
        return [_entry(_cut(f"{verdict}: {ours}" if verdict else ours) if finding is not None else "-")]
    return [_entry(ours), _entry(verdict or "none")]


def _short(finding: Finding | None) -> str:
    return "-" if finding is None else _cut(finding.short or finding.ours)


def _entry(text: str) -> Entry:
    return Entry(text=text, value=text)
