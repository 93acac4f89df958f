"""One assembler: figure and evidence become the blocks of a document, whatever prints it.

The answer comes first, verdicts and plots; then the tables behind it, long ones folded; then where it is from.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

from plait.experiments import Cell, summarise
from plait.findings.claims import claim_text, found_text, judged, outcome_text
from plait.findings.evidence import Evidence
from plait.findings.figure import Figure, Reading, StoredFigure
from plait.findings.members import is_pure, ratios_by_pattern, view_of
from plait.findings.series import Panel, panels, telling
from plait.paper.grids import RERUN_SOURCE
from plait.report.comparisons import matrix_table, paired_table, rates_table
from plait.report.document import Block, ClaimVerdict, Lines, Picture, Table, Verdicts
from plait.report.headline import proved_points
from plait.report.plots import panel_alt, panel_plot, panel_summary
from plait.report.ratio_plot import ratio_alt, ratio_plot
from plait.report.tables import ratio_table, results_table

_MOST_ROWS = 30
"""Of a table that stands open; a longer one is folded."""

RATIO_BRIEF = "Parameters of pure models over those of hybrids, by accuracy"
RATIO_CAPTION = (
    "Pure over hybrid parameters, by accuracy: lines measured, open triangles lower bounds, shaded 95%; the smallest "
    "pure model broad and pale"
)


def figure_blocks(stored: StoredFigure) -> tuple[Block, ...]:
    """What is said of a figure: its answer, then its tables, of each reading that was run."""
    figure, readings = stored.figure, stored.readings
    who = "The paper" if figure.has_paper else "Said before"
    return (
        *([Lines(lines=(f"{who}: {figure.says}",))] if figure.says else []),
        *verdict_blocks(stored),
        *(block for one in readings for block in _pictures(figure, *one, several=len(readings) > 1)),
        *(block for place, one in enumerate(readings) for block in _tables(stored, *one, first=place == 0)),
    )


def first_picture(stored: StoredFigure) -> Picture | None:
    """The first plot of its first reading."""
    several = len(stored.readings) > 1
    return next((p for one in stored.readings for p in _pictures(stored.figure, *one, several=several)), None)


def verdict_blocks(stored: StoredFigure) -> tuple[Verdicts, ...]:
    """The verdict on each claim in each reading; none for a figure without claims."""
    several = len(stored.readings) > 1
    verdicts = tuple(
        ClaimVerdict(
            claim=claim_text(claim),
            outcome=outcome_text(finding, own=claim.is_own),
            found=found_text(finding),
            reading=reading.title if several else "",
            check=stored.figure.command(*claim.options, *stored.figure.setting_options(evidence.in_forms[0])),
        )
        for claim in stored.figure.claims
        for reading, evidence in stored.readings
        for finding in (judged(claim, evidence),)
    )
    return (Verdicts(verdicts=verdicts),) if verdicts else ()


def member_blocks(cells: Sequence[Cell]) -> tuple[Block, ...]:
    """The same for cells of no known figure: plots by what differs, chosen rates, intervals and differences.

    Cells that are told by different fields, as those of different tasks are, have plots of their own.
    """
    told_alike: dict[frozenset[str], list[Cell]] = {}
    for cell in cells:
        told_alike.setdefault(frozenset(cell.settings), []).append(cell)
    shown = [panel for group in told_alike.values() for panel in telling(panels(view_of(group), group))]
    pictures = [
        block for number, panel in enumerate(shown) for block in panel_pictures(panel, f"members-{number}")
    ]
    return (*pictures, *_cell_tables(cells, shown=shown))


def panel_pictures(
    panel: Panel, name: str, figure: Figure | None = None, *, title: str = ""
) -> Iterator[Picture]:
    """A panel's plot, and its ratios by accuracy where its view asks for them.

    Args:
        name: of the files.
        title: the reading, where there are several.
    """
    panel = replace(panel, title=_titled(panel.title, title))
    patterns = {cell.pattern for cell in panel.cells}
    beside = figure if panel.view.x == "parameters" else None
    paper = [r for r in beside.paper if r.pattern in patterns] if beside else []
    rerun = [r for r in beside.rerun if r.pattern in patterns] if beside else []
    proved = proved_points(beside.experiment) if beside else ()
    caption = f"{panel.title}: a" if panel.title else "A"
    caption += f"ccuracy against {panel.x_label}"
    caption += "" if panel.view.y else ": lines ours, bars 95% intervals over seeds"
    caption += ", hollow marks the paper's" if paper else ""
    caption += ", crosses the independent rerun's" if rerun else ""
    caption += ", stars models built by hand and proved" if proved else ""
    yield Picture(
        caption=caption,
        draw=lambda: panel_plot(panel, paper=paper, rerun=rerun, proved=proved),
        tell=lambda: panel_alt(panel),
        name=name,
        brief=panel_summary(panel),
    )
    if panel.view.ratio and len({is_pure(cell) for cell in panel.cells}) == 2:
        ratios = cache(lambda: ratios_by_pattern(panel.cells) or {})
        yield Picture(
            caption=_titled(panel.title, RATIO_CAPTION),
            draw=lambda: ratio_plot(ratios()),
            tell=lambda: ratio_alt(ratios()),
            name=f"{name}-ratio",
            brief=_titled(panel.title, RATIO_BRIEF),
        )


def picture_name(figure: Figure, reading: Reading, view: int, panel: int) -> str:
    """As `fig4-0-0`; that of another reading than the experiment's own has its name, `fig4-as-run-0-0`."""
    own = reading.experiments(figure.experiment) == (figure.experiment,)
    return "-".join((figure.name, *(() if own else (reading.name,)), str(view), str(panel)))


def _pictures(figure: Figure, reading: Reading, evidence: Evidence, *, several: bool) -> Iterator[Picture]:
    for place, view in enumerate(evidence.experiment.views):
        if view.drawn:
            for number, panel in enumerate(evidence.panels(place)):
                name = picture_name(figure, reading, place, number)
                yield from panel_pictures(panel, name, figure, title=reading.title if several else "")


def _tables(stored: StoredFigure, reading: Reading, evidence: Evidence, *, first: bool) -> Iterator[Block]:
    """The tables of one reading; those of further ones are folded."""
    title = reading.title if len(stored.readings) > 1 else ""
    for table in _figure_tables(stored.figure, evidence, first=first):
        yield replace(table, caption=_titled(title, table.caption), folded=table.folded or not first)
    if first and stored.figure.rerun:
        yield Lines(lines=(f"The rerun: {RERUN_SOURCE.partition(': ')[2]}.",))


def _figure_tables(figure: Figure, evidence: Evidence, *, first: bool) -> Iterator[Table]:
    experiment = evidence.experiment
    for place, view in enumerate(experiment.views):
        for panel in evidence.panels(place):
            if view.ratio and (table := ratio_table(panel.cells, reported=figure.ratios, title=panel.title)):
                yield table
            if view.x != "parameters":
                yield matrix_table(panel)
    if experiment.evaluations:
        return
    summaries = [evidence.summary(cell) for cell in evidence.cells]
    patterns = {cell.pattern for cell in evidence.cells}
    paper, rerun = ([r for r in source if r.pattern in patterns] for source in (figure.paper, figure.rerun))
    results = results_table(summaries, paper=paper, rerun=rerun)
    yield replace(results, folded=len(results.rows) > _MOST_ROWS)
    if (paired := paired_table(evidence.cells)) is not None:
        yield replace(paired, folded=True)
    if (by_rate := rates_table(evidence.cells)) is not None:
        yield replace(by_rate, folded=True)


def _cell_tables(cells: Sequence[Cell], *, shown: Sequence[Panel]) -> Iterator[Table]:
    yield results_table([summarise(cell) for cell in cells])
    for panel in shown:
        if panel.view.ratio and (table := ratio_table(panel.cells, title=panel.title)) is not None:
            yield table
    if (paired := paired_table(cells, of_a_kind=True)) is not None:
        yield paired
    if (by_rate := rates_table(cells)) is not None:
        yield replace(by_rate, folded=True)


def _titled(title: str, caption: str) -> str:
    """A caption after the title that it goes under, which then begins the sentence."""
    if not title:
        return caption
    return f"{title}: {caption[0].lower()}{caption[1:]}" if caption else title
