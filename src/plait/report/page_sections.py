"""The section of an experiment on a page of results: verdicts, plots, tables, and how its rows were trained."""

from collections.abc import Iterator

from plait.experiments import Experiment
from plait.findings.evidence import Evidence
from plait.findings.figure import Figure
from plait.findings.verdicts import protocol_lines, verdict_lines
from plait.report.comparisons import matrix_table, paired_table
from plait.report.document import Lines, Table
from plait.report.origin import LEFT_OUT, ORIGIN, origin_report
from plait.report.page_tables import TABLES
from plait.report.tables import sweep_notes

MOST_ROWS = 30
"""Of a table that stands open; a longer one is folded."""


def not_run(experiment: Experiment) -> str:
    """The one line of an experiment of which nothing is stored."""
    return f"*Not run yet: `plait reproduce {experiment.name} --full`, {len(experiment.expand()):,} members.*"


def verdict_block(figure: Figure, found: Evidence) -> str:
    return "\n".join(f"- {line}" for line in verdict_lines(figure.claims, found))


def protocol_block(found: Evidence) -> str:
    """What was trained: seeds and learning rates, what is missing, versions and devices."""
    notes = sweep_notes([found.summary(cell) for cell in found.cells]) if found.experiment.evaluations else []
    return "\n".join(f"- {line}" for line in (*protocol_lines(found.cells), *notes, *_origin_lines(found)))


def section_tables(figure: Figure, found: Evidence) -> Iterator[tuple[Table, bool]]:
    """The experiment's tables in order, and whether each is folded."""
    experiment = found.experiment
    measured_elsewhere = bool(experiment.evaluations)
    for place, view in enumerate(experiment.views):
        if view.x != "parameters":
            for panel in found.panels(place):
                yield matrix_table(panel), False
    if not measured_elsewhere:
        table = TABLES["results"](figure, found, ())
        assert table is not None
        yield table, len(table.rows) > MOST_ROWS
    if any(view.ratio for view in experiment.views):
        for place in range(len(found.panels([view.ratio for view in experiment.views].index(True)))):
            table = TABLES["ratio"](figure, found, (str(place),))
            if table is not None:
                yield table, False
    paired = None if measured_elsewhere else paired_table(found.cells)
    if paired is not None:
        yield paired, True


def _origin_lines(found: Evidence) -> list[str]:
    """What of the experiment is missing, in a line, and what made the rest."""
    lines = {section.title: section.blocks for section in origin_report(found.experiment, found.stored)}
    missing = [line for block in lines.get(LEFT_OUT, ()) if isinstance(block, Lines) for line in block.lines]
    made = [line for block in lines[ORIGIN] if isinstance(block, Lines) for line in block.lines]
    untrained = [line for line in missing if line.endswith(NOT_TRAINED)]
    return [*missing[:1], *map(_shortened, untrained), *made]


NOT_TRAINED = ": not run"

MOST_NAMED = 8


def _shortened(line: str) -> str:
    """Models that were not run, by name if they are few."""
    labels = line.removesuffix(NOT_TRAINED).split(", ")
    return line if len(labels) <= MOST_NAMED else f"{len(labels)} of its models{NOT_TRAINED}"
